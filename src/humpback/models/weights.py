"""Loads a network, and refuses a folder whose weights are not those that its config asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from humpback.errors import HumpbackError, ModelError
from humpback.models.sources import without_progress_bars

_NAMED = 2


def load_network(path: Path, *, trust: bool, **options: Any) -> Any:
    """A causal language model with exactly the weights of its folder, each of them a number.

    Args:
        path: Model folder in the Hugging Face layout.
        trust: Whether the folder's own code and pickles may be read.
        options: As `from_pretrained` takes them.

    Raises:
        ModelError: The folder holds no such model: weights are missing, left over, of another shape or not numbers.
    """
    try:
        with without_progress_bars(), _without_warnings():
            network, loaded = AutoModelForCausalLM.from_pretrained(
                path,
                trust_remote_code=trust,
                use_safetensors=None if trust else True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, by name
                **options,
            )
        _check(path, network, loaded)
    except (HumpbackError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # what a stranger's files make the libraries raise has no end
        raise cannot_load(path, error) from None
    return network


def cannot_load(path: Path, error: Exception) -> ModelError:
    """What a library could not do with a model folder, in one line."""
    reason = " ".join((str(error).splitlines() or [type(error).__name__])[:2])
    return ModelError(f"{path} cannot be loaded ({reason})", "check model.name")


def _check(path: Path, network: Any, loaded: dict[str, Any]) -> None:
    missing = sorted(loaded["missing_keys"])
    shapes = sorted(str(item[0]) for item in loaded["mismatched_keys"])
    # A model of pictures and text has weights that its text part does not ask for.
    is_part = type(network).__name__ not in (network.config.architectures or [])
    left_over = [] if is_part else sorted(loaded["unexpected_keys"])
    broken = [name for name, weight in network.named_parameters() if weight.is_floating_point() and _has_nan(weight)]
    for names, what in (
        (missing, "are missing"),
        (shapes, "have another shape than config.json says"),
        (left_over, "are not asked for by config.json"),
        (broken, "hold values that are not numbers"),
    ):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise ModelError(f"{path}: weights {what}: {', '.join(names[:_NAMED])}{more}",
                             "fetch or train the model again")  # fmt: skip


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Transformers warns of weights in a table of many lines; here they are refused in one."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _has_nan(weight: torch.Tensor) -> bool:
    if weight.is_meta or not weight.numel():
        return False
    low, high = torch.aminmax(weight.detach())
    return not bool(torch.isfinite(low) & torch.isfinite(high))
