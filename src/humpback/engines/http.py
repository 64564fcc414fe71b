"""A server spoken to over HTTP: a bounded number of requests at a time, each tried again as long as that may help.

Sends JSON bodies, and gives what a reader makes of the JSON that comes back. An event loop in a thread of its own waits
for the server; callers see a plain iterator. There are three kinds of failure: `Refused`, the fault of one request;
`EngineError`, the fault of the server or of the settings; and a failure that another try may repair, which becomes one
of the other two when no try is left. The key is never part of any of them, nor of a log.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

import httpx2

from humpback.config import ServerSettings
from humpback.engines.replies import Json, error_text, read_body, retry_after
from humpback.errors import ConfigError, EngineError

_LONGEST_WAIT = 60.0
"""Seconds between two tries, at most, where the server names none."""

_LONGEST_RETRY_AFTER = 600.0
"""A server that asks for a longer wait is taken to be closed."""

_CONNECT_SECONDS = 10.0
_LARGE_ANSWER_BYTES, _MAX_ANSWER_BYTES = 1 << 20, 64 << 20
_RETRYABLE = {408, 409, 425, 429}
_ONE_REQUEST = {400, 413, 422}
_SHOWN_CHARS = 300

In = TypeVar("In")
Out = TypeVar("Out")


class Refused(Exception):
    """The server will not answer this one request."""


class Unanswered(EngineError):
    """No try brought an answer, nor to other requests meanwhile; the server or the request may be to blame."""


class _Failed(Exception):
    """A try that failed, and that another may repair.

    Args:
        reason: What was seen.
        wait: Seconds that the server asks for.
        busy: Whether the server says that it has no time, so that the request cannot be to blame.
    """

    def __init__(self, reason: str, wait: float = 0.0, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.wait, self.busy = wait, busy


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: httpx2.Headers
    body: bytes


class Server:
    """One server.

    Args:
        settings: Where it is and how it is to be treated.
        first_wait: Seconds before the second try; doubled from try to try.

    Raises:
        ConfigError: The environment variable with the key is not set, or holds no key.
    """

    def __init__(self, settings: ServerSettings, *, first_wait: float = 0.5) -> None:
        self._settings = settings
        self._first_wait = first_wait
        self._key = _key(settings.api_key_env)
        self._spacing = 60 / settings.requests_per_minute if settings.requests_per_minute else 0.0
        self._next_turn = self._hold = 0.0
        self._answered_at = float("-inf")
        self.tries = 0
        self.has_answered = False
        self._closed = False
        self._client = self._open_client()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="humpback-server", daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Gives up what is under way. Calling it twice does no harm."""
        if self._closed:
            return
        self._closed = True
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def each(self, items: Iterable[In], work: Callable[[In], Awaitable[Out]]) -> Iterator[Out]:
        """Does the work on every item, a bounded number at a time; results come as they are ready.

        An iterator that is left early gives up what is under way.

        Raises:
            EngineError: The server cannot be worked with, or is closed.
        """
        waiting = iter(items)
        running: set[concurrent.futures.Future[Out]] = set()
        finished: SimpleQueue[concurrent.futures.Future[Out]] = SimpleQueue()

        def fill() -> None:
            while len(running) < self._settings.concurrency:
                try:
                    item = next(waiting)
                except StopIteration:
                    return
                future = self._submit(item, work)
                running.add(future)
                future.add_done_callback(finished.put)

        try:
            fill()
            while running:
                future = finished.get()
                running.discard(future)
                fill()
                yield self._result(future)
        finally:
            for future in running:
                future.cancel()

    def get(self, path: str, read: Callable[[Json], Out]) -> Out:
        """Asks for something and waits for it; otherwise like `post`."""
        future = self._submit(path, lambda path: self._ask("GET", path, None, read))
        return self._result(future)

    async def post(self, path: str, body: Json, read: Callable[[Json], Out]) -> Out:
        """Sends a body until the reader can read the answer.

        Args:
            path: Behind the base URL.
            body: What to send, as JSON.
            read: Makes something of the answer; ValueError, KeyError, TypeError and IndexError say that it is damaged.

        Raises:
            Refused: The server will not answer this request.
            EngineError: It answers none (`Unanswered` where it did not call itself busy), or the settings are wrong.
        """
        # Half a surrogate pair, which documents do hold, survives as an escape; what is made of it is the server's.
        return await self._ask("POST", path, json.dumps(body).encode(), read)

    def _submit(self, item: In, work: Callable[[In], Awaitable[Out]]) -> concurrent.futures.Future[Out]:
        if self._closed:
            raise EngineError("the engine is closed", "open a new one")

        async def run() -> Out:
            return await work(item)

        return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def _result(self, future: concurrent.futures.Future[Out]) -> Out:
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise EngineError("the engine is closed", "open a new one") from None

    def _open_client(self) -> httpx2.AsyncClient:
        settings = self._settings
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx2.Limits(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency)
        # One try has one deadline, set in `_try`; those of the client start again with every byte that drips in.
        timeout = httpx2.Timeout(None, connect=min(_CONNECT_SECONDS, settings.timeout))
        return httpx2.AsyncClient(headers=headers, limits=limits, timeout=timeout)

    async def _serve(self) -> None:
        async with self._client:
            self._loop, self._stop, self._large = asyncio.get_running_loop(), asyncio.Event(), asyncio.Lock()
            self._ready.set()
            await self._stop.wait()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, method: str, path: str, body: bytes | None, read: Callable[[Json], Out]) -> Out:
        failed = _Failed("")
        for attempt in range(self._settings.retries + 1):
            since = time.monotonic()
            if attempt:
                await asyncio.sleep(max(failed.wait, self._pause(attempt)))
            await self._wait_for_turn()
            try:
                return await self._try(method, path, body, read)
            except _Failed as error:
                failed = error
                self._hold = max(self._hold, time.monotonic() + failed.wait)
        tried = f"{failed}; tried {self._settings.retries + 1} times"
        if not failed.busy and self._answered_at > since:
            raise Refused(f"no answer, while others are answered ({tried})")
        raise (EngineError if failed.busy else Unanswered)(
            f"no answer from {self._settings.base_url} ({tried})",
            "check that the server runs, then run the command again to continue; or raise model.server.retries",
            retryable=True,
        )

    def _pause(self, attempt: int) -> float:
        """Exponential, and by chance up to half shorter, so that many requests do not come back at once."""
        longest = min(self._first_wait * 2.0 ** (attempt - 1), _LONGEST_WAIT)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - decides no result

    async def _wait_for_turn(self) -> None:
        """Waits until another request may be sent: not above the rate, and not while the server asks for quiet."""
        if self._spacing:
            turn = max(time.monotonic(), self._next_turn, self._hold)
            self._next_turn = turn + self._spacing
            await asyncio.sleep(turn - time.monotonic())
        while (wait := self._hold - time.monotonic()) > 0:
            await asyncio.sleep(wait)

    async def _try(self, method: str, path: str, body: bytes | None, read: Callable[[Json], Out]) -> Out:
        self.tries += 1
        try:
            async with asyncio.timeout(self._settings.timeout):
                reply = await self._exchange(method, path, body)
        except TimeoutError:
            raise _Failed(f"no whole answer within {self._settings.timeout:g} s") from None
        except httpx2.HTTPError as error:
            raise _Failed(self._clean(f"{type(error).__name__}: {error}")) from None
        if reply.status != 200:
            raise self._error_of_status(reply)
        try:
            content = read_body(reply.body)
            if content.get("error") and "choices" not in content:
                raise ValueError(f"an error in place of an answer: {error_text(reply.body)}")
            result = read(_storable(content) if b"\\ud" in reply.body.lower() else content)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise _Failed(self._clean(f"a damaged answer: {error}")) from None
        self._answered_at = time.monotonic()
        return result

    async def _exchange(self, method: str, path: str, body: bytes | None) -> _Reply:
        url = f"{self._settings.base_url}/{path}"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        async with AsyncExitStack() as stack:
            response = await stack.enter_async_context(self._client.stream(method, url, content=body, headers=headers))
            pieces, size, large = [], 0, False
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > _LARGE_ANSWER_BYTES and not large:  # one at a time: endless answers share this memory
                    await stack.enter_async_context(self._large)
                    large = True
                if size > _MAX_ANSWER_BYTES:
                    raise _Failed(f"an answer of more than {_MAX_ANSWER_BYTES >> 20} MiB")
                pieces.append(piece)
            return _Reply(response.status_code, response.headers, b"".join(pieces))

    def _error_of_status(self, reply: _Reply) -> Exception:
        """What a status other than 200 means."""
        status, words = reply.status, self._clean(error_text(reply.body))
        summary = f"status {status}" + (f": {words}" if words else "")
        url = self._settings.base_url
        if status in _ONE_REQUEST or (status == 403 and self.has_answered):  # a text that may not be sent, not the key
            return Refused(words or summary)
        if status == 429 and "insufficient_quota" in reply.body.decode(errors="replace"):
            return EngineError(f"{url} says that the quota is used up", "see the account that the key belongs to")
        if status in _RETRYABLE or status >= 500:
            wait = retry_after(reply.headers.get("retry-after", ""))
            if wait > _LONGEST_RETRY_AFTER:
                return EngineError(
                    f"{url} asks to come back in {wait:.0f} s", "run the command again then", retryable=True
                )
            return _Failed(summary, wait, busy=status in _RETRYABLE or status == 503)
        if status in (401, 403):
            name = self._settings.api_key_env
            hint = f"the key in {name} is not right for it" if name else "name the key's variable in api_key_env"
            return EngineError(f"{url} lets nobody in (status {status})", hint)  # what it says may hold the key
        if status == 402:
            return EngineError(f"{url} wants to be paid ({summary})", "see the account that the key belongs to")
        return EngineError(f"{url} does not do that ({summary})", "check model.server.base_url and model.name")

    def _clean(self, text: str) -> str:
        """One line that does not hold the key."""
        line = " ".join(text.split())
        return (line.replace(self._key, "***") if self._key else line)[:_SHOWN_CHARS]


def _storable(value: Any) -> Any:
    """JSON values without halves of surrogate pairs, which no file can hold."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return {_storable(name): _storable(item) for name, item in value.items()} if isinstance(value, dict) else value


def _key(name: str) -> str:
    if not name:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(f"the environment variable {name} is not set", "put the key for the server into it")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"the environment variable {name} does not hold a key", "put the key for the server into it")
    return key
