"""Self-augmentation and self-curation: trainings, instructions, ratings, selection (sections 2.2 and 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from humpback import prompts, seed
from humpback.config import OFF_SCALE, Config
from humpback.config.flat import flat_settings
from humpback.errors import ConfigError
from humpback.records import (
    Candidate,
    Curated,
    Direction,
    HeldOutLoss,
    Outcome,
    Pair,
    Rating,
    Segment,
    record_rng_seed,
)
from humpback.runs.stage import Inputs, MapShards, Produce, Stage, Step, Train, Trained

_INDIFFERENT = (
    *("packing", "pack_tokens", "micro_batch_size", "gradient_checkpointing", "devices", "shard", "tracker"),
    *("checkpoint_steps", "keep_checkpoints", "max_dropped_share"),
)
"""Settings of a training that cannot change its result, but for the draws of dropout."""


class _Again(Iterable[Pair]):
    """Pairs that are read from the disk each time they are gone through: any number of them takes no memory."""

    def __init__(self, read: Callable[[], Iterator[Pair]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Pair]:
        return self._read()


def finetune(config: Config, base: str, name: str, direction: Direction, on: Sequence[Stage]) -> Stage:
    """M_yx or M_t: the base model, finetuned (section 2.2 backwards, 2.3 forwards). Always from the base."""
    if not config.model.engine_spec.trains:
        raise ConfigError(
            f"model.engine is {config.model.engine}: a run trains, and a server's model cannot be trained",
            "set model.engine to transformers; 'humpback instruct' and 'humpback rate' work with a server",
        )
    room = config.backward if direction == "backward" else config.forward

    def run(inputs: Inputs, out: Path, work: Path, step: Step) -> Trained:
        if config.model.engine_spec.dry_run:
            (out / "humpback.json").write_text("{}\n", encoding="utf-8")
            count = sum(1 for _ in _training_pairs(inputs, config, on))
            return Trained(count, count, {}, 0, {"steps": 0})
        from humpback.finetune.processes import train_in_processes
        from humpback.finetune.ray import train_on_ray
        from humpback.finetune.train import finetune as train

        summary = train(
            _Again(lambda: _training_pairs(inputs, config, on)),
            base=inputs.base(),
            direction=direction,
            model=config.model,
            settings=room,
            tags=config.tags,
            seed=record_rng_seed(config.run.seed, name, "training") % 2**31,
            out=out,
            work=work,
            heldout=seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).heldout,
            progress=step,
            together=train_on_ray if config.run.executor == "ray" else train_in_processes,
        )
        facts = asdict(summary) | {"dropped": sum(summary.dropped.values())}
        return Trained(summary.pairs, summary.examples, summary.dropped, summary.tokens, facts)

    ignored = {f"{direction}.{setting}" for setting in _INDIFFERENT}
    settings = flat_settings(config, direction, "tags", "model.max_tokens", "model.dtype", "model.engine", "run.seed")
    settings = {key: value for key, value in settings.items() if key not in ignored}
    settings |= flat_settings(config, "seed.holdout_share", "seed.holdout_min")
    settings |= {"model.identity": base, "prompts": prompts.prompt_digest(direction)}
    does = "finetune the base " + (
        "backwards: M_yx" if direction == "backward" else f"forwards: M_{name.rpartition('-')[2]}"
    )
    return Stage(name, does, tuple(stage.name for stage in on), settings, Train(run))


def self_augment(config: Config, segments: Stage, by: Stage) -> Stage:
    """M_yx writes an instruction for every segment (section 2.2)."""

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Candidate]]]:
        from humpback.augment import instruct

        with inputs.engine(by.name) as engine:
            yield lambda shard: instruct(shard, engine, config.augment, config.run.seed, "candidates")

    settings = flat_settings(config, "augment", "model.max_tokens", "model.engine", "run.seed")
    settings |= {"prompts": prompts.prompt_digest("backward")}
    work = MapShards(((segments.name, Segment),), opened)
    needs = (segments.name, by.name)
    hint = "see the reasons; train the backward model longer or with a higher learning rate"
    return Stage("candidates", "M_yx writes instructions", needs, settings, work, Candidate, model=True, hint=hint)


def select(config: Config, iteration: int, candidates: Stage, ratings: Stage) -> Stage:
    """The best-rated candidates: A_k^(t) (section 2.3)."""
    wanted = config.curate.select
    if config.curate.scorer in OFF_SCALE and wanted.top_share is None and wanted.top_n is None:
        raise ConfigError(
            f"curate.scorer {config.curate.scorer} does not score from 1 to 5, so that no threshold fits it",
            "set curate.select.top_share or curate.select.top_n",
        )

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Curated]]]:
        from humpback.curate.diverse import Scored, diverse_cutoff
        from humpback.curate.select import curate, cutoff, explain_empty

        def scores() -> Iterator[tuple[str, float | None]]:
            return zip(inputs.column(ratings.name, "id"), inputs.column(ratings.name, "score"), strict=True)

        def scored() -> Iterator[Scored]:
            columns = (inputs.column(candidates.name, name) for name in ("instruction", "document_id"))
            for (id_, score), instruction, document in zip(scores(), *columns, strict=True):
                yield Scored(id_, score, instruction, document)

        rule = config.curate.select
        line = diverse_cutoff(scored, rule) if rule.diverse else cutoff(scores(), rule)
        if not line.kept:
            raise explain_empty(line, inputs.column(ratings.name, "state"))
        yield lambda shard, rated: curate(shard, rated, line)

    settings = flat_settings(config, "curate.select")
    work = MapShards(((candidates.name, Candidate), (ratings.name, Rating)), opened)
    hint = "lower curate.select.threshold, or use curate.select.top_share"
    needs = (candidates.name, ratings.name)
    return Stage(f"curated-{iteration}", "keep the best", needs, settings, work, Curated, hint=hint)


def evaluate(config: Config, models: Sequence[tuple[str, Direction]], needs: Sequence[Stage]) -> Stage:
    """The loss of every model on the held-out seed pairs, one shard a model."""

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[HeldOutLoss]]:
        from humpback.evaluate.heldout import heldout_losses

        name, direction = models[part]
        pairs = seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).heldout
        if not done:
            with inputs.engine(name) as engine:
                yield heldout_losses(pairs, engine, name, direction, config.tags)

    settings = flat_settings(config, "tags", "seed.holdout_share", "seed.holdout_min", "model.max_tokens", "run.seed")
    settings |= {"models": [f"{name} {direction}" for name, direction in models]}
    needed = tuple(stage.name for stage in needs)
    return Stage(
        "evaluation",
        "measure every model on held-out pairs",
        needed,
        settings,
        Produce(shards, len(models)),
        HeldOutLoss,
        model=True,
    )


def _training_pairs(inputs: Inputs, config: Config, on: Sequence[Stage]) -> Iterator[Pair]:
    """Of the seed the pairs that are not held out, of the curated sets all."""
    for stage in on:
        if stage.makes is Pair:
            yield from seed.hold_out(inputs.records(stage.name, Pair), config.seed, config.run.seed).train
        elif stage.makes is Curated:
            yield from map(_as_pair, inputs.records(stage.name, Curated))


def _as_pair(item: Curated) -> Pair:
    return Pair(item.id, item.instruction, item.response, "augmented", item.source)
