"""Digests of files. Of a large file it is kept, and holds until somebody writes to the file."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from humpback.config.paths import cache_folder
from humpback.data_access.atomic import atomic_file

_KEPT_FROM = 8 << 20
"""Bytes of a file whose digest is kept: a smaller one is read faster than a note about it is found."""
_SETTLED_NS = 2_000_000_000
"""A file that was written just now may be written again within one tick of its clock: no digest of it is kept."""


def digest_of(content: bytes) -> str:
    """SHA-256 of some bytes, as `sha256sum` prints it."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path, *, anew: bool = False) -> str:
    """SHA-256 of a file on this machine, as `sha256sum` prints it.

    Args:
        path: The file.
        anew: Read the file, whatever was kept: this alone sees a disk that lost a bit.

    Raises:
        OSError: The file cannot be read.
    """
    status = path.stat()
    with path.open("rb") as file:
        if status.st_size < _KEPT_FROM:
            return hashlib.file_digest(file, "sha256").hexdigest()
        note = cache_folder() / "digests" / _mark(status)
        with suppress(OSError, ValueError):
            if not anew and len(cached_digest := note.read_text(encoding="ascii")) == hashlib.sha256().digest_size * 2:
                return cached_digest
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if _mark(path.stat()) == _mark(status) and time.time_ns() - status.st_ctime_ns > _SETTLED_NS:
        with suppress(OSError):  # a cache that cannot be written costs time and nothing else
            note.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(note, "w") as kept_file:
                kept_file.write(digest)
    return digest


def _mark(status: os.stat_result) -> str:
    """Changes with every write: a program can set back the time of the content, not that of the inode."""
    numbers = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return "-".join(f"{number:x}" for number in numbers)
