"""Finetuning: pairs and a base model in, a model folder out (paper, section 3.1).

One path for the backward model M_yx and for every forward model M_t. The loop is TRL's `SFTTrainer` on examples that
`build_examples` has tokenised; nothing of TRL renders, adds or cuts a token. A killed training goes on from its last
complete checkpoint. Refused: pairs that mostly cannot be trained on, rates that rise, a model that does not fit.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import set_seed

from humpback.config import ModelSettings, TagSettings, TrainSettings
from humpback.engines.transformers import pick_device, pick_dtype
from humpback.errors import StageError
from humpback.finetune.checkpoints import last_complete
from humpback.finetune.examples import build_examples, check_dropped
from humpback.finetune.limits import limits_explained
from humpback.finetune.load import load_model, save_model, set_dropout
from humpback.finetune.schedule import check_rates, order_of_examples, steps_and_batch
from humpback.finetune.summary import CurvePoint, TrainSummary, curve_of
from humpback.finetune.trainer import Job, Progress, TargetTrainer, make_trainer
from humpback.models import identify
from humpback.records import Direction, Pair, content_id
from humpback.template import Template


def finetune(
    pairs: Sequence[Pair],
    *,
    base: Path,
    direction: Direction,
    model: ModelSettings,
    settings: TrainSettings,
    tags: TagSettings,
    seed: int,
    out: Path,
    work: Path,
    progress: Progress | None = None,
) -> TrainSummary:
    """Trains one model from the base and writes it to a folder.

    Weights are kept in float32 for full finetuning (bfloat16 would round steps of 1e-5 away) and computed with in
    `model.dtype`; the folder holds `model.dtype`. Dropout applies to attention weights where the architecture has
    `attention_dropout`, and to adapters; the saved config does not know of it. The model is freed before this returns.

    Args:
        pairs: What to learn from, in any fixed order.
        base: Folder of the base model; every M_t starts from it.
        direction: backward learns instruction from response, forward response from instruction.
        model: Device, dtype and longest sequence.
        settings: The training.
        tags: S_a and S_w.
        seed: Fixes order, dropout and adapters.
        out: Folder to write the finished model to.
        work: Folder for checkpoints; a training that was killed goes on from what is there, another one's is deleted.
            Not needed any more once `out` is safe.
        progress: Called about fifty times.

    Raises:
        ConfigError: Learning rates or warm-up contradict one another.
        StageError: Too few pairs can be trained on, the loss is not a number, or memory does not suffice.
        StoreError: The disk is full.
    """
    started = time.monotonic()
    with limits_explained(direction):
        job = _prepare(pairs, base, direction, model, settings, tags, seed, work)
        work.mkdir(parents=True, exist_ok=True)
        checkpoint = last_complete(work, job.identity)
        trainer = make_trainer(job, progress)
        try:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            curve = curve_of(trainer.state.log_history)
            final = curve[-1].loss
            if not math.isfinite(final):
                raise StageError(f"the {direction} training diverged", f"lower {direction}.learning_rate")
            _save(trainer, job, out, _about(job, base, model, tags, final))
        finally:
            trainer.accelerator.free_memory()
            del trainer, job.model
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    return _summary(job, len(pairs), curve, checkpoint, time.monotonic() - started)


def _summary(
    job: Job, pairs: int, curve: tuple[CurvePoint, ...], checkpoint: Path | None, seconds: float
) -> TrainSummary:
    return TrainSummary(
        direction=job.direction,
        pairs=pairs,
        examples=len(job.examples),
        dropped=job.dropped,
        steps=job.schedule.steps,
        batch_size=job.schedule.batch_size,
        target_tokens=sum(len(job.examples[i].ids) - job.examples[i].start for i in job.order),
        tokens=sum(len(job.examples[i].ids) for i in job.order),
        final_loss=curve[-1].loss,
        curve=curve,
        resumed_from=int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0,
        seconds=seconds,
    )


def _prepare(
    pairs: Sequence[Pair],
    base: Path,
    direction: Direction,
    model: ModelSettings,
    settings: TrainSettings,
    tags: TagSettings,
    seed: int,
    work: Path,
) -> Job:
    device = pick_device(model.device)
    dtype = pick_dtype(model.dtype, device)
    set_seed(seed)
    weights = dtype if settings.method == "lora" else torch.float32
    network, tokenizer = load_model(base, model, weights)
    set_dropout(network, settings.dropout)
    template = Template(tokenizer)
    limit = getattr(network.config.get_text_config(), "max_position_embeddings", None) or model.max_tokens
    outcome = build_examples(pairs, direction, template, tags, min(model.max_tokens, int(limit)))
    check_dropped(outcome, direction, settings)
    schedule = steps_and_batch(len(outcome.kept), settings)
    check_rates(settings, direction, schedule.steps)
    order = order_of_examples([len(example.ids) for example in outcome.kept], schedule, seed)
    content = content_id(*(" ".join(map(str, (e.start, *e.ids))) for e in outcome.kept))
    identity = content_id(str(base.resolve()), direction, settings.model_dump_json(), str(seed), str(dtype), content)
    return Job(
        direction=direction,
        settings=settings,
        seed=seed,
        work=work,
        model=network,
        tokenizer=tokenizer,
        template=template,
        dtype=dtype,
        examples=outcome.kept,
        dropped=outcome.dropped,
        schedule=schedule,
        order=order,
        identity=identity,
    )


def _save(trainer: TargetTrainer, job: Job, out: Path, about: dict[str, object]) -> None:
    network = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(network, "merge_and_unload"):
        network = network.merge_and_unload()
    save_model(network.to(job.dtype), job.tokenizer, job.template, out, about)


def _about(job: Job, base: Path, model: ModelSettings, tags: TagSettings, final: float) -> dict[str, object]:
    return {
        "humpback": version("humpback-align"),
        "direction": job.direction,
        "template": job.template.identity,
        "base": {"name": model.name, "identity": _base_identity(base, model)},
        "tags": tags.model_dump(),
        "settings": job.settings.model_dump(),
        "seed": job.seed,
        "examples": len(job.examples),
        "steps": job.schedule.steps,
        "batch_size": job.schedule.batch_size,
        "final_loss": final,
    }


def _base_identity(base: Path, model: ModelSettings) -> str:
    """The commit where the folder is a snapshot of the hub, a digest elsewhere."""
    return f"{model.name}@{base.name}" if base.parent.name == "snapshots" else identify(model)
