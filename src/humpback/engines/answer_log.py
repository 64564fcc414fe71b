"""An engine whose answers are written down as they arrive, so that none is asked for, or paid for, twice.

For engines whose answers do not depend on what else is asked: servers. A model on this machine is asked again for the
shard that a kill cost, so that a run that was killed ends with the same records to the last digit.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import uuid4

from humpback.engines.base import Engine
from humpback.records import (
    Completion,
    Embedding,
    EmbeddingRequest,
    Likelihood,
    LikelihoodRequest,
    Request,
    SpanLikelihood,
    content_id,
)

Asked = TypeVar("Asked", Request, LikelihoodRequest)
Answer = TypeVar("Answer", Completion, Likelihood)

_SYNC_SECONDS = 1.0
"""The log is flushed to the system at every answer, which a kill of this process cannot undo, and to the disk at most
this often: what a power cut can cost."""


class AnswerLog:
    """An engine that looks an answer up before it asks.

    Args:
        engine: Who is asked.
        folder: Where answers are kept until the shard that they are for is committed. Several processes may share it:
            each writes a file of its own.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._answers = _read(folder)
        self._path = folder / f"{uuid4().hex}.jsonl"
        self._file: IO[str] | None = None
        self._synced = 0.0

    @property
    def model(self) -> str:
        """Identity of the model that answers."""
        return self._engine.model

    @property
    def spent(self) -> object:
        """What the answers of a server took."""
        return getattr(self._engine, "spent", "")

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Continues each conversation; an answer that is written down is not asked for."""
        return self._answered(requests, self._engine.generate, _completion)

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Says how likely each continuation is; an answer that is written down is not asked for."""
        return self._answered(requests, self._engine.loglikelihood, _likelihood)

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """Passed on and not written down: engines that keep answers show no hidden states."""
        return self._engine.embed(requests)

    def close(self) -> None:
        """Frees the model. What is written down stays."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._engine.close()

    def forget(self) -> None:
        """Throws away what this process has written down: its shard is committed."""
        self._answers.clear()
        if self._file is not None:
            self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)

    def _answered(
        self,
        requests: Iterable[Asked],
        ask: Callable[[Iterable[Asked]], Iterator[Answer]],
        restore: Callable[[dict[str, Any]], Answer],
    ) -> Iterator[Answer]:
        keys: dict[str, str] = {}
        logged: list[Answer] = []

        def missing() -> Iterator[Asked]:
            for request in requests:
                key = content_id(self.model, type(request).__name__, json.dumps(asdict(request)))
                if key in self._answers:
                    logged.append(restore(self._answers[key]))
                else:
                    keys[request.id] = key
                    yield request

        for answer in ask(missing()):
            # A request that failed has cost nothing that is worth keeping, and may succeed at the next try.
            if not answer.error:
                self._write(keys[answer.id], asdict(answer))
            yield answer
        yield from logged

    def _write(self, key: str, answer: dict[str, Any]) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        # A lone surrogate in an answer is written as an escape, which UTF-8 could not hold.
        self._file.write(json.dumps({"key": key, "answer": answer}) + "\n")
        self._file.flush()
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    """The answers of all processes that have written here; a last line that a kill cut short does not count."""
    answers: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.jsonl")) if folder.is_dir() else ():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            answers[row["key"]] = row["answer"]
    return answers


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
