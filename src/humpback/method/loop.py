"""Self-augmentation and self-curation: trainings, instructions, ratings, selection (sections 2.2 and 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from humpback import prompts, seed
from humpback.config import Config, CurateSettings, spec_of
from humpback.config.flat import flat_settings
from humpback.config.neutral import RESULT_NEUTRAL, batch_settings, date_settings, without_late_defaults
from humpback.config.scorers import DEFAULT_THRESHOLD
from humpback.data_access.decisions import read_rulings, rulings_digest
from humpback.errors import ConfigError
from humpback.method.external import identities, played_by
from humpback.method.origins import origins
from humpback.records import (
    Candidate,
    Curated,
    Direction,
    Outcome,
    Pair,
    Rating,
    Rewritten,
    Segment,
    record_rng_seed,
)
from humpback.runs.stage import (
    ExternalModel,
    Inputs,
    MapShards,
    Stage,
    Step,
    Train,
    Trained,
    external_of,
    names_of,
)


class _Reread(Iterable[Pair]):
    """Pairs that are read from the disk each time they are gone through: any number of them takes no memory."""

    def __init__(self, read: Callable[[], Iterator[Pair]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Pair]:
        return self._read()


def finetune(
    config: Config,
    base: str,
    name: str,
    direction: Direction,
    on: Sequence[Stage],
    rng_seed: int | None = None,
    seed_share: float = 1.0,
) -> Stage:
    """M_yx or M_t: the base model, finetuned (section 2.2 backwards, 2.3 forwards). Always from the base.

    Args:
        config: The run's settings.
        base: Identity of the base model.
        name: What to call the stage.
        direction: Which side is learnt.
        on: The stages whose pairs it is trained on.
        rng_seed: Of the training; follows from the run's seed and the stage's name unless given.
        seed_share: Part of the seed pairs to train on, a seeded sample.
    """
    _refuse_untrainable(config)
    if direction == "forward":
        config = _with_forward_settings(config, on)
    train_settings = config.backward if direction == "backward" else config.forward

    def run(inputs: Inputs, model_folder: Path, work: Path, step: Step) -> Trained:
        pairs = _Reread(lambda: _training_pairs(inputs, config, on, seed_share))
        if config.model.engine_spec.dry_run:
            return _dry_run(pairs, model_folder)
        from humpback.training.processes import train_in_processes
        from humpback.training.ray import train_on_ray
        from humpback.training.train import finetune as train

        summary = train(
            pairs,
            base=inputs.base(),
            direction=direction,
            model=config.model,
            settings=train_settings,
            tags=config.tags,
            seed=record_rng_seed(config.run.seed, name, "training") % 2**31 if rng_seed is None else rng_seed,
            model_folder=model_folder,
            work=work,
            heldout=seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).heldout,
            progress=step,
            together=train_on_ray if config.run.executor == "ray" else train_in_processes,
        )
        facts = asdict(summary) | {"dropped": sum(summary.dropped.values())}
        return Trained(summary.pairs, summary.examples, summary.dropped, summary.tokens, facts)

    settings = _deciding(config, base, direction, on) | ({"seed_share": seed_share} if seed_share < 1 else {})
    does = "finetune the base " + (
        "backwards: M_yx" if direction == "backward" else f"forwards: M_{name.rpartition('-')[2]}"
    )
    return Stage(name, does, tuple(stage.name for stage in on), settings, Train(run), origins=origins(config))


def _dry_run(pairs: Iterable[Pair], model_folder: Path) -> Trained:
    """Reads the pairs, trains nothing and leaves a model by name."""
    (model_folder / "humpback.json").write_text("{}\n", encoding="utf-8")
    count = sum(1 for _ in pairs)
    return Trained(count, count, {}, 0, {"steps": 0})


def _with_forward_settings(config: Config, on: Sequence[Stage]) -> Config:
    """M_0, which learns from the seed alone, may have settings of its own, and so may all later models."""
    seed_alone = all(stage.makes is Pair for stage in on)
    forward = config.forward.of_seed_model if seed_alone else config.forward.of_later_models
    return config.model_copy(update={"forward": forward})


def _refuse_untrainable(config: Config) -> None:
    if not config.model.engine_spec.trains:
        raise ConfigError(
            f"model.engine is {config.model.engine}: a run trains its model, and a server's cannot be trained",
            "name the server's model as models.writer and models.rater, and set run.train to none or give a model that "
            "can be trained",
        )


def _deciding(config: Config, base: str, direction: Direction, on: Sequence[Stage]) -> dict[str, Any]:
    """The settings that decide a training."""
    settings = flat_settings(config, direction, "tags", "model.max_tokens", "model.dtype", "model.engine", "run.seed")
    neutral = set(RESULT_NEUTRAL)
    if len({stage.makes is Pair for stage in on}) < 2:  # seed pairs alone, or augmented ones: nothing is mixed
        neutral |= {"forward.order", "forward.seed_weight"}
    settings = {key: value for key, value in without_late_defaults(settings).items() if key not in neutral}
    settings |= flat_settings(config, "seed.holdout_share", "seed.holdout_min")
    settings |= {"model.identity": base, "prompts": prompts.prompt_digest(direction, settings=config.prompts)}
    return settings | date_settings(config.model)


def self_augment(
    config: Config,
    segments: Stage,
    by: Stage | ExternalModel,
    reader: Stage | None = None,
    called: Callable[[Stage], Stage] = lambda stage: stage,
    examples: Stage | None = None,
) -> tuple[Stage, ...]:
    """M_yx writes instructions for every segment (section 2.2). The last stage has the candidates.

    Args:
        config: The run's settings.
        segments: What instructions are written for.
        by: The backward model M_yx, or a model in its place.
        reader: The seed model M_0, which chooses among several instructions where `augment.best_by` says so.
        called: Gives each stage the name it has here, before others refer to it.
        examples: The seed pairs, of which the writer is shown some; M_yx sees none.
    """
    if not config.augment.reads_drafts:
        return (called(_write(config, "candidates", segments, by, examples)),)
    if reader is None:
        raise ConfigError(
            "augment.best_by is forward, and there is no seed model M_0 to choose among instructions",
            "set augment.best_by to backward",
        )
    drafts = called(_write(config, "drafts", segments, by, examples))
    return drafts, called(_keep_best(config, drafts, reader))


def _write(
    config: Config, name: str, segments: Stage, by: Stage | ExternalModel, examples: Stage | None = None
) -> Stage:
    if examples and not config.augment.examples.count:
        examples = None

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Candidate]]]:
        from humpback.augment import Examples, instruct

        few_shot = None
        if examples:
            train = seed.hold_out(inputs.records(examples.name, Pair), config.seed, config.run.seed).train
            few_shot = Examples(train, config.augment.examples, config.run.seed)
        # Random numbers follow from the name of the candidates, so that a draft is what would be written alone.
        with inputs.engine(by.name) as engine:
            yield lambda shard: instruct(shard, engine, config.augment, config.run.seed, "candidates", few_shot)

    settings = flat_settings(config, "augment", "model.max_tokens", "model.engine", "run.seed")
    settings.pop("augment.best_by")  # the stage's name says it
    if examples:
        settings |= flat_settings(config, "seed.holdout_share", "seed.holdout_min")
    else:
        settings = {key: value for key, value in settings.items() if not key.startswith("augment.examples.")}
    # All drafts are handed on; and a single instruction is what there was before more could be kept.
    if config.augment.reads_drafts or config.augment.keep == 1:
        settings.pop("augment.keep")
    settings |= batch_settings(config.model)
    settings |= {"prompts": prompts.prompt_digest("backward", settings=config.prompts), **identities(by)}
    work = MapShards(((segments.name, Segment),), opened)
    hint = "see the reasons; train the backward model longer or with a higher learning rate"
    if isinstance(by, ExternalModel):
        hint = "see the reasons; raise augment.max_new_tokens, or name another models.writer"
    writer = by.settings.name if isinstance(by, ExternalModel) else "M_yx"
    needs = names_of(segments, by, *([examples] if examples else []))
    return Stage(
        name, f"{writer} writes instructions", needs, settings, work, Candidate, model=True, hint=hint,
        external=external_of(by),
    )  # fmt: skip


def _keep_best(config: Config, drafts: Stage, reader: Stage) -> Stage:
    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Candidate]]]:
        from humpback.augment import keep_best

        with inputs.engine(reader.name) as engine:
            yield lambda shard: keep_best(shard, engine, config.tags, config.augment.keep)

    settings = flat_settings(config, "augment.keep", "tags", "model.max_tokens", "model.engine")
    settings |= batch_settings(config.model) | {"prompts": prompts.prompt_digest("forward")}
    work = MapShards(((drafts.name, Candidate),), opened)
    does = f"{reader.name} keeps the instruction that fits best"
    return Stage("candidates", does, names_of(drafts, reader), settings, work, Candidate, model=True)


def select(config: Config, iteration: int, candidates: Stage, ratings: Stage) -> Stage:
    """The best-rated candidates: A_k^(t) (section 2.3)."""
    _refuse_unreachable(config.curate)
    rulings = read_rulings(config.curate.decisions)

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Curated]]]:
        from humpback.curate.diverse import Scored, diverse_cutoff
        from humpback.curate.select import curate, cutoff, explain_empty

        def scores() -> Iterator[tuple[str, float | None]]:
            rated = zip(inputs.column(ratings.name, "id"), inputs.column(ratings.name, "score"), strict=True)
            # What people rejected does not compete, so that the next best moves up.
            return ((id_, None if id_ in rejected else score) for id_, score in rated)

        def scored() -> Iterator[Scored]:
            columns = (inputs.column(candidates.name, name) for name in ("instruction", "document_id"))
            for (id_, score), instruction, document in zip(scores(), *columns, strict=True):
                yield Scored(id_, score, instruction, document)

        rule, rejected = config.curate.select, {id_ for id_, ruling in rulings.items() if ruling.verdict == "reject"}
        line = diverse_cutoff(scored, rule) if rule.diverse else cutoff(scores(), rule)
        if not line.kept and not any(ruling.verdict == "approve" for ruling in rulings.values()):
            raise explain_empty(line, inputs.column(ratings.name, "state"))
        yield lambda shard, rated: curate(shard, rated, line, rulings)

    settings = flat_settings(config, "curate.select") | {"curate.decisions": rulings_digest(rulings)}
    work = MapShards(((candidates.name, Candidate), (ratings.name, Rating)), opened)
    hint = "lower curate.select.threshold, or use curate.select.top_share"
    needs = (candidates.name, ratings.name)
    return Stage(
        f"curated-{iteration}", "keep the best", needs, settings, work, Curated,
        origins={"curate.decisions": "the decisions of people"}, hint=hint,
    )  # fmt: skip


def rewrite_curated(config: Config, curated: Stage, by: ExternalModel) -> Stage:
    """Each curated response, rewritten so that it answers its instruction (Nguyen et al. 2024). Not in the paper."""

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Rewritten]]]:
        from humpback.augment.rewrite import rewrite
        from humpback.corpus.judging.language import identify

        with inputs.engine(by.name) as engine:
            yield lambda shard: rewrite(shard, engine, config.rewrite, identify)

    config = played_by(by, config)
    settings = flat_settings(config, "rewrite", "model.max_tokens", "model.engine") | batch_settings(config.model)
    settings |= {"prompts": prompts.prompt_digest("rewrite", settings=config.prompts), **identities(by)}
    name, does = curated.name.replace("curated", "rewritten"), f"{by.settings.name} rewrites the responses"
    work = MapShards(((curated.name, Curated),), opened)
    return Stage(name, does, (curated.name,), settings, work, Rewritten, model=True, external=(by,))


def _refuse_unreachable(curate: CurateSettings) -> None:
    """Before anything is computed: a rule of selection that the scorer's scores cannot meet, or hardly.

    Raises:
        ConfigError: It is one.
    """
    rule, spec = curate.select, spec_of(curate.scorer)
    if rule.top_share is not None or rule.top_n is not None:
        return
    hint = "set curate.select.top_share, such as 0.3, or curate.select.top_n"
    if not spec.takes_threshold:
        why = "does not score from 1 to 5, so that no threshold fits it"
    elif rule.threshold is None and not (spec.writes_grades or spec.by_chance):
        why = f"seldom reaches {DEFAULT_THRESHOLD:g}, the paper's threshold, however good a candidate is"
        hint += ", or a curate.select.threshold of your own"
    else:
        return
    raise ConfigError(f"curate.scorer {curate.scorer} {why}", hint)


def _training_pairs(inputs: Inputs, config: Config, on: Sequence[Stage], seed_share: float) -> Iterator[Pair]:
    """Of the seed the pairs that are not held out, or a part of them; of augmented pairs all."""
    for stage in on:
        if stage.makes is Pair:
            pairs = seed.hold_out(inputs.records(stage.name, Pair), config.seed, config.run.seed).train
            count = max(1, round(seed_share * len(pairs)))
            drawn = sorted(pairs, key=lambda pair: record_rng_seed(config.run.seed, "seed share", pair.id))[:count]
            ids = {pair.id for pair in drawn}
            yield from (pair for pair in pairs if pair.id in ids)
        elif stage.makes in (Candidate, Curated, Rewritten):
            rows: Iterator[Any] = inputs.records(stage.name, stage.makes)
            yield from map(as_pair, rows)


def as_pair(item: Candidate | Curated) -> Pair:
    """An augmented pair, to be trained on."""
    return Pair(item.id, item.instruction, item.response, "augmented", item.source)
