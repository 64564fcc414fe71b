"""Finetuning: pairs and a base model in, a model folder out (paper, section 3.1).

One path for the backward model M_yx and for every forward model M_t. The loop is TRL's `SFTTrainer` on examples that
`tokenise` has laid down; nothing of TRL renders, adds or cuts a token. A killed training continues from its last
complete checkpoint. Refused: pairs that mostly cannot be trained on, rates that rise, a model that does not fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from humpback.config import ModelSettings, TagSettings, TrainSettings
from humpback.models.device import device_count
from humpback.models.loading import load_template, longest_sequence
from humpback.records import Direction, Pair, content_id
from humpback.training.checkpoints import last_complete
from humpback.training.examples import check_dropped
from humpback.training.memory_limits import limits_explained
from humpback.training.processes import train_in_processes
from humpback.training.requirements import check_packages
from humpback.training.run_training import TrainingResult, run_training
from humpback.training.schedule import check_warmup, order_of_examples, steps_and_batch
from humpback.training.summary import TrainSummary
from humpback.training.tokens import Tokens, open_tokens, tokenise
from humpback.training.trainer import Progress
from humpback.training.training_job import TrainingJob

TrainDistributed = Callable[[TrainingJob, int, Progress | None], TrainingResult]
"""Carries out a job in several processes."""


def finetune(
    pairs: Iterable[Pair],
    *,
    base: Path,
    direction: Direction,
    model: ModelSettings,
    settings: TrainSettings,
    tags: TagSettings,
    seed: int,
    model_folder: Path,
    work: Path,
    heldout: Sequence[Pair] = (),
    progress: Progress | None = None,
    together: TrainDistributed = train_in_processes,
) -> TrainSummary:
    """Trains one model from the base and writes it to a folder.

    Weights are kept in float32 for full finetuning (bfloat16 would round steps of 1e-5 away) and computed with in
    `model.dtype`; the folder holds `model.dtype`. Dropout applies to attention weights where the architecture has
    `attention_dropout`, and to adapters; the saved config does not know of it. The model is freed before this returns.

    Args:
        pairs: What to learn from, in any fixed order; gone through twice, never held in memory.
        base: Folder of the base model; every M_t starts from it.
        direction: backward learns instruction from response, forward response from instruction.
        model: Device, dtype and longest sequence.
        settings: The training.
        tags: S_a and S_w.
        seed: Fixes order, dropout and adapters.
        model_folder: Folder to write the finished model to.
        work: Folder for checkpoints. A training that was killed continues from what is there; checkpoints of another
            training are deleted. Not needed any more once `model_folder` is safe.
        heldout: Pairs that decide about an early end, where the settings ask for one.
        progress: Called after each step.
        together: How several processes are started where `devices` asks for them; `ray.train_on_ray` on a cluster.

    Raises:
        ConfigError: The warm-up is as long as the training.
        StageError: Too few pairs can be trained on, the loss is not a number, or memory does not suffice.
        StoreError: The disk is full, or too small for the training.
    """
    started = time.monotonic()
    with limits_explained(direction):
        job = prepare(pairs, base, direction, model, settings, tags, seed, model_folder, work, heldout)
        devices = device_count(settings, model, local=together is train_in_processes)
        result = run_training(job, progress) if devices == 1 else together(job, devices, progress)
    return _summary(job, open_tokens(job.tokens), result, devices, time.monotonic() - started)


def prepare(
    pairs: Iterable[Pair],
    base: Path,
    direction: Direction,
    model: ModelSettings,
    settings: TrainSettings,
    tags: TagSettings,
    seed: int,
    model_folder: Path,
    work: Path,
    heldout: Sequence[Pair] = (),
) -> TrainingJob:
    """Tokenises the pairs, checks the settings against them and finds the checkpoint to go on from."""
    pairs = tuple(pairs) if isinstance(pairs, Iterator) else pairs  # what can be gone through only once
    check_packages(settings, direction)
    tokenizer, longest = load_template(base, model).tokenizer, longest_sequence(base, model)
    tokens = tokenise(pairs, direction, tokenizer, tags, longest)
    check_dropped(tokens.read, tokens.dropped, direction, settings)
    schedule = steps_and_batch(len(tokens), settings, int(tokens.from_seed.sum()))
    check_warmup(settings, direction, schedule.steps)
    heldout_tokens = (
        tokenise(heldout, direction, tokenizer, tags, longest) if settings.early_stop_checks and heldout else None
    )
    deciding = settings.model_dump_json(exclude=_NOT_DECIDING)
    parts = [str(base.resolve()), direction, deciding, str(seed), model.dtype, tokens.content]
    parts.append(heldout_tokens.content if heldout_tokens else "")
    if (schedule.order, schedule.seed_weight) != ("mixed", 1):
        parts += [schedule.order, str(schedule.seed_weight)]
    identity = content_id(*parts)
    work.mkdir(parents=True, exist_ok=True)
    return TrainingJob(
        direction=direction,
        base=base,
        model=model,
        settings=settings,
        tags=tags,
        seed=seed,
        tokens=tokens.folder,
        heldout=heldout_tokens.folder if heldout_tokens and len(heldout_tokens) else None,
        schedule=schedule,
        model_folder=model_folder,
        work=work,
        checkpoint=last_complete(work, identity),
        identity=identity,
    )


_NOT_DECIDING = {
    "tracker", "keep_checkpoints", "max_dropped_share", "checkpoint_steps", "order", "seed_weight", "seed_epochs",
}  # fmt: skip
"""Settings that may be changed between a kill and going on; the last three where the schedule does not hold them."""


def _summary(job: TrainingJob, tokens: Tokens, result: TrainingResult, devices: int, seconds: float) -> TrainSummary:
    order = order_of_examples(tokens.from_seed, job.schedule, job.seed)[: result.steps * job.schedule.batch_size]
    return TrainSummary(
        direction=job.direction,
        pairs=tokens.read,
        examples=len(tokens),
        dropped=tokens.dropped,
        steps=result.steps,
        batch_size=job.schedule.batch_size,
        target_tokens=int(tokens.targets[order].sum(dtype=np.int64)),
        tokens=int(tokens.lengths[order].sum(dtype=np.int64)),
        final_loss=result.curve[-1].loss,
        curve=result.curve,
        resumed_from=int(job.checkpoint.name.rpartition("-")[2]) if job.checkpoint else 0,
        seconds=seconds,
        packed=result.packed,
        devices=devices,
        sharded=result.sharded,
        disk_bytes=result.disk_bytes,
        heldout=result.checks,
    )
