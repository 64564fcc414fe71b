"""What came out: each row's figure with its interval, its difference to other rows, and what more data is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from humpback.config.experiment import ExperimentSettings
from humpback.experiment.measures import Measure, measures_of
from humpback.experiment.plan import BASE, Cell, Grid, Row
from humpback.runs.store import Run
from humpback.statistics.intervals import Interval, percentile_interval
from humpback.statistics.paired import Measured, Trainings, difference, draws, line_up


@dataclass(frozen=True, slots=True)
class Against:
    """A row against another one: below 0 its figure is lower."""

    row: Row
    difference: float
    interval: Interval
    verdict: str
    """'better', 'worse', or 'not told apart' where the interval holds 0."""
    seeds: int
    better_in: int
    """Seeds in which it is better."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row of a table."""

    row: Row
    name: str
    pairs: int
    """Candidates trained on: as many as its selection kept."""
    seeds: int
    value: float
    interval: Interval
    spread: float
    """Standard deviation between trainings; nan where there is one."""
    against: tuple[Against, ...]


@dataclass(frozen=True, slots=True)
class Slope:
    """What a factor of e of candidates is worth to one arm: w = alpha log N + C."""

    arm: str
    iteration: int
    sizes: tuple[int, ...]
    alpha: float
    interval: Interval
    constant: float


@dataclass(frozen=True, slots=True)
class Table:
    """What one measure found."""

    measure: Measure
    items: int
    left_out: int
    """Items that not every model has a reading of."""
    results: tuple[Result, ...]
    slopes: tuple[Slope, ...]


def tables(experiment: ExperimentSettings, grid: Grid, run: Run) -> list[Table]:
    """The results of all cells that are finished, measure by measure."""
    return [_table(measure, experiment, grid, run) for measure in measures_of(experiment)]


def name_of(row: Row, experiment: ExperimentSettings) -> str:
    """What to call a row: its arm, and M_t where the arm goes through several."""
    arm = experiment.arms.get(row.arm)
    return f"{row.arm}, M_{row.iteration}" if arm and arm.iterations > 1 else row.arm


def _table(measure: Measure, experiment: ExperimentSettings, grid: Grid, run: Run) -> Table:
    cells: dict[Row, dict[int, Cell]] = {}
    for cell in grid.cells:
        if run.stage(cell.measured[measure.name]).manifest():
            cells.setdefault(cell.row, {})[cell.seed] = cell
    readings: dict[Row, dict[int, Sequence[Measured]]] = {
        row: {seed: list(measure.read(run.stage(cell.measured[measure.name]))) for seed, cell in found.items()}
        for row, found in cells.items()
    }
    trainings, left_out = line_up(readings)
    results = []
    for row in _ordered(trainings, experiment):
        found = trainings[row]
        against = tuple(
            _against(measure, found, other, trainings[other]) for other in _others(row, trainings, experiment)
        )
        results.append(
            Result(
                row=row,
                name=name_of(row, experiment),
                pairs=_pairs(run, next(iter(cells[row].values()))),
                seeds=len(found.seeds),
                value=found.value,
                interval=percentile_interval(draws(found)),
                spread=float(np.std(found.by_seed, ddof=1)) if len(found.seeds) > 1 else math.nan,
                against=against,
            )
        )
    items = next((found.totals.shape[1] for found in trainings.values()), 0)
    return Table(measure, items, left_out, tuple(results), tuple(_slopes(results, trainings)))


def _pairs(run: Run, cell: Cell) -> int:
    manifest = run.stage(cell.curated).manifest() if cell.curated else None
    return manifest["counts"]["kept"] if manifest else 0


def _ordered(rows: Mapping[Row, Trainings], experiment: ExperimentSettings) -> list[Row]:
    """The base, then the arms as they are given, by size and iteration."""
    place = {name: number for number, name in enumerate(experiment.arms)}

    def key(row: Row) -> tuple[int, float, int]:
        size = math.inf if row.size == "all" else float(row.size or 0)
        return place.get(row.arm, -1), size, row.iteration

    return sorted(rows, key=key)


def _others(row: Row, rows: Mapping[Row, Trainings], experiment: ExperimentSettings) -> list[Row]:
    """What a row is compared with.

    With the iteration before it; and the last iteration of an arm with the last one of each arm that `against` names,
    at the same size, or at the only size that arm has. Those arms among themselves are compared with earlier ones.
    """
    if row.arm == BASE:
        return []
    before = [other for other in (Row(row.arm, row.size, row.iteration - 1),) if other in rows]
    if row.iteration < experiment.arms[row.arm].iterations and row.size is not None:
        return before
    found = []
    named = experiment.against or (next(iter(experiment.arms)),)
    for name in named[: named.index(row.arm)] if row.arm in named else named:
        of_arm = [other for other in rows if other.arm == name]
        alike = [other for other in of_arm if other.size == row.size] or (
            of_arm if len({o.size for o in of_arm}) == 1 else []
        )
        last = max(alike, key=lambda other: other.iteration, default=None)
        if last is not None:
            found.append(last)
    return found + before


def _against(measure: Measure, ours: Trainings, other: Row, theirs: Trainings) -> Against:
    found = difference(ours, theirs)
    low, high = found.interval.low, found.interval.high
    verdict = "not told apart" if low <= 0 <= high else "better" if (high < 0) == measure.lower_is_better else "worse"
    common = len(set(ours.seeds) & set(theirs.seeds))
    better = found.lower if measure.lower_is_better else common - found.lower
    return Against(other, found.difference, found.interval, verdict, common, better)


def _slopes(results: Sequence[Result], trainings: Mapping[Row, Trainings]) -> list[Slope]:
    """The line of every arm that has two sizes or more; its interval from the draws that all points share."""
    slopes = []
    for arm, iteration in dict.fromkeys((one.row.arm, one.row.iteration) for one in results if one.pairs):
        points = [one for one in results if (one.row.arm, one.row.iteration) == (arm, iteration)]
        logs = np.log([one.pairs for one in points])
        if len(set(logs)) < 2:
            continue
        parts = (logs - logs.mean()) / np.sum((logs - logs.mean()) ** 2)
        values = np.array([one.value for one in points])
        drawn = sum(part * draws(trainings[one.row]) for part, one in zip(parts, points, strict=True))
        alpha = float(parts @ values)
        sizes = tuple(one.pairs for one in points)
        slopes.append(
            Slope(
                arm,
                iteration,
                sizes,
                alpha,
                percentile_interval(np.asarray(drawn)),
                float(values.mean() - alpha * logs.mean()),
            )
        )
    return slopes
