"""Loads a network, and refuses a folder whose weights are not those that its config asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

from humpback.errors import HumpbackError, ModelError
from humpback.models.loading import cannot_load
from humpback.models.sources import without_progress_bars

_NAMED = 2
_BROKEN = "hold values that are not numbers"
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Numbers of fewer bits are looked at by who unpacks them."""


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


def check_weights(path: Path, *, trust: bool) -> None:
    """Refuses what `load_network` refuses, for an engine that loads weights by itself; they are read one at a time.

    Names and shapes are those of the files only where transformers has the model and no weights are quantised.

    Raises:
        ModelError: As there.
    """
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=trust)
        if config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not hasattr(config, "quantization_config"):
            load_network(path, trust=trust, device_map="meta")
        for file in sorted(path.glob("*.safetensors")):
            with safe_open(file, "pt") as weights:
                _refuse(path, [name for name in weights.offset_keys() if _has_nan(weights.get_tensor(name))], _BROKEN)
    except HumpbackError:
        raise
    except Exception as error:
        raise cannot_load(path, error) from None


def _check(path: Path, network: Any, loaded: dict[str, Any]) -> None:
    _refuse(path, sorted(loaded["missing_keys"]), "are missing")
    shapes = sorted(str(item[0]) for item in loaded["mismatched_keys"])
    _refuse(path, shapes, "have another shape than config.json says")
    # A model of pictures and text has weights that its text part does not ask for.
    if type(network).__name__ in (network.config.architectures or []):
        _refuse(path, sorted(loaded["unexpected_keys"]), "are not asked for by config.json")
    _refuse(path, [name for name, weight in network.named_parameters() if _has_nan(weight)], _BROKEN)


def _refuse(path: Path, names: list[str], fault: str) -> None:
    if names:
        listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        raise ModelError(f"{path}: weights {fault}: {listed}", "fetch or train the model again")


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
    if weight.is_meta or not weight.numel() or weight.dtype not in _FLOATS:
        return False
    low, high = torch.aminmax(weight.detach())
    return not bool(torch.isfinite(low) & torch.isfinite(high))
