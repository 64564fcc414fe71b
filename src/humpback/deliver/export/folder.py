"""A folder that is delivered as a whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from humpback.data_access.atomic import TEMPORARY, atomic_folder
from humpback.errors import StoreError


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Gives a temporary folder beside the target that takes its place when the block ends without an error.

    A target that exists is replaced, and stays as it was until then. When the block fails nothing is left behind; what
    a killed process left is removed by the next call. Two processes must not write the same target at once.

    Raises:
        StoreError: The target is a file, or cannot be written.
    """
    if target.exists() and not target.is_dir():
        raise StoreError(f"{target} is a file", "move it away or name another folder")
    with ExitStack() as stack:
        try:
            for left_behind in target.parent.glob(f".{target.name}.*{TEMPORARY}"):
                shutil.rmtree(left_behind)
            folder = stack.enter_context(atomic_folder(target, replace=True))
        except OSError as error:
            hint = "check the folder's permissions"
            raise StoreError(f"cannot write beside {target} ({error.strerror})", hint) from None
        yield folder
