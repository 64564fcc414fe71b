"""Checkpoints that a killed training can go on from.

The trainer writes a checkpoint file by file; a marker written last tells a complete one from one that a kill cut
short. The marker names the training, so that another training's checkpoint is never continued.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

_MARKER = "complete"


class MarkComplete(TrainerCallback):
    """Marks each checkpoint once it is written, and then deletes the ones before it.

    Args:
        work: Where the checkpoints are.
        identity: What the training is called in the markers.
    """

    def __init__(self, work: Path, identity: str) -> None:
        self._work = work
        self._identity = identity

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leaves out the checkpoint of the last step: the finished model is saved right after it."""
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Makes the checkpoint durable and valid."""
        folder = self._work / f"checkpoint-{state.global_step}"
        for path in sorted(folder.iterdir()):
            _sync(path)
        partial = folder / f"{_MARKER}.partial"
        partial.write_text(self._identity, encoding="utf-8")
        _sync(partial)
        partial.rename(folder / _MARKER)
        _sync(folder)
        for other in self._work.glob("checkpoint-*"):
            if other != folder:
                shutil.rmtree(other)


def last_complete(work: Path, identity: str) -> Path | None:
    """The checkpoint to go on from; all others are deleted."""
    valid = []
    for folder in sorted(work.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2])):
        marker = folder / _MARKER
        if marker.exists() and marker.read_text(encoding="utf-8") == identity:
            valid.append(folder)
        else:
            shutil.rmtree(folder)
    for folder in valid[:-1]:
        shutil.rmtree(folder)
    return valid[-1] if valid else None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
