"""Full memory and full disks, said so that the user knows what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from humpback.errors import HumpbackError, StageError, StoreError
from humpback.records import Direction

_DISK_FULL = ("no space left on device", "os error 28", "pytorchstreamwriter failed writing")
"""What the libraries that write weights say instead of an OSError."""

_MEMORY_FULL = ("not enough memory", "can't allocate memory", "out of memory")


@contextmanager
def limits_explained(direction: Direction) -> Iterator[None]:
    """Turns a full memory and a full disk into errors that say what to do.

    Raises:
        StageError: The training does not fit into memory.
        StoreError: The disk is full.
    """
    try:
        yield
    except HumpbackError:
        raise
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(direction) from error
    except Exception as error:
        text = str(error).lower()
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        if full or any(sign in text for sign in _DISK_FULL):
            raise StoreError("the disk is full", "free some space and run again: the training goes on") from error
        if any(sign in text for sign in _MEMORY_FULL):
            raise _out_of_memory(direction) from error
        raise


def _out_of_memory(direction: Direction) -> StageError:
    return StageError(
        f"the {direction} training does not fit into memory",
        f"lower {direction}.micro_batch_size or use {direction}.method: lora",
    )
