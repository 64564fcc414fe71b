"""Files and folders that appear under their name only when they are complete.

Each is written under a hidden temporary name beside its target, flushed to the disk, and renamed. Whoever reads the
target sees the previous content or the whole new one; a killed process leaves at most a temporary name behind.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from humpback.errors import InputError

TEMPORARY = ".tmp"
"""The ending of every temporary name."""


@contextmanager
def atomic_file(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a file for writing that replaces its target when the block ends without an error.

    Args:
        path: The target, on a disk or wherever fsspec reaches.
        mode: 'wb', or 'w' for text: UTF-8, line ends as they are written, halves of surrogate pairs as escapes.

    Raises:
        OSError: The file cannot be written, or the block raised it. The target is then as it was.
    """
    text = {"encoding": "utf-8", "newline": "", "errors": "backslashreplace"} if "b" not in mode else {}
    if not isinstance(path, Path):
        # An object store shows an object only once it is complete, so it needs no temporary name.
        with io.BytesIO() as buffer:
            file = io.TextIOWrapper(buffer, **text, write_through=True) if text else buffer
            yield cast("IO[Any]", file)
            remote = cast(Any, path)
            remote.fs.pipe_file(remote.path, buffer.getvalue())
        return
    temporary = temporary_path(path)
    try:
        # Exclusive creation: two writers of one target never share a temporary file.
        with temporary.open(mode.replace("w", "x"), **text) as file:  # type: ignore[call-overload]
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def output_file(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """As `atomic_file`, for a file that the user names. The block must do nothing but write to it.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        with atomic_file(path, mode) as file:
            yield file
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error})", "choose another place") from None


@contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Gives an empty folder to fill, which appears under its target's name when the block ends without an error.

    Args:
        path: The target, on a disk. Its parents are made where they are missing.
        replace: Put the new folder in the place of one that is there by then. Otherwise that one stays and the new one
            is deleted: for folders whose content follows from their name, another process's is as good, and in use.

    Raises:
        OSError: The folder cannot be written, or the block raised it. The target is then as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(path)
    previous = temporary.with_suffix(".old")
    temporary.mkdir()
    try:
        yield temporary
        sync_tree(temporary)
        _put(temporary, path, previous, replace=replace)
        sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)


def _put(folder: Path, target: Path, previous: Path, *, replace: bool) -> None:
    if replace and target.is_dir():
        # A rename cannot replace a folder that holds files, so the previous one moves aside first.
        target.rename(previous)
    try:
        folder.rename(target)
    except OSError:
        if previous.exists():
            previous.rename(target)
            raise
        if replace or not target.is_dir():
            raise


def temporary_path(target: Path) -> Path:
    """A name beside a target that no other process uses, hidden from whoever walks the folder."""
    return target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}")


def sync_tree(folder: Path) -> None:
    """Waits until a folder with all that is in it is on the disk."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's list of names, is on the disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        # Some network file systems cannot flush a folder; for a file an error means that its content is lost.
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT) or not path.is_dir():
            raise
