"""Files that are there whole or not at all, on a disk or wherever fsspec reaches.

On a disk a file is written under a temporary name, flushed and renamed. An object store shows an object only once it is
whole, so there it is put in one go.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from humpback.data_access.atomic import atomic_file
from humpback.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa


def path_of(text: str) -> Path:
    """A path on this machine, or what stands for one elsewhere, for an address such as 's3://bucket/run'.

    Raises:
        StoreError: Nothing here can reach such an address.
    """
    if "://" not in text:
        return Path(text)
    from upath import UPath  # here because a run on this machine need not wait for it

    try:
        remote = UPath(text)
        remote.exists()
    except (ImportError, ValueError, OSError) as error:
        raise StoreError(f"cannot reach {text} ({error})", "check the address, and what it needs installed") from None
    return cast(Path, remote)


def is_remote(path: Path) -> bool:
    """Whether a place is reached through fsspec."""
    return not isinstance(path, Path)


def write_text(path: Path, text: str) -> None:
    """Writes a file so that it is there whole or not at all.

    Raises:
        StoreError: The disk is full.
    """
    _write(path, lambda file: file.write(text.encode("utf-8")))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file so that it is there whole or not at all."""
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file; None where there is none.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return content


def write_table(path: Path, table: pa.Table, rows: int | None = None) -> None:
    """Writes a Parquet file so that it is there whole or not at all, in row groups of so many rows."""
    import pyarrow.parquet as pq

    _write(path, lambda file: pq.write_table(table, file, compression="zstd", row_group_size=rows))


def append_line(path: Path, line: str) -> None:
    """Adds a line to a text file. An object store cannot, so there the file is written again: keep it small."""
    if is_remote(path):
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        write_text(path, f"{before}{line}\n")
        return
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def remove(folder: Path) -> None:
    """Throws a folder away, where it is there."""
    if not is_remote(folder):
        shutil.rmtree(folder, ignore_errors=True)
    elif folder.exists():
        remote = cast(Any, folder)
        remote.fs.rm(remote.path, recursive=True)


def put_folder(local: Path, target: Path) -> None:
    """Moves a local folder to its place, in the place of what is there."""
    remove(target)
    if not is_remote(target):
        local.rename(target)
        return
    remote = cast(Any, target)
    remote.parent.mkdir(parents=True, exist_ok=True)
    remote.fs.put(f"{local}/", f"{remote.path}/", recursive=True)
    shutil.rmtree(local)


def get_folder(source: Path, local: Path) -> Path:
    """A folder as one on this machine: itself, or a copy at `local`, made once."""
    if not is_remote(source):
        return source
    if not local.exists():
        remote, local_path = cast(Any, source), local.with_name(f"{local.name}.{os.getpid()}")
        local_path.parent.mkdir(parents=True, exist_ok=True)
        remote.fs.get(f"{remote.path}/", f"{local_path}/", recursive=True)
        local_path.rename(local)
    return local


@contextmanager
def local_output(target: Path) -> Iterator[Path]:
    """Where to make a folder for libraries that write to a disk only.

    It is the target itself, or a place from which the folder is moved there when the block ends well.
    """
    if not is_remote(target):
        yield target
        return
    with tempfile.TemporaryDirectory(prefix="humpback-") as folder:
        local_path = Path(folder) / target.name
        yield local_path
        put_folder(local_path, target)


@contextmanager
def local_copy(source: Path) -> Iterator[Path]:
    """A folder for libraries that read from a disk only: itself, or a copy for as long as the block takes."""
    if not is_remote(source):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="humpback-") as folder:
        yield get_folder(source, Path(folder) / source.name)


def _write(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    with disk(path), atomic_file(path) as file:
        write(file)


@contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turns a full disk into one line.

    Raises:
        StoreError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"the disk is full, writing {path}", "free some space and run again: finished work is kept"
            ) from None
        raise
