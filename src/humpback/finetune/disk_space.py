"""How much room trainings take on the disk, said before they begin. Imports nothing heavy: `humpback plan` uses it."""

from __future__ import annotations

from humpback.config import TrainSettings

BYTES = 4
"""Of a trained parameter in a checkpoint; the optimiser's state holds two more values of this size."""


def training_disk_bytes(settings: TrainSettings, trained: int, *, saved: int | None = None) -> int:
    """The most bytes that a training keeps beside its finished model.

    A checkpoint holds the weights that are trained in float32 and twice as much of the optimiser's; one more than is
    kept is there while it is written. With an early stop the best weights lie beside them.

    Args:
        settings: The training.
        trained: Parameters that are trained.
        saved: Checkpoints that are still to be written; not given, as many as can be there at a time.
    """
    most = settings.keep_checkpoints + 1
    checkpoints = most if saved is None else min(saved, most)
    best = trained * BYTES if settings.early_stop_checks else 0
    return max(0, checkpoints) * trained * BYTES * 3 + best
