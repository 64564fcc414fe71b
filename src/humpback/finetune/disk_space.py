"""The disk space that trainings take, known before they begin. Imports nothing heavy: `humpback plan` uses it."""

from __future__ import annotations

from humpback.config import TrainSettings

PARAMETER_BYTES = 4
"""Of a trained parameter in a checkpoint; the optimiser's state holds two more values of this size."""


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
