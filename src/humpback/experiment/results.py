"""Results: each row's figure with its interval, its difference to other rows, and what more data is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from humpback.config.experiment import ExperimentSettings
from humpback.experiment.ceiling import TIMES, Ceiling, ceiling_of
from humpback.experiment.measures import HeldOut, Measure, measures_of
from humpback.experiment.plan import BASE, Cell, Grid, Row
from humpback.runs.store import Run
from humpback.statistics.intervals import Interval, percentile_interval
from humpback.statistics.paired import Measured, Noise, Trainings, difference, draws, line_up

Cells = Mapping[Row, Mapping[int, Cell]]
"""Finished cells by row and seed."""


@dataclass(frozen=True, slots=True)
class Against:
    """A row compared with another one: below 0 its figure is lower."""

    row: Row
    difference: float
    interval: Interval
    verdict: str
    """'better', 'worse', 'not told apart' where the interval holds 0, or 'no verdict' where the most that can be gained
    is less than three times the half-width of the interval."""
    seeds: int
    better_in: int
    """Seeds in which it is better."""
    items_needed: int = 0
    """Held-out items that would allow a verdict; 0 where there is one, or where no number of them would."""


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
    """The results of one measure."""

    measure: Measure
    items: int
    left_out: int
    """Items that were not measured for every model."""
    results: tuple[Result, ...]
    slopes: tuple[Slope, ...]
    ceiling: Ceiling | None = None
    """What there is to gain at most; None where it is not known."""


def tables(experiment: ExperimentSettings, grid: Grid, run: Run) -> list[Table]:
    """The results of all cells that are finished, measure by measure."""
    return [_table(measure, experiment, grid, run) for measure in measures_of(experiment)]


def name_of(row: Row, experiment: ExperimentSettings) -> str:
    """What to call a row: its arm, and M_t where the arm goes through several."""
    arm = experiment.arms.get(row.arm)
    return f"{row.arm}, M_{row.iteration}" if arm and arm.iterations > 1 else row.arm


def trainings_of(measure: Measure, grid: Grid, run: Run) -> tuple[Cells, dict[Row, Trainings], int]:
    """The finished cells by row and seed, what was measured of each row, and how many items were left out."""
    cells: dict[Row, dict[int, Cell]] = {}
    for cell in grid.cells:
        if measure.name in cell.measured and run.stage(cell.measured[measure.name]).manifest():
            cells.setdefault(cell.row, {})[cell.seed] = cell
    readings: dict[Row, dict[int, Sequence[Measured]]] = {
        row: {seed: list(measure.read(run.stage(cell.measured[measure.name]))) for seed, cell in by_seed.items()}
        for row, by_seed in cells.items()
    }
    return cells, *line_up(readings)


def _table(measure: Measure, experiment: ExperimentSettings, grid: Grid, run: Run) -> Table:
    cells, trainings, left_out = trainings_of(measure, grid, run)
    counts = {row: _trained_on(run, next(iter(by_seed.values()))) for row, by_seed in cells.items()}
    ceiling = ceiling_of(experiment, trainings, counts) if isinstance(measure, HeldOut) else None
    noise = Noise.of(trainings.values())
    results = []
    for row in _order_of_rows(trainings, experiment):
        ours = trainings[row]
        pairs = _pairs(run, next(iter(cells[row].values())))
        against = []
        for opponent in _opponents(row, trainings, experiment):
            theirs = trainings[opponent]
            most = ceiling.of(pairs, theirs.value) if ceiling and pairs else None
            against.append(_against(measure, ours, opponent, theirs, noise, most))
        results.append(
            Result(
                row=row,
                name=name_of(row, experiment),
                pairs=pairs,
                seeds=len(ours.seeds),
                value=ours.value,
                interval=percentile_interval(draws(ours, noise)),
                spread=float(np.std(ours.by_seed, ddof=1)) if len(ours.seeds) > 1 else math.nan,
                against=tuple(against),
            )
        )
    items = next((row.totals.shape[1] for row in trainings.values()), 0)
    return Table(measure, items, left_out, tuple(results), tuple(_slopes(results, trainings, noise)), ceiling)


def _trained_on(run: Run, cell: Cell) -> int:
    manifest = run.stage(cell.model).manifest() if cell.seed else None
    return manifest["counts"]["read"] if manifest else 0


def _pairs(run: Run, cell: Cell) -> int:
    manifest = run.stage(cell.curated).manifest() if cell.curated else None
    return manifest["counts"]["kept"] if manifest else 0


def _order_of_rows(rows: Mapping[Row, Trainings], experiment: ExperimentSettings) -> list[Row]:
    """The base, then the arms in the order of the settings, by size and iteration."""
    positions = {name: number for number, name in enumerate(experiment.arms)}

    def key(row: Row) -> tuple[int, float, int]:
        size = math.inf if row.size == "all" else float(row.size or 0)
        return positions.get(row.arm, -1), size, row.iteration

    return sorted(rows, key=key)


def _opponents(row: Row, rows: Mapping[Row, Trainings], experiment: ExperimentSettings) -> list[Row]:
    """The rows that a row is compared with.

    Each row is compared with the iteration before it. The last iteration of an arm is also compared with the last one
    of each arm that `against` names, at the same size or at the only size of that arm. An arm in `against` is compared
    with the arms before it there.
    """
    if row.arm == BASE:
        return []
    before = [earlier for earlier in (Row(row.arm, row.size, row.iteration - 1),) if earlier in rows]
    if row.iteration < experiment.arms[row.arm].iterations and row.size is not None:
        return before
    selected = []
    references = experiment.against or (next(iter(experiment.arms)),)
    for name in references[: references.index(row.arm)] if row.arm in references else references:
        arm_rows = [candidate for candidate in rows if candidate.arm == name]
        only_size = len({candidate.size for candidate in arm_rows}) == 1
        comparable = [candidate for candidate in arm_rows if candidate.size == row.size or only_size]
        last = max(comparable, key=lambda candidate: candidate.iteration, default=None)
        if last is not None:
            selected.append(last)
    return selected + before


def _against(
    measure: Measure, ours: Trainings, opponent: Row, theirs: Trainings, noise: Noise | None, most: float | None
) -> Against:
    result = difference(ours, theirs, noise)
    low, high = result.interval.low, result.interval.high
    verdict = "not told apart" if low <= 0 <= high else "better" if (high < 0) == measure.lower_is_better else "worse"
    items_needed, half_width = 0, (high - low) / 2
    if most is not None and most < TIMES * half_width:
        verdict = "no verdict"
        # The half-width falls with the root of the number of items; of trainings too, which are counted as they are.
        items_needed = math.ceil(ours.totals.shape[1] * (TIMES * half_width / most) ** 2) if most > 0 else 0
    common = len(set(ours.seeds) & set(theirs.seeds))
    better = result.lower if measure.lower_is_better else common - result.lower
    return Against(opponent, result.difference, result.interval, verdict, common, better, items_needed)


def _slopes(results: Sequence[Result], trainings: Mapping[Row, Trainings], noise: Noise | None) -> list[Slope]:
    """The line of every arm that has two sizes or more; its interval from the draws that all points share."""
    slopes = []
    for arm, iteration in dict.fromkeys((result.row.arm, result.row.iteration) for result in results if result.pairs):
        points = [result for result in results if (result.row.arm, result.row.iteration) == (arm, iteration)]
        logs = np.log([result.pairs for result in points])
        if len(set(logs)) < 2:
            continue
        # The slope of least squares is this weighted sum of the values, in each draw as over all items.
        parts = (logs - logs.mean()) / np.sum((logs - logs.mean()) ** 2)
        values = np.array([result.value for result in points])
        drawn = sum(part * draws(trainings[result.row], noise) for part, result in zip(parts, points, strict=True))
        alpha = float(parts @ values)
        sizes = tuple(result.pairs for result in points)
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
