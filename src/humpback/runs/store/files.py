"""Files that are there whole or not at all, on a disk or wherever fsspec reaches.

On a disk a file is written under a temporary name, flushed and renamed. An object store shows an object only once it is
whole, so there it is put in one go.
"""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from humpback.data_access.atomic import atomic_file, atomic_folder, sync, sync_tree
from humpback.data_access.digests import digest_of
from humpback.errors import StoreError

if TYPE_CHECKING:
    import pyarrow as pa

_DIGEST = "digest"


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
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file so that it is there whole or not at all."""
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is none.

    Raises:
        StoreError: The file cannot be read.
        ValueError: It is no JSON object.
    """
    try:
        with disk(path):
            content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not isinstance(content, dict):
        raise ValueError("it holds no object")
    return content


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file with the digest of what it says."""
    plain = json.loads(json.dumps(content, default=str))
    write_json(path, {**plain, _DIGEST: _digest(plain)})


def read_record(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, none of whose values was changed; None where there is none.

    A file of an earlier version has no digest and is read as it is.

    Raises:
        StoreError: The file cannot be read.
        ValueError: It is damaged.
    """
    content = read_json(path)
    if content is not None and content.pop(_DIGEST, None) not in (None, _digest(content)):
        raise ValueError("it was changed since it was written")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return digest_of(json.dumps(content, sort_keys=True).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file so that it is there whole or not at all."""
    _write(path, lambda file: file.write(content))


def write_table(path: Path, table: pa.Table, rows: int) -> None:
    """Writes a Parquet file so that it is there whole or not at all, in row groups of so many rows."""
    import pyarrow.parquet as pq

    _write(
        path,
        lambda file: pq.write_table(table, file, compression="zstd", row_group_size=rows, write_page_checksum=True),
    )


def mark_of(path: Path) -> str:
    """What changes with the content of a file; empty where it is not there."""
    try:
        if is_remote(path):
            remote = cast(Any, path)
            return str(remote.fs.ukey(remote.path))
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def file_sizes(folder: Path) -> dict[str, int]:
    """The size of each file in a folder and those under it, by its path there; empty where there is no folder."""
    if is_remote(folder):
        remote = cast(Any, folder)
        listing = remote.fs.find(remote.path, detail=True) if folder.exists() else {}
        prefix = len(remote.fs._strip_protocol(remote.path).rstrip("/")) + 1
        return {name[prefix:]: int(facts["size"]) for name, facts in listing.items()}
    sizes = {}
    for path in folder.rglob("*") if folder.exists() else ():
        with suppress(FileNotFoundError):  # a file of a run at work may go while it is looked at
            if path.is_file():
                sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    return sizes


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


def make_folder(folder: Path) -> None:
    """Makes a folder where it is not there, so that a loss of power does not take it.

    Raises:
        StoreError: It cannot be made.
    """
    with disk(folder):
        missing = [] if is_remote(folder) else [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        for path in missing:
            sync(path.parent)


def put_folder(local: Path, target: Path) -> None:
    """Moves a local folder to its place, in the place of what is there, and waits until it is on the disk."""
    remove(target)
    if not is_remote(target):
        sync_tree(local)
        local.rename(target)
        sync(target.parent)
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
        remote = cast(Any, source)
        with atomic_folder(local) as folder:
            remote.fs.get(f"{remote.path}/", f"{folder}/", recursive=True)
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
    """Turns what a disk refuses into one line; that something is not there is left to the caller.

    Raises:
        StoreError: The disk is full, or does not let the file be read or written.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"the disk is full, writing {path}", "free some space and run again: finished work is kept"
            ) from None
        raise StoreError(
            f"cannot read or write {path} ({error.strerror or error})", "see to it and run again: finished work is kept"
        ) from None
