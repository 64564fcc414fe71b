"""Results of a suite: figures with intervals, and every row behind them, to compare models row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from humpback.data_access.rows import Values
from humpback.statistics.intervals import Interval, bootstrap_mean, wilson


@dataclass(frozen=True, slots=True)
class Row:
    """One question, and the model's result on it.

    Attributes:
        task: The harness's task.
        number: Position among the task's rows, from 0.
        metrics: One value for each metric; several where a row has parts, as the instructions of a prompt.
        group: The part of the suite it belongs to.
        likelihoods: Log-likelihood of each choice, where there are choices.
    """

    task: str
    number: int
    metrics: Mapping[str, tuple[float, ...]]
    group: str = ""
    likelihoods: tuple[float, ...] = ()

    def values(self) -> Values:
        """The row for JSON."""
        return {
            "task": self.task, "number": self.number, "group": self.group, "likelihoods": list(self.likelihoods),
            "metrics": {name: list(parts) for name, parts in self.metrics.items()},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """The mean of a metric, with its 95 % interval.

    Attributes:
        metric: Its name in the harness.
        value: The mean over all rows.
        interval: Wilson's for a share of rows; the bootstrap over rows for anything else.
        method: Which of the two.
        rows: How many rows.
        group: The part of the suite; empty for the whole.
    """

    metric: str
    value: float
    interval: Interval
    method: str
    rows: int
    group: str = ""

    def values(self) -> Values:
        """The figure for JSON."""
        return {
            "metric": self.metric, "value": self.value, "low": self.interval.low, "high": self.interval.high,
            "interval": self.method, "rows": self.rows, "group": self.group,
        }  # fmt: skip


def figures(rows: Sequence[Row], metrics: Sequence[str], rng_seed: int) -> list[Figure]:
    """The figures of a suite: of all its rows, then of each group."""
    groups = sorted({row.group for row in rows} - {""})
    return [
        _figure([row for row in rows if not group or row.group == group], metric, group, rng_seed)
        for group in ("", *groups)
        for metric in metrics
    ]


def _figure(rows: Sequence[Row], metric: str, group: str, rng_seed: int) -> Figure:
    parts = [row.metrics[metric] for row in rows]
    flat = [value for values in parts for value in values]
    if all(len(values) == 1 and values[0] in (0, 1) for values in parts):
        return Figure(metric, fmean(flat), wilson(round(sum(flat)), len(flat)), "Wilson", len(rows), group)
    # Parts of one row are not independent, so the bootstrap draws whole rows.
    owners = [str(number) for number, values in enumerate(parts) for _ in values]
    return Figure(metric, fmean(flat), bootstrap_mean(flat, owners, rng_seed), "bootstrap", len(rows), group)


def lines(suite: str, figures: Sequence[Figure]) -> Iterator[str]:
    """The lines of a table; shares in per cent."""
    for figure in figures:
        name = f"  {figure.group}" if figure.group else suite
        numbers = [figure.value, figure.interval.low, figure.interval.high]
        share = figure.method == "Wilson" or not figure.metric.endswith("_diff")
        value, low, high = (f"{100 * number:.1f} %" if share else f"{number:.2f}" for number in numbers)
        yield f"{name:<22} {figure.metric:<24} {value:>8}  ({low} to {high}, {figure.method})  {figure.rows} rows"
