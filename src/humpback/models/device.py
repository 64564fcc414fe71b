"""The devices of this machine: which one a model gets, in which precision, how many there are and what they hold.

Imports torch and no more, and only where a GPU may be there: the answers are asked for before any work starts. Memory
that models leave behind is given back here too.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from humpback.config import ModelSettings, TrainSettings
from humpback.errors import ConfigError, EngineError

if TYPE_CHECKING:
    import torch

_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""NVIDIA's, AMD's, and Windows' for the Linux inside it."""


def pick_device(name: str) -> torch.device:
    """The device that a setting means; 'auto' takes a GPU if there is one.

    Raises:
        EngineError: The device is asked for and not there.
    """
    import torch

    if name == "auto":
        kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
        name = next(kind for kind, is_available in kinds.items() if is_available)
    if (name == "cuda" and not torch.cuda.is_available()) or (name == "mps" and not torch.backends.mps.is_available()):
        raise EngineError(f"model.device is {name}, which this machine does not have", "set it to auto")
    if name == "cuda":
        # cuDNN's attention plans anew for each length, and texts have any length: a training took 3 times as long.
        torch.backends.cuda.enable_cudnn_sdp(False)
    return torch.device(name)


def pick_dtype(name: str, device: torch.device) -> torch.dtype:
    """bfloat16 where a GPU computes in it, float32 elsewhere, unless a setting says so."""
    import torch

    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    fast = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


def device_count(settings: TrainSettings, model: ModelSettings, *, local: bool = True) -> int:
    """The devices that a training is to use.

    Args:
        settings: How many are asked for.
        model: Of what kind.
        local: Whether they are this machine's. The devices of a cluster are not counted here.

    Raises:
        ConfigError: There are fewer, or a model is to be split and there is no GPU.
    """
    if not local:
        return max(1, settings.devices)
    if kind_of_device(model.device) != "cuda":
        if settings.shard:
            raise ConfigError("shard is set and there is no GPU", "accelerate splits a model over GPUs alone: unset it")
        return max(1, settings.devices)
    import torch

    available = torch.cuda.device_count()
    if settings.devices > available:
        raise ConfigError(f"devices is {settings.devices} and there are {available} GPUs", "lower it, or 0 for all")
    return settings.devices or available


def kind_of_device(name: str) -> str:
    """The kind of device that a setting means; torch is not waited for where there can be no GPU."""
    may_have_gpu = sys.platform == "darwin" or any(map(os.path.exists, _GPU_DRIVERS))
    return "cpu" if name == "cpu" or (name == "auto" and not may_have_gpu) else pick_device(name).type


def memory_bytes(kind: str) -> int:
    """The bytes that one process can have at most: of a GPU all that it has, of this machine what is free."""
    if kind == "cuda":
        import torch

        return int(torch.cuda.get_device_properties(0).total_memory)
    import psutil

    free = psutil.virtual_memory().available + psutil.swap_memory().free
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or one without a limit
        return free
    return min(free, limit)


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
