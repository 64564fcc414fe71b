"""Recovered gain, second half: how much of what true instructions would bring did the loop bring, and where is it lost?

RG = (L(M_0) - L(M_t)) / (L(M_0) - L(oracle)), with L the held-out loss and the oracle trained on the seed and as many
true pairs. All M_t and the oracle make the same number of steps. M_0 is the arm without candidates that has the lowest
loss on the development part: trained as long as M_t it overfits, which would flatter every M_t.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from humpback.config.experiment import ArmSettings, ExperimentSettings, RecoverSettings
from humpback.experiment.instructions import INSTRUCTIONS
from humpback.experiment.measures import HeldOut
from humpback.experiment.plan import BASE, Cell, Grid, Row
from humpback.experiment.planted import PLANTED, PlantedCorpus, hidden_instructions
from humpback.experiment.results import name_of, trainings_of
from humpback.records import Candidate, Curated, HeldOutLoss, Likeness, Pair, Rating, Segment
from humpback.runs.stage import Stage
from humpback.runs.store import Run
from humpback.statistics.intervals import DRAWS, FloatArray, Interval, percentile_interval, resample_counts
from humpback.statistics.paired import Trainings, difference, draws
from humpback.statistics.ranks import TieBlocks, auroc
from humpback.text.likeness import word_f1

LEAST_SIGNAL = 5.0
"""Where the whole gain is not so many times the standard deviation between trainings, a recovered gain says nothing."""
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Gain:
    """What one way to train recovers."""

    row: Row
    name: str
    """What the row is called."""
    selection: str
    """Who selected, and from what; rows that differ in their instructions alone have this in common."""
    instructions: str
    """written, hidden or shuffled."""
    loss: float
    difference: float
    """To M_0, in nats for a target token; below 0 it is better."""
    difference_interval: Interval
    recovered: float
    """1 is what true instructions bring, 0 is nothing."""
    interval: Interval


@dataclass(frozen=True, slots=True)
class Selected:
    """What one selection holds of what was planted."""

    stage: str
    size: int
    planted: int
    base_rate: float
    """Part of what it selected from that was planted: the precision of chance."""
    recall: float
    """Part of all planted answers."""
    kinds: Mapping[str, int]

    @property
    def precision(self) -> float:
        """Part of the selection that was planted."""
        return self.planted / self.size


@dataclass(frozen=True, slots=True)
class Separation:
    """How well scores put planted answers above distractors: AUROC, .5 is chance."""

    stage: str
    auroc: float
    interval: Interval
    kinds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """What written instructions are worth to M_0, before anything is trained on them."""

    candidates: str
    answers: int
    losses: Mapping[str, float]
    """Nats for a token of the planted answers under the hidden, the written and another answer's instruction."""
    recovered: float
    """(another - written) / (another - hidden)."""
    interval: Interval
    likeness: float
    """Mean F1 of the words of the written and the hidden instruction."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Everything that an experiment says about recovered gain."""

    baseline: Row | None
    """The arm that counts as M_0; None until it is trained and measured."""
    baseline_loss: float
    others: Mapping[str, float]
    """Loss of the other arms without candidates, such as the one that is trained as long as M_t."""
    ceiling: float
    """L(M_0) - L(oracle); nan until both are there."""
    ceiling_interval: Interval
    noise: float
    """Standard deviation of the loss between trainings that differ in their seed alone."""
    oracle_again: tuple[float, ...]
    """What each training of the oracle recovers of the others' gain: about 1."""
    gains: tuple[Gain, ...]
    selected: tuple[Selected, ...]
    separations: tuple[Separation, ...]
    readings: tuple[Reading, ...]

    @property
    def valid(self) -> bool:
        """Whether the whole gain stands out from the chance of trainings."""
        return self.ceiling > LEAST_SIGNAL * self.noise


def recovered(experiment: ExperimentSettings, grid: Grid, run: Run) -> Recovered | None:
    """What the finished stages say; None where nothing was planted.

    Args:
        experiment: Its settings.
        grid: Its stages and cells.
        run: Its folder.
    """
    if experiment.recover is None or grid.planted is None:
        return None
    cells, trainings, _ = trainings_of(HeldOut(), grid, run)
    alone = [row for row in trainings if row.size is None and row.arm != BASE]
    baseline = _baseline(alone, cells, run)
    oracle = _oracle(experiment.recover, trainings)
    gains: tuple[Gain, ...] = ()
    ceiling, ceiling_interval = math.nan, Interval(math.nan, math.nan)
    if baseline and oracle:
        gap = difference(trainings[baseline], trainings[oracle])
        ceiling, ceiling_interval = gap.difference, gap.interval
        rows = [row for row in trainings if row.size is not None]
        gains = tuple(_gain(row, experiment, trainings, baseline, oracle) for row in rows)
    spreads = [np.var(row.by_seed, ddof=1) for row in trainings.values() if len(row.seeds) > 1]
    return Recovered(
        baseline,
        trainings[baseline].value if baseline else math.nan,
        {row.arm: trainings[row].value for row in alone if row != baseline},
        ceiling,
        ceiling_interval,
        float(np.sqrt(np.mean(spreads))) if spreads else math.nan,
        _again(trainings[baseline].value, trainings[oracle].by_seed) if baseline and oracle else (),
        gains,
        tuple(_selections(grid, grid.planted, run)),
        tuple(_separations(grid, grid.planted, run)),
        tuple(_readings(grid, grid.planted, run)),
    )


def _baseline(rows: Sequence[Row], cells: Mapping[Row, Mapping[int, Cell]], run: Run) -> Row | None:
    """Of the arms without candidates the one with the lowest loss on the development part; without one the first."""

    def loss(row: Row) -> float:
        stages = [cell.measured["development"] for cell in cells[row].values() if "development" in cell.measured]
        losses = [
            item for name in stages if run.stage(name).manifest() for item in run.stage(name).records(HeldOutLoss)
        ]
        return sum(item.nats for item in losses) / sum(item.tokens for item in losses) if losses else math.inf

    return min(rows, key=loss, default=None)


def _oracle(recover: RecoverSettings, trainings: Mapping[Row, Trainings]) -> Row | None:
    return next((row for row in trainings if row.arm == recover.oracle), None)


def _again(start: float, ends: Sequence[float]) -> tuple[float, ...]:
    others = (fmean(end for k, end in enumerate(ends) if k != number) for number in range(len(ends)) if len(ends) > 1)
    return tuple((start - end) / (start - other) for end, other in zip(ends, others, strict=False))


def _gain(
    row: Row, experiment: ExperimentSettings, trainings: Mapping[Row, Trainings], baseline: Row, oracle: Row
) -> Gain:
    sides = trainings[row], trainings[baseline], trainings[oracle]
    common = sorted(set.intersection(*(set(side.seeds) for side in sides)))
    # Of an experiment that is half done: a seed that only one side has would count as a gain.
    ours, start, end = (side.only(common) for side in sides) if common else sides
    gap = difference(ours, start)
    drawn_start = draws(start)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = (drawn_start - draws(ours)) / (drawn_start - draws(end))
    share = (start.value - ours.value) / (start.value - end.value)
    arm = experiment.arms[row.arm]
    return Gain(
        row, name_of(row, experiment), _selection(arm, row), arm.instructions, ours.value, gap.difference, gap.interval,
        share, percentile_interval(drawn),
    )  # fmt: skip


def _selection(arm: ArmSettings, row: Row) -> str:
    seed = (
        "" if arm.seed_pairs and arm.seed_share == 1 else f", {'a part of' if arm.seed_pairs else 'without'} the seed"
    )
    settings = "".join(f", {name}: {value}" for name, value in arm.settings.items() if not name.startswith("forward."))
    who = {"planted": "perfect", "distractors": "distractors alone"}.get(arm.candidates, arm.scorer)
    return f"{who}, {row.size}, M_{row.iteration}{seed}{settings}"


def _selections(grid: Grid, corpus: PlantedCorpus, run: Run) -> Iterator[Selected]:
    """Every curated set and every choice of segments that is finished."""
    planted = sum(1 for _ in run.stage(corpus.planted.name).column("id")) if _done(run, corpus.planted) else 0
    for stage in grid.stages.values():
        if not _done(run, stage) or "shuffled" in stage.name or "hidden" in stage.name:
            continue
        if stage.makes is Curated or (stage.makes is Segment and stage.name.startswith("chosen")):
            kinds = Counter(run.stage(stage.name).column("source"))
            before = Counter(run.stage(stage.needs[0]).column("source"))
            yield Selected(
                stage.name,
                kinds.total(),
                kinds[PLANTED],
                before[PLANTED] / before.total(),
                kinds[PLANTED] / planted,
                {kind: kinds[kind] for kind in before if kind != PLANTED},
            )


def _separations(grid: Grid, corpus: PlantedCorpus, run: Run) -> Iterator[Separation]:
    """Every scorer that rated planted answers and distractors, and every measure of likeness to the seed."""
    for stage in grid.stages.values():
        scores_all = stage.makes is Likeness or (stage.makes is Rating and stage.name.startswith("ratings"))
        if not scores_all or not _done(run, stage):
            continue
        kind_of = dict(
            zip(run.stage(stage.needs[0]).column("id"), run.stage(stage.needs[0]).column("source"), strict=True)
        )
        scores: dict[str, list[float]] = {}
        for name, score in zip(run.stage(stage.name).column("id"), run.stage(stage.name).column("score"), strict=True):
            scores.setdefault(kind_of[name], []).append(-math.inf if score is None else score)
        if separation := separate(stage.name, scores):
            yield separation


def separate(name: str, scores: Mapping[str, Sequence[float]]) -> Separation | None:
    """AUROC of planted answers above distractors, all and by kind; None where there is nothing to tell apart.

    Args:
        name: What scored them.
        scores: By kind of text.
    """
    planted = np.array(scores.get(PLANTED, ()))
    kinds = {kind: np.array(values) for kind, values in scores.items() if kind != PLANTED}
    if not len(planted) or not kinds:
        return None
    others = np.concatenate(list(kinds.values()))
    blocks = TieBlocks(np.concatenate([planted, others]))
    drawn = [
        blocks.auroc(np.hstack([np.zeros_like(upper), lower]), np.hstack([upper, np.zeros_like(lower)]))
        for upper, lower in zip(
            resample_counts(len(planted), DRAWS, _CHUNK, 0), resample_counts(len(others), DRAWS, _CHUNK, 1), strict=True
        )
    ]
    by_kind = {kind: auroc(values, planted) for kind, values in kinds.items()}
    return Separation(name, auroc(others, planted), percentile_interval(np.concatenate(drawn)), by_kind)


def _readings(grid: Grid, corpus: PlantedCorpus, run: Run) -> Iterator[Reading]:
    """What M_0 says of each set of candidates."""
    for candidates, name in grid.readings.items():
        if not run.stage(name).manifest():
            continue
        losses: dict[str, dict[str, HeldOutLoss]] = {kind: {} for kind in INSTRUCTIONS}
        for item in run.stage(name).records(HeldOutLoss):
            losses[item.model][item.id] = item
        ids = sorted(set.intersection(*(set(items) for items in losses.values())))
        nats = np.array([[losses[kind][name].nats for name in ids] for kind in INSTRUCTIONS])
        tokens = np.array([losses["hidden"][name].tokens for name in ids], float)
        hidden, written, another = (float(value) for value in nats.sum(1) / tokens.sum())
        drawn = np.concatenate(
            [_share(counts @ nats.T, counts @ tokens) for counts in resample_counts(len(ids), DRAWS, _CHUNK, 0)]
        )
        instructions = hidden_instructions(run.stage(corpus.planted.name).records(Pair))
        rows = [row for row in run.stage(candidates).records(Candidate) if row.source == PLANTED]
        yield Reading(
            candidates,
            len(ids),
            {"hidden": hidden, "written": written, "another": another},
            (another - written) / (another - hidden),
            percentile_interval(drawn),
            fmean(word_f1(row.instruction, instructions[row.segment_id]) for row in rows),
        )


def _share(nats: FloatArray, tokens: FloatArray) -> FloatArray:
    hidden, written, another = (nats / tokens[:, None]).T
    share: FloatArray = (another - written) / (another - hidden)
    return share


def _done(run: Run, stage: Stage) -> bool:
    return run.stage(stage.name).manifest() is not None
