"""How vLLM is laid out on the devices of this machine: copies of a model, memory, and what it must leave to us."""

from __future__ import annotations

from pathlib import Path

import torch
from vllm import AsyncEngineArgs
from vllm.platforms import current_platform

from humpback.config import ModelSettings
from humpback.errors import EngineError

_CPU_CACHE_GIB = 2
"""A CPU's memory is not vLLM's alone."""

_GIB = 2**30


def arguments_for(path: Path, settings: ModelSettings, longest: int) -> AsyncEngineArgs:
    """The arguments that vLLM starts with.

    Args:
        path: Model folder.
        settings: Copies, memory and bounds.
        longest: Most tokens of a sequence, prompt and answer together.

    Raises:
        EngineError: The device is not the one that is asked for, or the GPUs do not suffice.
    """
    on_cpu = bool(current_platform.is_cpu())
    if settings.device not in ("auto", "cpu" if on_cpu else "cuda"):
        has = "the CPU" if on_cpu else "GPUs"
        raise EngineError(f"model.device is {settings.device}, and this vLLM runs on {has}", "set it to auto")
    layout = settings.vllm
    cache = layout.cache_gib or (_CPU_CACHE_GIB if on_cpu else 0)
    return AsyncEngineArgs(
        model=str(path),
        # We send token ids, and set everything that decides how tokens are drawn.
        skip_tokenizer_init=True,
        generation_config="vllm",
        logprobs_mode="raw_logprobs",
        trust_remote_code=settings.trust_remote_code,
        load_format="auto" if settings.trust_remote_code else "safetensors",
        dtype=_dtype(settings.dtype, on_cpu),
        # vLLM always generates a token, also where only log-likelihoods are asked for.
        max_model_len=longest + 1,
        enable_prefix_caching=True,
        data_parallel_size=layout.replicas or _copies(layout.tensor_parallel, on_cpu),
        tensor_parallel_size=layout.tensor_parallel,
        distributed_executor_backend="mp" if layout.tensor_parallel > 1 else None,
        gpu_memory_utilization=layout.memory_share,
        kv_cache_memory_bytes=int(cache * _GIB) or None,
        enforce_eager=not layout.compile,
        disable_log_stats=True,
        use_tqdm_on_load=False,
    )


def _copies(tensor_parallel: int, on_cpu: bool) -> int:
    """How many copies the GPUs in sight have room for.

    Raises:
        EngineError: Not even one.
    """
    if on_cpu:
        return 1
    gpus = int(current_platform.device_count())
    if gpus < tensor_parallel:
        raise EngineError(f"model.vllm.tensor_parallel is {tensor_parallel}, and {gpus} GPUs are in sight", "lower it")
    return gpus // tensor_parallel


def _dtype(name: str, on_cpu: bool) -> str:
    """bfloat16 where a GPU computes in it, float32 elsewhere, unless a setting says so."""
    if name != "auto":
        return name
    return "bfloat16" if not on_cpu and torch.bfloat16 in current_platform.supported_dtypes else "float32"
