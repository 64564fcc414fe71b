"""An engine whose answers are written down as they arrive, so that none is asked for, or paid for, twice.

For engines whose answers do not depend on what else is asked: servers. A model on this machine is asked again for the
shard that a kill cost, so that a run that was killed ends with the same records to the last digit.

Answers outlive their stage: made anew because a setting or a file has changed, it asks only what it never asked.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import uuid4

from humpback.engines.answer_files import AnswerFolders, WrittenAnswers, as_json, line_of
from humpback.engines.base import Engine
from humpback.engines.spending import Spending
from humpback.records import content_id
from humpback.requests import (
    Completion,
    Embedding,
    EmbeddingRequest,
    Likelihood,
    LikelihoodRequest,
    Request,
    SpanLikelihood,
)

Asked = TypeVar("Asked", Request, LikelihoodRequest)
Answer = TypeVar("Answer", Completion, Likelihood)

_SYNC_SECONDS = 1.0
"""The log is flushed to the system at every answer, which a kill of this process cannot undo, and to the disk at most
this often: what a power cut can cost."""


@dataclass(slots=True, eq=False)
class _Shard:
    """What is written down for one shard."""

    path: Path | None = None
    file: IO[bytes] | None = None
    synced: float = 0.0
    writing: threading.Lock = field(default_factory=threading.Lock)


class _Writing(threading.local):
    """What one thread has written down and looked up for the shard that it works on."""

    def __init__(self) -> None:
        self.shard = _Shard()
        self.used: list[str] = []


class AnswerLog:
    """An engine that looks an answer up before it asks, and asks no more than the budget covers.

    Several threads may use it, each for a shard of its own.

    Args:
        engine: Who is asked.
        folders: Where answers are kept. Several processes may share them: each writes files of its own.
        spending: Is told what the answers take.

    Raises:
        ConfigError: There is a budget in money, and the answers have no price.
    """

    def __init__(self, engine: Engine, folders: AnswerFolders, spending: Spending) -> None:
        self._engine = engine
        self._folders = folders
        self._spending = spending
        spending.check_prices(engine.model, priced=getattr(self.spent, "priced", True))
        self._answers = WrittenAnswers([folders.earlier, folders.in_hand])
        self._name = uuid4().hex
        self._here = _Writing()
        self._files: list[IO[bytes]] = []
        self._under_way: dict[int, tuple[str, _Shard]] = {}
        self._written: set[str] = set()
        self._is_told = False
        if hasattr(engine, "on_answer"):
            engine.on_answer, self._is_told = self._write_at_once, True

    @property
    def model(self) -> str:
        """Identity of the model that answers."""
        return self._engine.model

    @property
    def spent(self) -> Any:
        """What the answers of a server took."""
        return getattr(self._engine, "spent", "")

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Continues each conversation; an answer that is written down is not asked for."""
        return self._look_up_or_ask(requests, self._engine.generate, _completion)

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Says how likely each continuation is; an answer that is written down is not asked for."""
        return self._look_up_or_ask(requests, self._engine.loglikelihood, _likelihood)

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """Passed on and not written down: engines that keep answers show no hidden states."""
        return self._engine.embed(requests)

    def close(self) -> None:
        """Frees the model. What is written down stays."""
        self._engine.close()
        for file in list(self._files):
            file.close()

    def lay_aside(self) -> None:
        """Lays aside what this thread has written down or looked up: its shard is committed."""
        thread = self._here
        for key in thread.used:
            self._answers.forget(key)
        thread.used.clear()
        shard, thread.shard = thread.shard, _Shard()
        with shard.writing:
            if shard.file is not None and shard.path is not None:
                shard.file.close()
                self._files.remove(shard.file)
                self._folders.keep(shard.path)

    def _look_up_or_ask(
        self,
        requests: Iterable[Asked],
        ask: Callable[[Iterable[Asked]], Iterator[Answer]],
        restore: Callable[[dict[str, Any]], Answer],
    ) -> Iterator[Answer]:
        # Those that begin alike one after the other: a server reads what they share once.
        ordered = sorted(requests, key=lambda request: [message.text for message in request.messages])
        keys: dict[str, str] = {r.id: content_id(self.model, type(r).__name__, as_json(r)) for r in ordered}
        waiting = deque(request for request in ordered if keys[request.id] not in self._answers)
        self._here.used = [*self._here.used, *(key for key in keys.values() if key in self._answers)]
        for request in ordered:
            if keys[request.id] in self._answers:
                yield restore(self._answers.read(keys[request.id]))
        while waiting:
            unasked = len(waiting)
            yield from self._ask_within_budget(waiting, ask, keys)
            if len(waiting) == unasked:
                self._spending.wait()

    def _ask_within_budget(
        self,
        waiting: deque[Asked],
        ask: Callable[[Iterable[Asked]], Iterator[Answer]],
        keys: Mapping[str, str],
    ) -> Iterator[Answer]:
        """Asks for as many as the budget covers, as far as can be said now."""
        under_way, shard = 0, self._here.shard

        def covered() -> Iterator[Asked]:
            nonlocal under_way
            while waiting and self._spending.reserve():
                under_way += 1
                request = waiting.popleft()
                if self._is_told:  # by the object, as two threads may ask under one name
                    self._under_way[id(request)] = keys[request.id], shard
                yield request

        try:
            for answer in ask(covered()):
                if keys[answer.id] in self._written:
                    self._written.discard(keys[answer.id])
                elif not answer.error:  # one that failed may succeed at the next try
                    self._write(keys[answer.id], answer, shard)
                if spent := self.spent:
                    self._spending.note(self._name, spent.read + spent.written, spent.cost)
                under_way -= 1
                self._spending.release()
                yield answer
        finally:
            self._spending.release(under_way)

    def _write_at_once(self, request: Request | LikelihoodRequest, answer: Completion | Likelihood) -> None:
        """Writes an answer down in the server's thread, before that sends another request."""
        under_way = self._under_way.pop(id(request), None)
        if under_way and not answer.error:
            key, shard = under_way
            self._write(key, answer, shard)
            self._written.add(key)

    def _write(self, key: str, answer: Completion | Likelihood, shard: _Shard) -> None:
        with shard.writing:
            if shard.file is None:
                self._folders.in_hand.mkdir(parents=True, exist_ok=True)
                shard.path = self._folders.in_hand / f"{uuid4().hex}.jsonl"
                shard.file = shard.path.open("ab")
                self._files.append(shard.file)
            if shard.file.closed:  # the shard is given up
                return
            shard.file.write(line_of(key, as_json(answer)))
            shard.file.flush()
            if time.monotonic() - shard.synced > _SYNC_SECONDS:
                os.fsync(shard.file.fileno())
                shard.synced = time.monotonic()


def _completion(values: dict[str, Any]) -> Completion:
    return Completion(**values)


def _likelihood(values: dict[str, Any]) -> Likelihood:
    return Likelihood(
        **{
            **values,
            "log_probabilities": tuple(values["log_probabilities"]),
            "tokens": tuple(values["tokens"]),
            "spans": tuple(SpanLikelihood(**span) for span in values["spans"]),
        }
    )
