"""Files and folders that appear under their name only once they are complete and on the disk.

Each is made under a hidden temporary name beside its target, flushed to the disk and renamed. The temporary name is
unique, so that several processes, on several machines of one file system too, may make the same target at once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A temporary path to write a file to. The file takes the target's place when the block ends without an error."""
    temporary = _temporary_name(target)
    try:
        yield temporary
        sync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """A temporary folder to fill. It takes the target's name when the block ends without an error.

    A target that another process has finished in the meantime stays, and this one's folder is deleted: this is for
    folders whose content follows from their name.
    """
    temporary = _temporary_name(target)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        sync_tree(temporary)
        try:
            temporary.rename(target)
        except OSError:
            if not target.exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Waits until a folder with all that is in it is on the disk."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_name(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid4().hex[:12]}")
