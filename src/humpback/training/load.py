"""A model folder to a model that can be trained, and the finished model to a folder that anything can load."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from transformers import GenerationConfig

from humpback.config import ModelSettings, TrainSettings
from humpback.models.device import pick_device, pick_dtype
from humpback.models.loading import load_template
from humpback.models.sources import write_model
from humpback.models.template import MODEL_RECORD, Template
from humpback.models.weights import load_network
from humpback.training.cpu.products import use_products


@dataclass(frozen=True, slots=True)
class TrainableModel:
    """A model that can be trained.

    Attributes:
        model: The network; on its device unless it is to be split over several.
        template: The renderer made of its tokenizer.
        device: Where it is trained.
        dtype: What is computed in, and what the finished model is saved in.
    """

    model: Any
    template: Template
    device: torch.device
    dtype: torch.dtype


def load(path: Path, model: ModelSettings, settings: TrainSettings) -> TrainableModel:
    """Loads a model for the training that the settings ask for.

    Weights are float32 for full finetuning (bfloat16 would round steps of 1e-5 away); the base of adapters is in
    `model.dtype`, or in 4 bits.

    Raises:
        ModelError: The folder does not hold a causal language model.
    """
    device = pick_device(model.device)
    dtype = pick_dtype(model.dtype, device)
    weights = torch.float32 if settings.method == "full" else dtype
    quantised = four_bits(dtype) if settings.method == "qlora" else None
    network, template = load_model(path, model, weights, quantised, move=not settings.shard)
    use_products(network)
    if settings.freeze_embeddings:
        for layer in (network.get_input_embeddings(), network.get_output_embeddings()):
            layer.requires_grad_(requires_grad=False)
    return TrainableModel(network, template, device, dtype)


def four_bits(dtype: torch.dtype) -> Any:
    """How the base is kept in 4 bits.

    Args:
        dtype: What is computed in.
    """
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def load_model(
    path: Path, settings: ModelSettings, dtype: torch.dtype, quantised: Any = None, *, move: bool = True
) -> tuple[Any, Template]:
    """Loads model and template for training.

    Args:
        path: Model folder in the Hugging Face layout.
        settings: Device and whether the folder's own code may be run.
        dtype: Of the weights.
        quantised: How the weights are kept in fewer bits, if they are.
        move: Whether to put the model on its device.

    Raises:
        ModelError: The folder does not hold a causal language model.
    """
    template = load_template(path, settings)
    device = pick_device(settings.device)
    model = load_network(
        path,
        trust=settings.trust_remote_code,
        dtype=dtype,
        quantization_config=quantised,
        device_map={"": device} if quantised is not None else None,
    )
    return model.to(device) if move and quantised is None else model, template


def set_dropout(model: Any, dropout: float) -> int:
    """Sets the dropout of attention weights for training; the saved config never hears of it.

    Returns:
        How many layers have it: none in an architecture without `attention_dropout`.
    """
    layers = 0
    for module in model.modules():
        dropout_of_layer = getattr(module, "attention_dropout", None)
        if isinstance(dropout_of_layer, torch.nn.Dropout):
            dropout_of_layer.p = dropout
        elif isinstance(dropout_of_layer, float | int):
            module.attention_dropout = dropout
        else:
            continue
        layers += 1
    return layers


@contextmanager
def without_peft_warnings() -> Iterator[None]:
    """PEFT still asks for the old name of a property of transformers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def merge_adapters(
    path: Path, settings: ModelSettings, lora: LoraConfig, weights: dict[str, Any], dtype: torch.dtype
) -> Any:
    """The base, loaded anew in full precision, with adapters that were trained elsewhere merged into it.

    For a base that was kept in 4 bits, into which adapters cannot be merged without loss, or was split over devices.
    """
    model, _ = load_model(path, settings.model_copy(update={"device": "cpu"}), dtype)
    with without_peft_warnings():
        adapted = get_peft_model(model, lora)
    set_peft_model_state_dict(adapted, weights)
    return adapted.merge_and_unload()


def save_model(model: Any, template: Template, folder: Path, record: dict[str, object], state: Any = None) -> None:
    """Writes weights, tokenizer with its chat template, decoding settings and `humpback.json`.

    Where `state` is given, the weights are taken from there.

    The generation settings are the paper's nucleus sampling (section 3.1), and stop wherever the template ends a turn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model.config.use_cache = True  # off in a training
    model.generation_config = GenerationConfig(
        bos_token_id=template.tokenizer.bos_token_id,
        eos_token_id=list(template.stop_ids),
        pad_token_id=template.pad_id,
        do_sample=True,
        temperature=0.7,
        top_p=0.9,
    )
    write_model(model, template.tokenizer, folder, state)
    text = json.dumps(record | {"template": template.identity}, indent=2, sort_keys=True)
    (folder / MODEL_RECORD).write_text(text + "\n", encoding="utf-8")
