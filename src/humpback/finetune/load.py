"""A model folder to a model that can be trained, and the finished model to a folder that anything can load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from humpback.config import ModelSettings
from humpback.engines.transformers import pick_device, pick_dtype
from humpback.errors import ModelError
from humpback.models import without_bars
from humpback.template import ABOUT, Template


def load_model(path: Path, settings: ModelSettings, dtype: torch.dtype | None = None) -> tuple[Any, Any]:
    """Loads model and tokenizer for training.

    Args:
        path: Model folder in the Hugging Face layout.
        settings: Device and whether the folder's own code may be run.
        dtype: Of the weights; the settings decide where it is not given.

    Returns:
        The model, on its device, and the tokenizer.

    Raises:
        ModelError: The folder does not hold a causal language model.
    """
    device = pick_device(settings.device)
    trust = settings.trust_remote_code
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=trust)
        with without_bars():
            model = AutoModelForCausalLM.from_pretrained(
                path,
                dtype=dtype or pick_dtype(settings.dtype, device),
                trust_remote_code=trust,
                use_safetensors=None if trust else True,
            )
    except (OSError, ValueError, KeyError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise ModelError(f"{path} cannot be loaded ({first})", "check model.name") from None
    return model.to(device), tokenizer


def set_dropout(model: Any, dropout: float) -> int:
    """Sets the dropout of attention weights for training; the saved config never hears of it.

    Returns:
        How many layers have it: none in an architecture without `attention_dropout`.
    """
    layers = 0
    for module in model.modules():
        own = getattr(module, "attention_dropout", None)
        if isinstance(own, torch.nn.Dropout):
            own.p = dropout
        elif isinstance(own, float | int):
            module.attention_dropout = dropout
        else:
            continue
        layers += 1
    return layers


def save_model(model: Any, tokenizer: Any, template: Template, out: Path, about: dict[str, object]) -> None:
    """Writes weights, tokenizer with its chat template, decoding settings and `humpback.json`.

    The generation settings are the paper's nucleus sampling (section 3.1), and stop wherever the template ends a turn.
    """
    out.mkdir(parents=True, exist_ok=True)
    model.config.use_cache = True
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=list(template.stop_ids),
        pad_token_id=template.pad_id,
        do_sample=True,
        temperature=0.7,
        top_p=0.9,
    )
    with without_bars():
        model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / ABOUT).write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")
