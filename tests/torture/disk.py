"""A disk that fails at one moment: stands between Python and the operating system, and patches nothing of ours.

Every operation that changes something below a folder is counted: open for writing, write, truncate, flush to the disk,
rename, link, unlink, make and remove a folder. At the one with a given number the disk does what its fault says.
Without a fault it keeps a log, from which `power` works out what a power cut would leave. Libraries that write by
themselves (the weights of a model) are not seen.
"""

# ruff: noqa: PTH100, PTH112, PTH115, PTH118

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
from typing import Any

FAULTS = {
    "full": (errno.ENOSPC, True),
    "short": (errno.ENOSPC, True),
    "quota": (errno.EDQUOT, True),
    "broken": (errno.EIO, False),
    "forbidden": (errno.EACCES, False),
    "read-only": (errno.EROFS, True),
    "kill": (0, False),
}
"""What each fault raises, and whether it stays. 'short' and 'kill' leave half of what was to be written."""
_NEED_NO_SPACE = ("fsync", "unlink", "rmdir", "rename", "truncate")
_real_open = io.open


class Disk:
    """The disk below a folder.

    Args:
        root: The folder.
        fault: One of `FAULTS`; '' only keeps the log.
        at: The number of the operation that fails, from 0.
    """

    def __init__(self, root: str, fault: str = "", at: int = -1) -> None:
        self.root = os.path.realpath(root)
        self.fault = fault
        self.at = at
        self.count = 0
        self.log: list[tuple[Any, ...]] = []

    def holds(self, path: Any) -> bool:
        """Whether a path is below the folder."""
        return os.path.realpath(path).startswith(self.root)

    def begin(self, kind: str, path: str, size: int = 0) -> int:
        """Called before an operation: counts it; returns how many bytes of a write are to reach the disk.

        Raises:
            OSError: It is the one that fails.
        """
        if not self.holds(path):
            return size
        number, self.count = self.count, self.count + 1
        if not self.fault or number < self.at:
            return size
        code, stays = FAULTS[self.fault]
        if number == self.at:
            if self.fault in ("short", "kill") and size > 1:
                return size // 2
            if self.fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(code, os.strerror(code), path)
        if stays and (code == errno.EROFS or kind not in _NEED_NO_SPACE):
            raise OSError(code, os.strerror(code), path)
        return size

    def end(self, *operation: Any) -> None:
        """Called after it."""
        if not self.fault and self.holds(operation[1]):
            self.log.append(operation)

    def install(self) -> None:
        """Puts this disk between Python and the operating system, for the rest of the process."""
        for name in ("replace", "rename", "link", "symlink", "unlink", "remove", "mkdir", "rmdir"):
            setattr(os, name, self._watched(name, getattr(os, name)))
        fsync, real_os_open = os.fsync, os.open

        def watched_fsync(file: Any) -> None:
            path = _path_of(file if isinstance(file, int) else file.fileno())
            self.begin("fsync", path)
            fsync(file)
            self.end("fsync", path, *([] if os.path.isdir(path) else [_content(path)]))

        def watched_os_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if not flags & (os.O_WRONLY | os.O_RDWR):
                return real_os_open(path, flags, mode, dir_fd=dir_fd)
            full = _full(path, dir_fd)
            new = not os.path.lexists(full)
            self.begin("open", full)
            descriptor = real_os_open(path, flags, mode, dir_fd=dir_fd)
            self.end("open", full, new, bool(flags & os.O_TRUNC))
            return descriptor

        def watched_open(file: Any, mode: str = "r", buffering: int = -1, *text: Any, **named: Any) -> Any:
            if isinstance(file, int) or not set(mode) & set("wxa+") or not self.holds(file):
                return _real_open(file, mode, buffering, *text, **named)
            path = os.path.abspath(file)
            new = not os.path.lexists(path)
            self.begin("open", path)
            raw = WatchedFile(self, path, mode.replace("b", "").replace("t", ""))
            self.end("open", path, new, "w" in mode)
            buffered = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, *text, **named)

        os.fsync, os.open = watched_fsync, watched_os_open  # type: ignore[assignment]
        io.open = builtins.open = watched_open  # type: ignore[assignment]

    def _watched(self, name: str, real: Any) -> Any:
        kind = {"replace": "rename", "remove": "unlink"}.get(name, name)

        def watched(path: Any, *others: Any, dir_fd: int | None = None, **named: Any) -> Any:
            folder = {} if dir_fd is None else {"dir_fd": dir_fd}
            targets = [os.path.abspath(other) for other in others if not isinstance(other, int)]
            full = _full(path, dir_fd)
            self.begin(kind, full)
            real(path, *others, **folder, **named)
            self.end(kind, full, *targets)

        return watched


class WatchedFile(io.FileIO):
    """A file that asks the disk before each write."""

    def __init__(self, disk: Disk, path: str, mode: str) -> None:
        self.disk = disk
        self.path = path
        super().__init__(path, mode)

    def write(self, data: Any) -> int:
        """Writes; where the disk takes only a part, that part, and then comes the fault."""
        content = bytes(data)
        size = self.disk.begin("write", self.path, len(content))
        offset = os.fstat(self.fileno()).st_size if "a" in self.mode else self.tell()
        written = super().write(content[:size])
        if size < len(content):
            self.disk.fault, self.disk.at = {"short": "full"}.get(self.disk.fault, self.disk.fault), self.disk.count
            self.disk.begin("write", self.path)
        self.disk.end("write", _path_of(self.fileno()), offset, content)
        return written

    def truncate(self, size: int | None = None) -> int:
        """Cuts the file."""
        self.disk.begin("truncate", self.path)
        length = super().truncate(size)
        self.disk.end("truncate", _path_of(self.fileno()), length)
        return length


def _content(path: str) -> bytes:
    with _real_open(path, "rb") as file:
        return file.read()


def _path_of(descriptor: int) -> str:
    return os.readlink(f"/proc/self/fd/{descriptor}")


def _full(path: Any, dir_fd: int | None) -> str:
    return os.path.join(_path_of(dir_fd), os.fsdecode(path)) if dir_fd is not None else os.path.abspath(path)
