"""Files at URLs, read through fsspec with read-ahead and retries.

What cannot be reached is one `InputError`: a network that fails must end the run, which can continue later, and must
not look like damaged files. No message shows the passwords and signatures of URLs.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from humpback.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

AHEAD = 8 << 20
"""Bytes that are fetched at a time once a file is being read on and on."""
_FIRST = 256 << 10
"""Bytes that are fetched where reading begins; twice as many each time reading continues."""
WAITS = (1.0, 4.0, 15.0)
"""Seconds before the second try, the third, ..."""

_CHUNK = 1 << 20
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_USER = re.compile(r"(?<=://)[^/\s'\"]*@")
_QUERY = re.compile(r"(https?://[^\s'\"?#]*)[?#][^\s'\"]*", re.IGNORECASE)
_HTTP = ("http://", "https://")
_EXTRAS = {"http": "http", "https": "http", "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
_SECONDS = 60
"""After so long without a byte a request has failed."""


def is_url(entry: str) -> bool:
    """Whether it is a URL and not a path."""
    return bool(_URL.match(entry))


def public(url: str) -> str:
    """A URL as it may be shown: without user, password, query and fragment."""
    return _QUERY.sub(r"\1", _USER.sub("", url))


def open_url(url: str, until: int = 0, waits: Sequence[float] = WAITS) -> BinaryIO:
    """A file at a URL as a stream that can be sought in; nothing is fetched before it is asked for.

    Args:
        url: The file.
        until: Byte before which reading will mostly end, so that little is fetched beyond; 0 is the end of the file.
        waits: Seconds to wait before each further try, where reading fails.

    Raises:
        InputError: On reading, where it is not there, may not be read, or every try has failed.
    """
    return io.BufferedReader(_PatientFile(url, until, waits), _CHUNK)


class _PatientFile(io.RawIOBase):
    """A remote file, opened again and read on where reading has failed."""

    def __init__(self, url: str, until: int, waits: Sequence[float]) -> None:
        self._url, self._until, self._waits = url, until, waits
        self._file: Any = None
        self._at = 0
        self._begin = 0
        self._block = memoryview(b"")
        """What was fetched last, and where it begins."""
        self._ahead = _FIRST
        self._streams = False
        """Whether the server gives no ranges, so that what lies before a place must be read through."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        self._at = max(0, (self._patiently(self._length) if base is None else base) + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        if not self._begin <= self._at < self._begin + len(self._block):
            self._patiently(lambda: self._fetch(len(view)))
        data = self._block[self._at - self._begin :][: len(view)]
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._let_go()
        super().close()

    def _fetch(self, size: int) -> None:
        """Fetches a block that begins where reading is, so many bytes or more."""
        continues = self._at == self._begin + len(self._block)
        self._ahead = min(AHEAD, 2 * self._ahead) if continues else _FIRST
        size_to_fetch = self._ahead
        if self._until:
            size_to_fetch = min(size_to_fetch, self._until - self._at if self._at < self._until else _FIRST)
        size_to_fetch = max(size, size_to_fetch)
        self._block, self._begin = memoryview(self._piece(size_to_fetch)), self._at

    def _piece(self, size: int) -> bytes:
        file = self._open_at_position()
        try:
            if file.tell() != self._at:
                self._move(file)
            data = bytes(file.read(size))
        except ValueError:
            if self._streams or not self._url.lower().startswith(_HTTP):
                raise
            # A server that gives no ranges can be read from the beginning only.
            self._streams = True
            self._let_go()
            return self._piece(size)
        if not data and size and file.size is not None and self._at < file.size:
            raise EOFError(f"it ends at byte {self._at} of {file.size}")
        return data

    def _open_at_position(self) -> Any:
        if self._file is not None and self._streams and self._file.tell() > self._at:
            self._let_go()
        if self._file is None:
            files, path = filesystem(self._url)
            self._file = files.open(path, "rb", block_size=0 if self._streams else _CHUNK, cache_type="none")
            self._streams = self._streams or self._file.size is None
        return self._file

    def _move(self, file: Any) -> None:
        if not self._streams:
            file.seek(self._at)
        while file.tell() < self._at:
            if not file.read(min(_CHUNK, self._at - file.tell())):
                raise EOFError(f"it ends before byte {self._at}")

    def _length(self) -> int:
        file = self._open_at_position()
        if file.size is None:
            while file.read(_CHUNK):
                pass
            return int(file.tell())
        return int(file.size)

    def _let_go(self) -> None:
        if self._file is not None:
            with suppress(Exception):  # what it was opened for has failed or is done
                self._file.close()
            self._file = None

    def _patiently(self, work: Callable[[], T]) -> T:
        waits = iter(self._waits)
        with reaching(self._url):
            while True:
                try:
                    return work()
                except InputError:
                    raise
                except Exception as error:  # each backend has its own errors
                    self._let_go()
                    wait = None if _is_final(_real(error)) else next(waits, None)
                    if wait is None:
                        raise
                    time.sleep(wait)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turns what goes wrong on the way to a URL into one line for the user."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # each backend has its own errors
        error = _real(error)
        if isinstance(error, FileNotFoundError) or getattr(error, "status", None) == 404:
            raise InputError(f"nothing at {public(url)!r}", "check the address") from None
        hint = "check the address, the network, and your rights there; what is done is kept, so run again"
        raise InputError(f"cannot read {public(url)!r} ({_message(error)})", hint) from None


def _real(error: Exception) -> Exception:
    """What went wrong: fsspec calls everything that a web server answers 'not found'."""
    cause = error.__cause__
    return cause if isinstance(error, FileNotFoundError) and isinstance(cause, Exception) else error


def filesystem(url: str) -> tuple[Any, str]:
    """The file system that a URL lies in, and the path there."""
    scheme = url.partition("://")[0].lower()
    if "::" in url:
        raise InputError(f"{public(url)!r} is a chain of URLs", "name the files themselves, unpacked")
    try:
        from fsspec.core import url_to_fs

        return cast("tuple[Any, str]", url_to_fs(url, **_options(scheme)))
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        hint = f"pip install 'humpback-align[{extra}]'" if extra else _message(error)
        raise InputError(f"what reads {scheme}:// is not installed, for {public(url)!r}", hint) from None
    except ValueError as error:
        raise InputError(f"cannot read {public(url)!r} ({_message(error)})", "check the address") from None


def _options(scheme: str) -> dict[str, Any]:
    if scheme not in ("http", "https"):
        return {}
    import aiohttp

    # Stored bytes are wanted: some servers pack what they send, and some call a .gz file packed that is to stay so.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_SECONDS, sock_read=_SECONDS)
    client = {"auto_decompress": False, "timeout": timeout, "trust_env": True}
    return {"headers": {"Accept-Encoding": "identity"}, "client_kwargs": client}


def _is_final(error: Exception) -> bool:
    """Whether another try would say the same."""
    status = getattr(error, "status", None)
    refused = isinstance(status, int) and 400 <= status < 500 and status not in (408, 429)
    return refused or isinstance(error, FileNotFoundError | PermissionError | ImportError)


def _message(error: BaseException) -> str:
    return public(" ".join(str(error).split()))[:200] or type(error).__name__
