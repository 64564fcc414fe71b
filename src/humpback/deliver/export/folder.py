"""A folder that is delivered as a whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from humpback.data_access.atomic import TEMPORARY, atomic_folder
from humpback.errors import StoreError


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Gives a temporary folder beside the target that takes its place when the block ends without an error.

    A target that exists is replaced, and stays as it was until then. When the block fails nothing is left behind; what
    a killed process left is removed by the next call. Two processes never write into each other's folder.

    Raises:
        StoreError: The target is a file, or cannot be written.
    """
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target} is a file", "move it away or name another folder")
    try:
        for left_behind in target.parent.glob(f".{target.name}.*{TEMPORARY}"):
            process = left_behind.name.removeprefix(f".{target.name}.").partition("-")[0]
            if not (process.isdigit() and psutil.pid_exists(int(process))):
                shutil.rmtree(left_behind)
        with atomic_folder(target, replace=True) as folder:
            yield folder
    except OSError as error:
        hint = "free some space or check the folder's permissions, and run it again"
        raise StoreError(f"cannot write {target} ({error.strerror or error})", hint) from None
