"""A server spoken to over HTTP: a bounded number of requests at a time, each tried again for as long as that may help.

Takes JSON bodies, gives what a reader makes of the JSON that comes back. An event loop in a thread of its own does the
waiting; outside there is a plain iterator. What went wrong is one of three things: `Refused`, the fault of one request;
`EngineError`, the fault of the server or of the settings; or something that another try may mend, which becomes one of
the two when no try is left. The key is never part of any of them, nor of a log.
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
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeVar

import httpx2

from humpback.config import ServerSettings
from humpback.engines.replies import Json, retry_after, said
from humpback.errors import ConfigError, EngineError

_LONGEST_WAIT = 60.0
"""Seconds between two tries, at most, where the server names none."""

_LONGEST_ASKED = 600.0
"""A server that asks for a longer wait is taken to be closed."""

_CONNECT = 10.0
_LARGEST_ANSWER = 64 << 20
_AGAIN = {408, 409, 425, 429}
_ONE_REQUEST = {400, 413, 422}
_SHOWN = 300

In = TypeVar("In")
Out = TypeVar("Out")


class Refused(Exception):
    """The server will not answer this one request."""


class _Failed(Exception):
    """A try that came to nothing, and that another may mend.

    Args:
        what: What was seen.
        wait: Seconds that the server asks for.
        busy: Whether the server says that it has no time, so that the request cannot be to blame.
    """

    def __init__(self, what: str, wait: float = 0.0, *, busy: bool = False) -> None:
        super().__init__(what)
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
        self._closed = False
        self._client = self._open_client()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="humpback-server", daemon=True)
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
        done: SimpleQueue[concurrent.futures.Future[Out]] = SimpleQueue()

        def fill() -> None:
            while len(running) < self._settings.concurrency:
                try:
                    item = next(waiting)
                except StopIteration:
                    return
                future = self._submit(item, work)
                running.add(future)
                future.add_done_callback(done.put)

        try:
            fill()
            while running:
                future = done.get()
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
            EngineError: It answers none, or the settings are wrong.
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
        # One try has one deadline, set in `_once`; those of the client start again with every byte that drips in.
        timeout = httpx2.Timeout(None, connect=min(_CONNECT, settings.timeout))
        return httpx2.AsyncClient(headers=headers, limits=limits, timeout=timeout)

    async def _live(self) -> None:
        async with self._client:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            self._ready.set()
            await self._stop.wait()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    async def _ask(self, method: str, path: str, body: bytes | None, read: Callable[[Json], Out]) -> Out:
        failed = _Failed("")
        for attempt in range(self._settings.retries + 1):
            since = time.monotonic()
            if attempt:
                await asyncio.sleep(max(failed.wait, self._pause(attempt)))
            await self._turn()
            try:
                return await self._once(method, path, body, read)
            except _Failed as error:
                failed = error
                self._hold = max(self._hold, time.monotonic() + failed.wait)
        tried = f"{failed}; tried {self._settings.retries + 1} times"
        if not failed.busy and self._answered_at > since:
            raise Refused(f"no answer, while others are answered ({tried})")
        raise EngineError(
            f"no answer from {self._settings.base_url} ({tried})",
            "see that the server runs; then the same command goes on, or raise model.server.retries",
            retryable=True,
        )

    def _pause(self, attempt: int) -> float:
        """Exponential, and by chance up to half shorter, so that many requests do not come back at once."""
        longest = min(self._first_wait * 2.0 ** (attempt - 1), _LONGEST_WAIT)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - decides no result

    async def _turn(self) -> None:
        """Waits until another request may be sent: not above the rate, and not while the server asks for quiet."""
        if self._spacing:
            turn = max(time.monotonic(), self._next_turn, self._hold)
            self._next_turn = turn + self._spacing
            await asyncio.sleep(turn - time.monotonic())
        while (rest := self._hold - time.monotonic()) > 0:
            await asyncio.sleep(rest)

    async def _once(self, method: str, path: str, body: bytes | None, read: Callable[[Json], Out]) -> Out:
        self.tries += 1
        try:
            async with asyncio.timeout(self._settings.timeout):
                reply = await self._exchange(method, path, body)
        except TimeoutError:
            raise _Failed(f"no whole answer within {self._settings.timeout:g} s") from None
        except httpx2.HTTPError as error:
            raise _Failed(self._clean(f"{type(error).__name__}: {error}")) from None
        if reply.status != 200:
            raise self._objection(reply)
        try:
            found = json.loads(reply.body)
            if not isinstance(found, dict):
                raise ValueError("no object")
            if found.get("error") and "choices" not in found:
                raise ValueError(f"an error in place of an answer: {said(reply.body)}")
            result = read(found)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise _Failed(self._clean(f"a damaged answer: {error}")) from None
        self._answered_at = time.monotonic()
        return result

    async def _exchange(self, method: str, path: str, body: bytes | None) -> _Reply:
        url = f"{self._settings.base_url}/{path}"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        async with self._client.stream(method, url, content=body, headers=headers) as response:
            pieces, size = [], 0
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > _LARGEST_ANSWER:
                    raise _Failed(f"an answer of more than {_LARGEST_ANSWER >> 20} MiB")
                pieces.append(piece)
            return _Reply(response.status_code, response.headers, b"".join(pieces))

    def _objection(self, reply: _Reply) -> Exception:
        """What a status other than 200 means."""
        status, words = reply.status, self._clean(said(reply.body))
        seen = f"status {status}" + (f": {words}" if words else "")
        where = self._settings.base_url
        if status in _ONE_REQUEST:
            return Refused(words or seen)
        if status == 429 and "insufficient_quota" in reply.body.decode(errors="replace"):
            return EngineError(f"{where} says that the quota is used up", "see the account that the key belongs to")
        if status in _AGAIN or status >= 500:
            wait = retry_after(reply.headers.get("retry-after", ""))
            if wait > _LONGEST_ASKED:
                return EngineError(f"{where} asks to come back in {wait:.0f} s", "go on then", retryable=True)
            return _Failed(seen, wait, busy=status in _AGAIN or status == 503)
        if status in (401, 403):
            name = self._settings.api_key_env
            held = f"the key in {name} is not right for it" if name else "name the key's variable in api_key_env"
            return EngineError(f"{where} lets nobody in (status {status})", held)  # what it says may hold the key
        if status == 402:
            return EngineError(f"{where} wants to be paid ({seen})", "see the account that the key belongs to")
        return EngineError(f"{where} does not do that ({seen})", "check model.server.base_url and model.name")

    def _clean(self, text: str) -> str:
        """One line that does not hold the key."""
        line = " ".join(text.split())
        return (line.replace(self._key, "***") if self._key else line)[:_SHOWN]


def _key(name: str) -> str:
    if not name:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(f"the environment variable {name} is not set", "put the key for the server into it")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"the environment variable {name} does not hold a key", "put the key for the server into it")
    return key
