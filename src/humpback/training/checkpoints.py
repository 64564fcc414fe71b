"""Checkpoints that a killed training can go on from.

The trainer writes a checkpoint file by file; a marker written last tells a complete one from one that a kill cut
short. The marker names the training, so that another training's checkpoint is never continued.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from humpback.data_access.atomic import atomic_file, sync_tree
from humpback.errors import StoreError
from humpback.training.requirements import training_disk_bytes
from humpback.training.training_job import TrainingJob

_MARKER = "complete"
_GIB = 1 << 30


class MarkComplete(TrainerCallback):
    """Marks each checkpoint once every device has written its part, and then deletes the oldest ones.

    Args:
        work: Where the checkpoints are.
        identity: What the training is called in the markers.
        keep: How many stay.
    """

    def __init__(self, work: Path, identity: str, keep: int = 1) -> None:
        self._work = work
        self._identity = identity
        self._keep = keep

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leaves out the checkpoint of the last step: the finished model is saved right after it."""
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Makes the checkpoint durable and valid."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if not state.is_world_process_zero:
            return
        folder = self._work / f"checkpoint-{state.global_step}"
        sync_tree(folder)  # before the marker: it must never stand beside a weight that a power cut took
        with atomic_file(folder / _MARKER, "w") as file:
            file.write(self._identity)
        for old in _by_step(self._work)[: -self._keep]:
            shutil.rmtree(old)


def last_complete(work: Path, identity: str) -> Path | None:
    """The checkpoint to go on from; incomplete ones and another training's are deleted."""
    valid = []
    for folder in _by_step(work):
        marker = folder / _MARKER
        if marker.exists() and marker.read_text(encoding="utf-8") == identity:
            valid.append(folder)
        else:
            shutil.rmtree(folder)
    return valid[-1] if valid else None


def check_disk(job: TrainingJob, weights: int, trained: int) -> int:
    """How much room a training takes on the disk at most, beyond what it holds already.

    Args:
        job: The training.
        weights: Bytes of the finished model.
        trained: Parameters that are trained.

    Raises:
        StoreError: The disk has less room than that.
    """
    saved = (job.schedule.steps - 1) // job.settings.checkpoint_steps
    most = min(saved, job.settings.keep_checkpoints + 1) - len(_by_step(job.work))
    needed = training_disk_bytes(job.settings, trained, saved=most) + weights
    free = shutil.disk_usage(job.work).free
    if needed > free:
        raise StoreError(
            f"the {job.direction} training writes up to {needed / _GIB:.1f} GiB (checkpoints, model) and "
            f"{free / _GIB:.1f} GiB are free",
            f"free some space, lower {job.direction}.keep_checkpoints or use {job.direction}.method: lora",
        )
    return needed


def _by_step(work: Path) -> list[Path]:
    return sorted(work.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
