"""What a training tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from humpback.records import Direction


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a training's curve."""

    step: int
    loss: float
    """Mean negative log-likelihood of a target token, in nats, over the steps since the last point."""
    learning_rate: float


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What a training did."""

    direction: Direction
    pairs: int
    examples: int
    dropped: dict[str, int]
    """Pairs that could not be trained on, by reason."""
    steps: int
    """Steps made; fewer than the schedule has where the training ended early."""
    batch_size: int
    target_tokens: int
    """Tokens that carried loss, repetitions counted."""
    tokens: int
    """All tokens seen, prompts and repetitions counted, padding not."""
    final_loss: float
    """Loss of the curve's last point."""
    curve: tuple[CurvePoint, ...]
    resumed_from: int
    """The step that this process started from; 0 for a training in one go."""
    seconds: float
    """Of this process."""
    packed: bool
    """Whether pairs were packed; a model that cannot is trained in padded batches."""
    devices: int
    """Processes that trained together."""
    sharded: bool
    """Whether the model was split over them."""
    disk_bytes: int
    """Most room that the training could take on the disk."""
    heldout: tuple[tuple[int, float], ...]
    """Step and held-out loss of each check for an early end; empty where there is none."""


def curve_of(history: list[dict[str, Any]]) -> tuple[CurvePoint, ...]:
    """The curve in a trainer's log, which survives a resume."""
    return tuple(
        CurvePoint(int(entry["step"]), float(entry["loss"]), float(entry["learning_rate"]))
        for entry in history
        if "loss" in entry
    )
