"""A folder that is there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from humpback.errors import StoreError


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Gives a temporary folder beside the target that takes its place when the block ends well.

    A target that exists is replaced, and stays as it was until then. When the block fails nothing is left behind;
    what a killed process left is removed by the next call. Two processes must not write the same target at once.

    Raises:
        StoreError: The target is a file, or cannot be written.
    """
    made, old = (target.with_name(f".{target.name}.{ending}") for ending in ("new", "old"))
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target} is a file", "move it away or name another folder")
    try:
        _remove(made)
        made.mkdir(parents=True)
    except OSError as error:
        raise StoreError(f"cannot write beside {target} ({error.strerror})", "check the folder's permissions") from None
    try:
        yield made
        _sync(made)
        _remove(old)
        if target.exists():
            target.rename(old)
        made.rename(target)
    finally:
        _remove(made)
        if target.exists():
            _remove(old)
        elif old.exists():
            old.rename(target)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
