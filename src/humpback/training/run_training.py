"""One training in this process, which may be one of several that train together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from transformers import set_seed

from humpback.config import ModelSettings
from humpback.errors import StageError
from humpback.models.device import give_back_memory
from humpback.models.sources import identify, without_progress_bars
from humpback.training.checkpoints import check_disk
from humpback.training.early_stop import StopEarly
from humpback.training.load import TrainableModel, load, merge_adapters, save_model
from humpback.training.memory_limits import limits_explained
from humpback.training.summary import CurvePoint, curve_of
from humpback.training.tokens import open_tokens
from humpback.training.trainer import Progress, TargetTrainer, adapters, make_trainer
from humpback.training.training_job import TrainingJob


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training gives besides the model's folder.

    Attributes:
        curve: Its loss.
        steps: Steps made; fewer than planned where it ended early.
        packed: Whether examples were packed.
        sharded: Whether the model was split over devices.
        disk_bytes: The most disk space that it could take.
        checks: Step and held-out loss of each check.
    """

    curve: tuple[CurvePoint, ...]
    steps: int
    packed: bool
    sharded: bool
    disk_bytes: int
    checks: tuple[tuple[int, float], ...]


def run_training(job: TrainingJob, progress: Progress | None = None) -> TrainingResult:
    """Trains and writes the model to the job's folder; the model is freed before this returns.

    Raises:
        StageError: The loss is not a number, or memory does not suffice.
        StoreError: The disk is full, or will be.
    """
    with limits_explained(job.direction):
        set_seed(job.seed)
        loaded = load(job.base, job.model, job.settings)
        trainer = make_trainer(job, loaded, progress)
        try:
            return _train(job, loaded, trainer)
        finally:
            trainer.accelerator.free_memory()
            del trainer, loaded
            give_back_memory()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _train(job: TrainingJob, loaded: TrainableModel, trainer: TargetTrainer) -> TrainingResult:
    trained = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
    disk = check_disk(job, loaded.model.num_parameters() * loaded.dtype.itemsize, trained)
    stop = None
    if job.heldout is not None and job.settings.early_stop_checks:
        stop = StopEarly(trainer, open_tokens(job.heldout), job.settings, job.work)
        trainer.add_callback(stop)
    with without_progress_bars():
        trainer.train(resume_from_checkpoint=str(job.checkpoint) if job.checkpoint else None)
    curve = curve_of(trainer.state.log_history)
    final = curve[-1].loss
    if not math.isfinite(final):
        raise StageError(f"the {job.direction} training diverged", f"lower {job.direction}.learning_rate")
    if stop is not None:
        stop.restore_best()
    write_model(trainer, job, loaded, model_record(job, final, trainer.state.global_step))
    checks = stop.checks if stop is not None else ()
    return TrainingResult(
        curve, trainer.state.global_step, trainer.layout.packing, trainer.is_fsdp_enabled, disk, checks
    )


def write_model(trainer: TargetTrainer, job: TrainingJob, loaded: TrainableModel, record: dict[str, object]) -> None:
    """Writes the finished model: adapters merged, and in one piece, also where it was trained on several devices."""
    sharded = trainer.is_fsdp_enabled
    state = trainer.accelerator.get_state_dict(trainer.model) if sharded else None
    if not trainer.accelerator.is_main_process:
        return
    network = trainer.accelerator.unwrap_model(trainer.model)
    if job.settings.method == "qlora" or (sharded and job.settings.method != "full"):
        weights = get_peft_model_state_dict(network, state_dict=state)
        network, state = merge_adapters(job.base, job.model, adapters(job.settings), weights, loaded.dtype), None
    elif hasattr(network, "merge_and_unload"):
        network = network.merge_and_unload()
    if state is None:
        network = network.to(loaded.dtype)
    else:
        # Once they are gathered, tied weights are no longer one tensor: only the first of them is saved.
        tied = getattr(network, "all_tied_weights_keys", None) or {}
        state = {name: weight.to(loaded.dtype) for name, weight in state.items() if name not in tied}
    save_model(network, loaded.template, job.model_folder, record, state)


def model_record(job: TrainingJob, final: float, steps: int) -> dict[str, Any]:
    """The record in a finished model's folder: what it was trained from and how."""
    tokens = open_tokens(job.tokens)
    return {
        "humpback": version("humpback-align"),
        "direction": job.direction,
        "base": {"name": job.model.name, "identity": _base_identity(job.base, job.model)},
        "tags": job.tags.model_dump(),
        "settings": job.settings.model_dump(),
        "seed": job.seed,
        "examples": len(tokens),
        "steps": steps,
        "batch_size": job.schedule.batch_size,
        "final_loss": final,
    }


def _base_identity(base: Path, model: ModelSettings) -> str:
    """The commit where the folder is a snapshot of the hub, a digest elsewhere."""
    return f"{model.name}@{base.name}" if base.parent.name == "snapshots" else identify(model)
