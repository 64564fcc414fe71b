"""A server spoken to over HTTP, or several as one: as many requests at a time as it bears, tried again if that helps.

Sends JSON bodies, and gives what a reader makes of the JSON that comes back. An event loop in a thread of its own waits
for the server; callers, who may be in several threads, see plain iterators. There are three kinds of failure:
`Refused`, the fault of one request; `EngineError`, the fault of the server or of the settings; and a failure that
another try may repair, which becomes one of the other two when no try is left. The key is never part of any of them,
nor of a log.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from typing import Literal, TypeVar

import aiohttp

from humpback.config import ServerSettings
from humpback.data_access.storable import storable
from humpback.engines.replies import Json, Reader, error_text, read_body, retry_after
from humpback.engines.turns import Address, Turns, request_order
from humpback.engines.under_way import as_answered
from humpback.errors import ConfigError, EngineError

_LONGEST_RETRY_AFTER = 600.0
"""A server that asks for a longer wait is taken to be closed."""

_CONNECT_SECONDS = 10.0
_LARGE_ANSWER_BYTES, _MAX_ANSWER_BYTES = 1 << 20, 64 << 20
RETRYABLE = {408, 409, 425, 429}
_ONE_REQUEST = {400, 413, 422}
_SHOWN_CHARS = 300

BATCH = 50_000
"""Requests that are gathered for batches at a time: as many as the protocol has room for in one."""

In = TypeVar("In")
Out = TypeVar("Out")


_Lost = Literal["", "late", "broken off", "unreachable"]


class Refused(Exception):
    """The server will not answer this one request."""


class Unanswered(EngineError):
    """No try brought an answer, nor to other requests meanwhile; the server or the request may be to blame."""


class Missing(EngineError):
    """The server has nothing at this address."""


class Failed(Exception):
    """A try that failed, and that another may repair.

    Args:
        reason: What was seen.
        wait: Seconds that the server asks for.
        busy: Whether the server says that it has no time, so that the request cannot be to blame.
        lost: Whether no answer came back at all, and why.
    """

    def __init__(self, reason: str, wait: float = 0.0, *, busy: bool = False, lost: _Lost = "") -> None:
        super().__init__(reason)
        self.wait, self.busy, self.lost = wait, busy, lost


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a request, whatever it is."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Upload(bytes):
    """The requests of a batch, as the content of a file to upload."""


class Server:
    """One server, or several with the same model.

    What one of several that is down does not answer, the others do; it is tried again later.

    Args:
        settings: Where it is and how it is to be treated.
        first_wait: Seconds before the second try; doubled from try to try.

    Raises:
        ConfigError: The environment variable with the key is not set, or holds no key.
    """

    def __init__(self, settings: ServerSettings, *, first_wait: float = 0.5) -> None:
        self._settings = settings
        self._key = _key(settings.api_key_env)
        spacing = 60 / settings.requests_per_minute if settings.requests_per_minute else 0.0
        self._turns = Turns(settings.addresses, settings.concurrency, spacing, first_wait)
        self._calls = count()
        self._answered_at = float("-inf")
        self.tries = 0
        self.has_answered = False
        self._closed = False
        self._submitting = threading.Lock()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="humpback-server", daemon=True)
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Gives up what is under way. Calling it twice does no harm."""
        with self._submitting:
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
        call = next(self._calls)
        # As many wait as are under way, so that a request is at hand when another ends.
        return as_answered(
            enumerate(items),
            lambda numbered: self._submit(numbered[1], work, (call, numbered[0])),
            lambda: BATCH if self._settings.batch else 2 * self._turns.size,
        )

    async def ask(self, method: str, path: str, body: bytes | None, read: Reader[Out], beginning: int = 0) -> Out:
        """Sends a request until the reader can read the answer; raises what `post` does."""
        return await self.repeat(lambda: self.once(method, path, body, read, beginning))

    async def post(self, path: str, body: Json, read: Reader[Out], beginning: int = 0) -> Out:
        """Sends a body until the reader can read the answer.

        Args:
            path: Behind the base URL.
            body: What to send, as JSON.
            read: Makes something of the answer; ValueError, KeyError, TypeError and IndexError say that it is damaged.
            beginning: The same number for bodies that begin alike; 0 for those that do not.

        Raises:
            Refused: The server will not answer this request.
            EngineError: It answers none (`Unanswered` where it did not call itself busy), or the settings are wrong.
        """
        # Half a surrogate pair, which documents do hold, survives as an escape; what is made of it is the server's.
        return await self.ask("POST", path, json.dumps(body).encode(), read, beginning)

    async def once(self, method: str, path: str, body: bytes | None, read: Reader[Out], beginning: int) -> Out:
        """Sends a request once, when it is its turn; raises `Failed` where another try may help."""
        address = await self._turns.take(beginning)
        try:
            return await self._try(address, method, path, body, read)
        finally:
            self._turns.end(address)

    def _submit(self, item: In, work: Callable[[In], Awaitable[Out]], order: tuple[int, int]) -> Future[Out]:
        async def run() -> Out:
            request_order.set(order)
            return await work(item)

        with self._submitting:  # what is submitted before the end is seen by it
            if self._closed:
                raise EngineError("the engine is closed", "open a new one")
            return asyncio.run_coroutine_threadsafe(run(), self._loop)

    def _open_client(self) -> aiohttp.ClientSession:
        # One try has one deadline, set in `_try`; those of the client start again with every byte that drips in.
        return aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_SECONDS, self._settings.timeout)),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=bool(urllib.request.getproxies()),
        )

    async def _serve(self) -> None:
        self._loop, self._stop, self._large = asyncio.get_running_loop(), asyncio.Event(), asyncio.Lock()
        async with self._open_client() as self._client:
            self._ready.set()
            await self._stop.wait()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def repeat(self, once: Callable[[], Awaitable[Out]]) -> Out:
        """Tries something until it does not fail; raises what `post` does."""
        failed = Failed("")
        attempts = tries = 0
        while attempts <= self._settings.retries:
            since = time.monotonic()
            if tries and not (failed.lost and len(self._turns.addresses) > 1):  # another server may answer at once
                await asyncio.sleep(self._turns.pause(max(1, attempts)))
            try:
                return await once()
            except Failed as error:
                failed = error
            tries += 1
            # A server that is too busy for this request and answers others has found its limit: that uses up no try.
            attempts += not failed.busy or self._answered_at < since
        tried = f"{failed}; tried {tries} times"
        if not failed.busy and self._answered_at > since:
            raise Refused(f"no answer, while others are answered ({tried})")
        raise (EngineError if failed.busy else Unanswered)(
            f"no answer from {', '.join(self._settings.addresses)} ({tried})",
            "check that the server runs, then run the command again to continue; or raise model.server.retries",
            retryable=True,
        )

    async def _try(self, address: Address, method: str, path: str, body: bytes | None, read: Reader[Out]) -> Out:
        self.tries += method == "POST" and path not in ("files", "batches")
        sent, changes = time.monotonic(), address.limit.changes
        try:
            reply = await self._exchange(f"{address.url}/{path}", method, body)
            if reply.status != 200:
                raise self._error_of_status(address.url, reply)
        except Failed as failed:
            if failed.lost:
                self._turns.lose(address, unreachable=failed.lost == "unreachable")
            if failed.busy or failed.lost == "late":
                address.limit.refused(changes, holds=failed.wait > 0)
            address.hold(failed.wait)
            raise
        address.lost, address.down = 0, False
        result = self.read_answer(reply, read)
        if self._turns.waiting:
            address.limit.answered(self._answered_at - sent, changes)
        return result

    def read_answer(self, reply: Reply, read: Reader[Out]) -> Out:
        """What the reader makes of an answer; raises `Failed` where it is damaged."""
        try:
            content = read_body(reply.body)
            if content.get("error") and "choices" not in content:
                raise ValueError(f"an error in place of an answer: {error_text(reply.body)}")
            result = read(storable(content) if b"\\ud" in reply.body.lower() else content)
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise Failed(self.clean(f"a damaged answer: {error}")) from None
        self._answered_at = time.monotonic()
        return result

    async def _exchange(self, url: str, method: str, body: bytes | None) -> Reply:
        """One try, with what went wrong on the way."""
        with self._faults():
            async with asyncio.timeout(self._settings.timeout):
                return await self._read(url, method, body)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            raise Failed(f"no whole answer within {self._settings.timeout:g} s", lost="late") from None
        except (aiohttp.ClientError, OSError) as error:
            reason = self.clean(f"{type(error).__name__}: {error}")
            unreachable = isinstance(error, aiohttp.ClientConnectorError)
            raise Failed(reason, lost="unreachable" if unreachable else "broken off") from None

    async def lines(self, path: str) -> AsyncIterator[bytes]:
        """The lines of a file of the server, one at a time, however large it is."""
        url, before = f"{self._turns.addresses[0].url}/{path}", b""
        patience = aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS, sock_read=self._settings.timeout)
        with self._faults():
            async with self._client.get(url, timeout=patience, allow_redirects=False) as response:
                if response.status != 200:
                    begin = await response.content.read(_LARGE_ANSWER_BYTES)
                    raise self._error_of_status(url, Reply(response.status, begin, response.headers))
                async for piece in response.content.iter_any():
                    *complete_lines, before = (before + piece).split(b"\n")
                    if len(before) > _MAX_ANSWER_BYTES:
                        raise Failed(f"a line of more than {_MAX_ANSWER_BYTES >> 20} MiB")
                    for line in complete_lines:
                        yield line
        yield before

    async def _read(self, url: str, method: str, body: bytes | None) -> Reply:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data: bytes | aiohttp.FormData | None = body
        if isinstance(body, Upload):
            headers, data = {}, aiohttp.FormData({"purpose": "batch"})
            data.add_field("file", BytesIO(body), filename="requests.jsonl", content_type="application/jsonl")
        async with AsyncExitStack() as stack:
            response = await stack.enter_async_context(
                self._client.request(method, url, data=data, headers=headers, allow_redirects=False)
            )
            pieces: list[bytes] = []
            size, large = 0, False
            async for piece in response.content.iter_any():
                size += len(piece)
                if size > _LARGE_ANSWER_BYTES and not large:  # one at a time: endless answers share this memory
                    await stack.enter_async_context(self._large)
                    large = True
                if size > _MAX_ANSWER_BYTES:
                    pieces.clear()  # the error's traceback would keep them
                    raise Failed(f"an answer of more than {_MAX_ANSWER_BYTES >> 20} MiB")
                pieces.append(piece)
            return Reply(response.status, b"".join(pieces), response.headers)

    def _error_of_status(self, url: str, reply: Reply) -> Exception:
        """What a status other than 200 means."""
        status, words = reply.status, self.clean(error_text(reply.body))
        summary = f"status {status}" + (f": {words}" if words else "")
        if status in _ONE_REQUEST or (status == 403 and self.has_answered):  # a text that may not be sent, not the key
            return Refused(words or summary)
        if status == 429 and "insufficient_quota" in reply.body.decode(errors="replace"):
            return EngineError(f"{url} says that the quota is used up", "see the account that the key belongs to")
        if status in RETRYABLE or status >= 500:
            wait = retry_after(reply.headers.get("retry-after", ""))
            if wait > _LONGEST_RETRY_AFTER:
                return EngineError(
                    f"{url} asks to come back in {wait:.0f} s", "run the command again then", retryable=True
                )
            return Failed(summary, wait, busy=status in RETRYABLE or status == 503)
        if status in (401, 403):
            name = self._settings.api_key_env
            hint = f"the key in {name} is not right for it" if name else "name the key's variable in api_key_env"
            return EngineError(f"{url} lets nobody in (status {status})", hint)  # what it says may hold the key
        if status == 402:
            return EngineError(f"{url} wants to be paid ({summary})", "see the account that the key belongs to")
        kind = Missing if status in (404, 405) else EngineError
        return kind(f"{url} does not do that ({summary})", "check model.server.base_url and model.name")

    def clean(self, text: str) -> str:
        """One line that does not hold the key."""
        line = " ".join(text.split())
        return (line.replace(self._key, "***") if self._key else line)[:_SHOWN_CHARS]


def _key(name: str) -> str:
    if not name:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(f"the environment variable {name} is not set", "put the key for the server into it")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigError(f"the environment variable {name} does not hold a key", "put the key for the server into it")
    return key
