"""Memory that does not suffice and disks that are full, as errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from humpback.errors import HumpbackError, StageError, StoreError
from humpback.records import Direction

_DISK_FULL_MESSAGES = ("no space left on device", "os error 28", "pytorchstreamwriter failed writing")
"""What the libraries that write weights say instead of an OSError."""

_OUT_OF_MEMORY_MESSAGES = ("not enough memory", "can't allocate memory", "out of memory")


@contextmanager
def limits_explained(direction: Direction) -> Iterator[None]:
    """Turns the many errors of full memory and full disks into two that say what to do.

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
        if full or any(message in text for message in _DISK_FULL_MESSAGES):
            raise StoreError("the disk is full", "free some space and run again to continue the training") from error
        if any(message in text for message in _OUT_OF_MEMORY_MESSAGES):
            raise _out_of_memory(direction) from error
        raise


def _out_of_memory(direction: Direction) -> StageError:
    return StageError(
        f"the {direction} training does not fit into memory",
        f"lower {direction}.micro_batch_size or use {direction}.method: lora",
    )
