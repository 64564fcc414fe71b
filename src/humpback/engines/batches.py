"""Requests sent as batches of the OpenAI protocol: a file of them goes out, and within a day one of answers comes back.

A batch is written down before the server can begin it. Whoever was killed finds it again and takes its answers: by its
name or, where that never arrived, by the name of its file in the server's list of batches.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from humpback.data_access.atomic import atomic_file
from humpback.engines.http import BATCH, RETRYABLE, Failed, Missing, Refused, Reply, Server, Upload
from humpback.engines.replies import Json, Reader, error_text
from humpback.errors import EngineError
from humpback.records import content_id

_MOST_BYTES = 190_000_000  # of one file; the protocol's limit is 200 MB
_ENDED = {"completed", "failed", "expired", "cancelled"}
_FULL = "token_limit_exceeded"  # why a server does not take a batch beside others, or one so large
_LONGEST_PAUSE = 60.0  # seconds between two looks at a batch
_LONGEST_SILENCE = 3600.0  # seconds without an answer: a wait of a day outlives a short failure

Out = TypeVar("Out")


@dataclass(slots=True, eq=False)
class _Batch:
    keys: list[str]
    file: str = ""  # the server's name of it, and of the batch
    name: str = ""
    path: Path | None = None
    requests: dict[str, bytes] = field(default_factory=dict)  # those that have no answer yet
    completed: int = 0

    def save(self) -> None:
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(self.path, "w") as note:
                json.dump({"keys": self.keys, "file": self.file, "name": self.name}, note)


class Batches:
    """Gathers requests, sends them as batches, and gives each its line of the answers. Used in the server's loop.

    Args:
        server: Who answers.
        pause: Seconds in which no further request comes before a batch goes out, and before it is looked at.
    """

    def __init__(self, server: Server, pause: float) -> None:
        self._server, self._pause = server, pause
        self._folder: Path | None = None
        self._tell: Callable[[str], None] = lambda words: None
        self._earlier: dict[str, _Batch] = {}
        self._answers: dict[str, asyncio.Future[Reply | None]] = {}
        self._gathered: dict[str, bytes] = {}
        self._under_way: set[_Batch] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._most_requests, self._most_under_way = BATCH, BATCH

    def remember_in(self, folder: Path, tell: Callable[[str], None]) -> bool:
        """Writes batches down in a folder and tells in words what is under way; whether the folder holds any yet."""
        self._folder, self._tell = folder, tell
        for path in sorted(folder.glob("*.json")):
            batch = _Batch(**json.loads(path.read_text(encoding="utf-8")), path=path)
            self._earlier |= dict.fromkeys(batch.keys, batch)
        return bool(self._earlier)

    async def post(self, path: str, body: Json, read: Reader[Out], beginning: int = 0) -> Out:
        """As `Server.post`, in a batch; but a request that comes alone goes directly, as nobody waits a day for one."""
        content = json.dumps(body).encode()

        async def once() -> Out:
            reply = await self._reply(content)
            if reply is None:
                try:
                    return await self._server.once("POST", path, content, read, beginning)
                except Failed as failed:
                    failed.busy = False  # no other request shows that the server is not to blame
                    raise
            self._server.tries += 1
            if reply.status == 200:
                return self._server.read_answer(reply, read)
            words = self._server.clean(error_text(reply.body)) or f"status {reply.status}"
            raise Failed(words) if reply.status in RETRYABLE or reply.status >= 500 else Refused(words)

        return await self._server.repeat(once)

    async def _reply(self, body: bytes) -> Reply | None:
        key = content_id(body.decode())
        if key not in self._answers:  # else the same request is under way
            self._answers[key] = asyncio.get_running_loop().create_future()
            self._gathered[key] = body
            if len(self._gathered) == 1:
                self._start(self._send_gathered())
        return await asyncio.shield(self._answers[key])

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_gathered(self) -> None:
        before = 0
        while before < len(self._gathered) < BATCH:
            before = len(self._gathered)
            await asyncio.sleep(self._pause)
        requests, self._gathered = self._gathered, {}
        batches: dict[_Batch, dict[str, bytes]] = {}
        for key in [key for key in requests if key in self._earlier]:  # what has no answer there is sent anew
            batches.setdefault(self._earlier.pop(key), {})[key] = requests.pop(key)
        if len(requests) == 1:
            self._answer(requests, next(iter(requests)), None)
        size, part = 0, dict[str, bytes]()
        for key, body in requests.items():
            size += len(_line(key, body))
            if not part or len(part) >= self._most_requests or size > _MOST_BYTES:
                size, part = len(_line(key, body)), {}
                batches[_Batch([])] = part
            part[key] = body
        for batch, its_requests in batches.items():
            self._start(self._work(replace(batch, requests=its_requests)))

    async def _work(self, batch: _Batch) -> None:
        """Brings a batch to its end. Whatever goes wrong is told to all who wait for it."""
        is_new = not batch.file
        while is_new and len(self._under_way) >= self._most_under_way:
            await asyncio.sleep(self._pause)
        self._under_way.add(batch)
        batch.keys = batch.keys or list(batch.requests)
        self._show()
        try:
            try:
                await self._finish(batch)
            except Missing:
                if is_new:
                    raise
                batch.file, batch.name, batch.keys = "", "", list(batch.requests)  # the server has thrown it away
                await self._finish(batch)
        except Missing as error:
            hint = "set model.server.batch to false"
            self._settle(batch, EngineError(f"the server takes no batches ({error.what})", hint))
        except Refused as refused:
            self._settle(batch, EngineError(f"a batch cannot be brought to its end ({refused})", retryable=True))
        except Exception as error:
            self._settle(batch, error)
        self._under_way.discard(batch)  # one that is cancelled is under way still
        self._show()

    async def _finish(self, batch: _Batch) -> None:
        if not batch.file:
            content = Upload(b"".join(_line(key, body) for key, body in batch.requests.items()))
            batch.file = await self._server.ask("POST", "files", content, _name)
            batch.path = self._folder and self._folder / f"{time.time_ns():020d}-{uuid4().hex[:8]}.json"
            batch.save()  # before the server can begin it
        if not batch.name:
            try:
                batch.name = await self._server.repeat(partial(self._begin, batch.file))
            except Refused as refused:
                raise Missing(f"{refused}") from None
            batch.save()
        state = await self._wait_for_end(batch)
        for file in filter(None, (state.get("output_file_id"), state.get("error_file_id"))):
            await self._server.repeat(partial(self._take, f"files/{file}/content", batch))
        self._settle(batch, self._why_unanswered(batch, state))

    async def _begin(self, file: str) -> str:
        """The name of the batch with a file; lets the server begin it, unless it has and its answer was lost."""
        after, has_more = "", True
        while has_more:
            try:
                page = await self._server.ask("GET", f"batches?limit=100{after}", None, dict)
            except Missing:
                break  # it gives no list
            entries = _objects(page.get("data"))
            for entry in entries:
                if entry.get("input_file_id") == file:
                    return str(entry["id"])
                after = f"&after={entry.get('id')}"
            has_more = bool(page.get("has_more") and entries)
        body = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        return await self._server.once("POST", "batches", json.dumps(body).encode(), _name, 0)

    async def _wait_for_end(self, batch: _Batch) -> Json:
        """Waits until a batch has ended; what the server says of it then."""
        started = heard = time.monotonic()
        while True:
            await asyncio.sleep(min(_LONGEST_PAUSE, max(self._pause, (time.monotonic() - started) / 5)))
            try:
                state = await self._server.ask("GET", f"batches/{batch.name}", None, dict)
            except (EngineError, Refused) as error:
                if isinstance(error, EngineError) and not error.retryable:
                    raise
                if time.monotonic() - heard > _LONGEST_SILENCE:
                    raise EngineError(str(error), retryable=True) from None
                continue
            if str(state.get("status")) in _ENDED:
                return state
            heard = time.monotonic()
            for counts in _objects([state.get("request_counts")]):
                batch.completed = sum(n for name in ("completed", "failed") if isinstance(n := counts.get(name), int))
            self._show()

    async def _take(self, path: str, batch: _Batch) -> None:
        """Gives the lines of a file of answers to those who wait for them."""
        async for line in self._server.lines(path):
            try:
                row: Any = json.loads(line or b"{}")
                key, response = str(row.get("custom_id")), row.get("response")
                # Where there is no response it was never asked, so that another try may help.
                status, body = (int(response["status_code"]), response["body"]) if response else (503, row.get("error"))
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # a damaged line answers nobody
            self._answer(batch.requests, key, Reply(status, json.dumps(body).encode()))

    def _why_unanswered(self, batch: _Batch, state: Json) -> Failed:
        """What becomes of requests without a line. Those that the server found a fault with are refused here."""
        faults = [fault for errors in _objects([state.get("errors")]) for fault in _objects(errors.get("data"))]
        other_batches = len(self._under_way) - 1
        if is_full := any(fault.get("code") == _FULL for fault in faults):
            self._most_under_way = other_batches or self._most_under_way
            self._most_requests = self._most_requests if other_batches else max(1, len(batch.keys) // 2)
        for fault in faults:
            if isinstance(number := fault.get("line"), int) and 0 < number <= len(batch.keys):
                self._answer(batch.requests, batch.keys[number - 1], Reply(400, json.dumps(fault).encode()))
        reason = "; ".join(str(fault.get("message")) for fault in faults[:1]) or "without an answer to it"
        return Failed(f"a batch has {state['status']}: {reason}", busy=is_full and other_batches > 0)

    def _settle(self, batch: _Batch, ending: Exception) -> None:
        for key in list(batch.requests):
            self._answer(batch.requests, key, ending)

    def _answer(self, requests: dict[str, bytes], key: str, ending: Reply | Exception | None) -> None:
        """Answers a request, if it waits for that; None lets it go out directly."""
        if requests.pop(key, None) is None:
            return
        answer = self._answers.pop(key)  # from here on it may be sent again
        if isinstance(ending, Exception):
            answer.set_exception(ending)
        else:
            answer.set_result(ending)

    def _show(self) -> None:
        completed = sum(batch.completed for batch in self._under_way)
        count, total = len(self._under_way), sum(len(batch.keys) for batch in self._under_way)
        batches = f"{count} batch{'es' * (count > 1)} under way"
        self._tell(f"{batches}, {completed:,} of {total:,} requests done" if count else "")


def _line(key: str, body: bytes) -> bytes:
    return b'{"custom_id":"%s","method":"POST","url":"/v1/chat/completions","body":%s}\n' % (key.encode(), body)


def _objects(values: object) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _name(reply: Json) -> str:
    return str(reply["id"])
