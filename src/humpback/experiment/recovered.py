"""Recovered gain, second half: how much of what true instructions would bring did the loop bring, and where is it lost?

RG = (L(M_0) - L(M_t)) / (L(M_0) - L(oracle)), with L the held-out loss and the oracle trained on the seed and as many
true pairs. All M_t and the oracle make the same number of steps. M_0 is the arm without candidates that has the lowest
loss on the development part: trained as long as M_t it overfits, which would flatter every M_t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from humpback.config.experiment import ArmSettings, ExperimentSettings, RecoverSettings
from humpback.experiment.measures import HeldOut
from humpback.experiment.plan import BASE, Cell, Grid, Row
from humpback.experiment.results import name_of, trainings_of
from humpback.experiment.tracing import (
    Reading,
    Selected,
    Separation,
    readings_of,
    selections_of,
    separations_of,
)
from humpback.records import HeldOutLoss
from humpback.runs.store import Run
from humpback.statistics.intervals import Interval, percentile_interval
from humpback.statistics.paired import Noise, Trainings, difference, draws

LEAST_SIGNAL = 5.0
"""Where the whole gain is not so many times the standard deviation between trainings, a recovered gain says nothing."""


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
class Recovered:
    """Everything that an experiment says about recovered gain."""

    baseline: Row | None
    """The arm that counts as M_0; None until it is trained and measured."""
    baseline_loss: float
    by_development: bool
    """Whether a development part says so; else it is the first arm without candidates."""
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
    noise = Noise.of(trainings.values())
    gains: tuple[Gain, ...] = ()
    ceiling, ceiling_interval = math.nan, Interval(math.nan, math.nan)
    if baseline and oracle:
        gap = difference(trainings[baseline], trainings[oracle], noise)
        ceiling, ceiling_interval = gap.difference, gap.interval
        rows = [row for row in trainings if row.size is not None]
        gains = tuple(_gain(row, experiment, trainings, baseline, oracle, noise) for row in rows)
    return Recovered(
        baseline,
        trainings[baseline].value if baseline else math.nan,
        grid.planted.development is not None,
        {row.arm: trainings[row].value for row in alone if row != baseline},
        ceiling,
        ceiling_interval,
        math.sqrt(noise.variance) if noise else math.nan,
        _gain_of_each(trainings[baseline].value, trainings[oracle].by_seed) if baseline and oracle else (),
        gains,
        tuple(selections_of(grid, grid.planted, run)),
        tuple(separations_of(grid, run)),
        tuple(readings_of(grid, grid.planted, run)),
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


def _gain_of_each(start: float, ends: Sequence[float]) -> tuple[float, ...]:
    mean_ends = (
        fmean(end for k, end in enumerate(ends) if k != number) for number in range(len(ends)) if len(ends) > 1
    )
    return tuple((start - end) / (start - mean_end) for end, mean_end in zip(ends, mean_ends, strict=False))


def _gain(
    row: Row,
    experiment: ExperimentSettings,
    trainings: Mapping[Row, Trainings],
    baseline: Row,
    oracle: Row,
    noise: Noise | None,
) -> Gain:
    sides = trainings[row], trainings[baseline], trainings[oracle]
    common = sorted(set.intersection(*(set(side.seeds) for side in sides)))
    # Of an experiment that is half done: a seed that only one side has would count as a gain.
    ours, start, end = (side.only(common) for side in sides) if common else sides
    gap = difference(ours, start, noise)
    drawn_start = draws(start, noise)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = (drawn_start - draws(ours, noise)) / (drawn_start - draws(end, noise))
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
