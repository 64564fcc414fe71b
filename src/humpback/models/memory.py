"""Memory of models that are gone."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back_memory() -> None:
    """Gives what models have left behind back to the system.

    glibc keeps freed blocks below 32 MiB for itself, and a training frees and asks for many: a process that had trained
    three models of 135M parameters held 9.2 GiB, of which 2.3 were in use.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
