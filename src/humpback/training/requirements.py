"""What a training takes, known before it begins: packages, memory, disk space. Imports nothing heavy."""

from __future__ import annotations

from importlib.util import find_spec

from humpback.config import TrainSettings
from humpback.errors import ConfigError
from humpback.records import Direction

PARAMETER_BYTES = 4
"""Of a trained parameter in a checkpoint; the optimiser's state holds two more values of this size."""

_FULL_BYTES = 16
"""For each parameter in full finetuning: weight, gradient and two values of AdamW, all in float32."""
_QLORA_BYTES = 0.5


def check_packages(settings: TrainSettings, direction: Direction) -> None:
    """Refuses a method or a tracker whose package is not installed.

    Raises:
        ConfigError: It is not.
    """
    if settings.method == "qlora" and find_spec("bitsandbytes") is None:
        raise ConfigError(f"{direction}.method is qlora, which needs the package bitsandbytes",
                          "pip install 'humpback-align[qlora]'")  # fmt: skip
    packages = {"tensorboard": ("tensorboardX", "tensorboard")}.get(settings.tracker, (settings.tracker,))
    if settings.tracker != "none" and not any(find_spec(name) for name in packages):
        raise ConfigError(f"{direction}.tracker is {settings.tracker}, which is not installed",
                          f"pip install {packages[0]}")  # fmt: skip


def training_memory_bytes(settings: TrainSettings, parameters: int, weight_bytes: int) -> int:
    """The least bytes that one process of a training takes: what it holds of the model, without activations.

    Args:
        settings: The training.
        parameters: How many the model has.
        weight_bytes: Of each weight under adapters.
    """
    full = PARAMETER_BYTES if settings.freeze_embeddings else _FULL_BYTES
    return int(parameters * {"qlora": _QLORA_BYTES, "lora": weight_bytes, "full": full}[settings.method])


def training_disk_bytes(settings: TrainSettings, trained_parameters: int, *, saved: int | None = None) -> int:
    """The most bytes that a training takes beside its finished model.

    A checkpoint holds the trained weights in float32, and twice as many bytes of the optimiser's. The oldest one is
    deleted only after a new one is written. With an early stop the best weights are kept too.

    Args:
        settings: The training.
        trained_parameters: How many are trained.
        saved: Checkpoints that are still to be written; not given, as many as can be there at a time.
    """
    max_checkpoints = settings.keep_checkpoints + 1
    checkpoints = max_checkpoints if saved is None else min(saved, max_checkpoints)
    best = trained_parameters * PARAMETER_BYTES if settings.early_stop_checks else 0
    return max(0, checkpoints) * trained_parameters * PARAMETER_BYTES * 3 + best
