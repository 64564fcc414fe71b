"""The method on one screen: self-alignment with instruction backtranslation (Li et al. 2023, section 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload

from humpback.config import Config
from humpback.method.auto import resolve_auto
from humpback.method.choosing import choose_segments
from humpback.method.corpus import cut_segments, drop_duplicates, read_seed, sample, take_out_lines
from humpback.method.evaluation import compare_models, evaluate
from humpback.method.external import played_by, role
from humpback.method.loop import finetune, rewrite_curated, select, self_augment
from humpback.method.meaning import drop_same_meaning
from humpback.method.rating import rate
from humpback.records import Direction
from humpback.runs.stage import Stage


@dataclass(frozen=True, slots=True)
class Start:
    """What every iteration stands on, and every arm of an experiment: made once."""

    seed: Stage
    corpus: tuple[Stage, ...]
    """From documents to segments."""
    backward: Stage | None
    """M_yx; None where another model writes."""
    seed_model: Stage | None
    """M_0; None where it is not trained."""
    augmentation: tuple[Stage, ...]
    """From segments to candidates."""

    @property
    def candidates(self) -> Stage:
        """What is rated."""
        return self.augmentation[-1]

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All of them in order."""
        trained = (stage for stage in (self.backward, self.seed_model) if stage)
        return self.seed, *self.corpus, *trained, *self.augmentation


@dataclass(frozen=True, slots=True)
class Plan(Sequence[Stage]):
    """The stages of a run in the order of the work, and what each of them is in the method.

    Whoever asks for 'the candidates' takes `plan.candidates.name`, so that stage names stand in one place.
    """

    stages: tuple[Stage, ...]
    seed: Stage
    corpus: tuple[Stage, ...]
    """From documents to segments."""
    backward: Stage | None
    """M_yx; None where another model writes."""
    candidates: Stage
    models: tuple[Stage, ...]
    """M_0, M_1, ..., M_T; of `run.train: last` M_1 alone, of `none` nothing."""
    ratings: tuple[Stage, ...]
    """By M_0, M_1, ..., M_{T-1}: those of iteration t stand at t - 1."""
    curated: tuple[Stage, ...]
    """A_k^(1), A_k^(2), ...: those of iteration t stand at t - 1."""
    rewritten: Stage | None
    """The last curated set with its responses rewritten; None where no rewriter is named."""
    evaluation: Stage | None
    winrate: Stage | None
    """What a judge says of the last model's answers; None where no judge is named."""

    @property
    def segments(self) -> Stage:
        """What instructions are written for."""
        return self.corpus[-1]

    @overload
    def __getitem__(self, index: int) -> Stage: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Stage, ...]: ...
    def __getitem__(self, index: int | slice) -> Stage | tuple[Stage, ...]:
        return self.stages[index]

    def __len__(self) -> int:
        return len(self.stages)


def plan(config: Config, base: str) -> Plan:
    """The stages of a run, each after those it needs.

    Args:
        config: The run's settings.
        base: Identity of the base model.
    """
    config = resolve_auto(config)
    start = plan_start(config, base)
    seed, candidates, model = start.seed, start.candidates, start.seed_model

    # Self-curation: each model rates all candidates and trains its successor, always from the base.
    stages, models = list(start.stages), [model] if model else []
    all_ratings, all_curated = [], []
    rewriter, rewritten = role("rewriter", config.models.rewriter), None
    for iteration in range(1, config.run.iterations + 1):
        rater = role("rater", config.models.rater) or model
        assert rater, "the settings name a rater where M_0 is not trained"
        *before, ratings = rate(played_by(rater, config), iteration, candidates, seed, by=rater)
        curated = select(config, iteration, candidates, ratings)
        stages += [*before, ratings, curated]
        all_ratings.append(ratings)
        all_curated.append(curated)
        if rewriter and iteration == config.run.iterations:
            curated = rewritten = rewrite_curated(config, curated, rewriter)
            stages.append(rewritten)
        if config.run.train != "none":
            model = finetune(config, base, f"forward-{iteration}", "forward", on=[seed, curated])
            stages.append(model)
            models.append(model)

    # Did it work? Every model on human pairs that none was trained on.
    evaluation = None
    if config.evaluate.heldout and models:
        backward = [start.backward] if start.backward else []
        measured: list[tuple[str, Direction]] = []
        if start.backward:
            measured += [("base", "backward"), (start.backward.name, "backward")]
        measured += [("base", "forward"), *((model.name, "forward") for model in models)]
        evaluation = evaluate(config, measured, [seed, *backward, *models])
        stages.append(evaluation)
    winrate = None
    if judge := role("judge", config.models.judge):
        *before, winrate = compare_models(config, base, models, seed, judge)
        stages += [*before, winrate]
    return Plan(
        tuple(stages), seed, start.corpus, start.backward, candidates, tuple(models), tuple(all_ratings),
        tuple(all_curated), rewritten, evaluation, winrate,
    )  # fmt: skip


def plan_start(config: Config, base: str) -> Start:
    """The stages up to the first rating: data, candidates, and the model that rates them first.

    Args:
        config: The run's settings.
        base: Identity of the base model.
    """
    # The data: a few human-written pairs, and the segments of an unlabelled corpus.
    seed = read_seed(config)
    return augment_corpus(config, base, seed, plan_corpus(config, seed, base))


def augment_corpus(
    config: Config,
    base: str,
    seed: Stage,
    corpus: tuple[Stage, ...],
    called: Callable[[Stage], Stage] = lambda stage: stage,
) -> Start:
    """From seed and segments to candidates.

    Args:
        config: The run's settings.
        base: Identity of the base model.
        seed: The stage of the seed pairs.
        corpus: From documents to segments.
        called: Gives each stage the name it has here, before others refer to it.
    """
    # Two models from the seed: one writes instructions, the other is the first to read and rate them.
    external_writer = role("writer", config.models.writer)
    backward = None if external_writer else called(finetune(config, base, "backward", "backward", on=[seed]))
    seed_model = None
    if config.run.train == "all":
        seed_model = called(finetune(config, base, "forward-0", "forward", on=[seed]))

    # Self-augmentation: the backward model writes instructions for every segment. Done once.
    writer = external_writer or backward
    assert writer, "one of both is there"
    augmentation = self_augment(
        played_by(writer, config), corpus[-1], by=writer, reader=seed_model, called=called,
        examples=seed if external_writer else None,
    )  # fmt: skip
    return Start(seed, corpus, backward, seed_model, augmentation)


def plan_corpus(
    config: Config, seed: Stage | None = None, base: str = "", called: Callable[[Stage], Stage] = lambda stage: stage
) -> tuple[Stage, ...]:
    """The stages from documents to the segments that instructions are written for.

    Args:
        config: The run's settings.
        seed: The seed pairs, which segments may be chosen by; without them none are chosen.
        base: Identity of the base model; without one no segments are compared by what it makes of them.
        called: Gives each stage behind `unique` the name it has here, before others refer to it.
    """
    stages = [cut_segments(config)]
    if config.corpus.lines.max_documents:
        stages.append(take_out_lines(config, stages[-1]))
    if config.corpus.deduplicate.exact or config.corpus.deduplicate.near:
        stages.append(drop_duplicates(config, stages[-1]))
    if base and config.corpus.deduplicate.meaning is not None:
        stages += drop_same_meaning(config, stages[-1], base, called)
    if seed and config.corpus.choose.share < 1:
        stages += choose_segments(config, stages[-1], seed, base, called)
    if config.corpus.limit:
        stages.append(called(sample(config, stages[-1])))
    return tuple(stages)
