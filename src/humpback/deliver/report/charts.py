"""Geometry of the charts, in percent of the plot's width and height with y downwards.

The marks are drawn as SVG that is stretched to its box, the words around it as HTML: so a chart fills a wide screen
and a phone with text of the same size, follows the page's colours in light and dark, and needs no script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from humpback.deliver.report.data import Distribution, Histogram, RatingSummary, TrainingCurve
from humpback.deliver.report.statistics import SCORE_EDGES
from humpback.statistics.axis import Axis

MAX_POINTS = 400
"""Points drawn of one curve, at most."""

_TICKS = 6
"""Steps on an axis, at most."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A word on an axis, at a position in percent from the left, or from the bottom."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, with the label that appears under the pointer."""

    x: float
    width: float
    height: float
    label: str
    faded: bool = False


@dataclass(frozen=True, slots=True)
class BarChart:
    """A histogram. `mark` is a line across it, such as the mean or a threshold."""

    bars: tuple[Bar, ...]
    x_ticks: tuple[Tick, ...]
    label: str
    mark: Tick | None = None


@dataclass(frozen=True, slots=True)
class LineChart:
    """A curve, as paths: every point, and a running mean where there are points enough."""

    path: str
    smooth: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    label: str


def length_charts(distributions: Sequence[Distribution], names: Sequence[str]) -> tuple[BarChart, ...]:
    """One histogram of lengths for each set, all on one logarithmic axis, each as shares of its own set."""
    filled = [number for item in distributions for number, count in enumerate(item.histogram.counts) if count]
    if not filled:
        return tuple(BarChart((), (), f"{name}: empty") for name in names)
    first, last = min(filled), max(filled) + 1
    return tuple(_length_chart(item, name, first, last) for item, name in zip(distributions, names, strict=True))


def _length_chart(item: Distribution, name: str, first: int, last: int) -> BarChart:
    edges = item.histogram.edges[first : last + 1]
    axis = Axis(math.log10(edges[0]), math.log10(edges[-1]), 0, 100)

    def position(value: float) -> float:
        return axis.at(math.log10(max(value, edges[0])))

    bars = _bars(item.histogram.counts[first:last], [position(edge) for edge in edges], edges, item.n, decimals=0)
    ticks = tuple(
        Tick(position(value), f"{value:,}")
        for value in (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
        if edges[0] <= value <= edges[-1]
    )
    label = f"{name}: {item.n:,} lengths, mean {item.mean:,.0f}, standard deviation {item.standard_deviation:,.0f}"
    return BarChart(bars, ticks, label, Tick(position(item.mean), "") if item.n else None)


def rating_chart(summary: RatingSummary) -> BarChart:
    """Scores on the whole scale from 1 to 5, even where they fill little of it; what was not kept is faded.

    Scores on another scale are drawn from the lowest to the highest.
    """
    fine = summary.distribution.histogram
    if fine.edges != SCORE_EDGES:
        counts = [sum(fine.counts[first : first + 10]) for first in range(0, len(fine.counts), 10)]
        return _score_chart(summary, counts, fine.edges[::10], fine.edges[0], fine.edges[-1])
    return _score_chart(summary, *_coarse(fine, 50 if _only_halves(fine) else 5), 1.0, 5.0)


def rating_close_up(summary: RatingSummary) -> BarChart | None:
    """The same without the empty parts of the scale, if all scores lie within one point; else None."""
    item = summary.distribution
    if item.histogram.edges != SCORE_EDGES:
        return None
    if item.n == 0 or item.maximum - item.minimum > 1.0 or _only_halves(item.histogram):
        return None
    low, high = math.floor(item.minimum * 20) / 20, math.ceil(item.maximum * 20) / 20
    return _score_chart(summary, *_coarse(item.histogram, 1), low, max(high, low + 0.1))


def _score_chart(
    summary: RatingSummary, counts: Sequence[int], edges: Sequence[float], low: float, high: float
) -> BarChart:
    bins = [
        (count, lower, upper)
        for count, lower, upper in zip(counts, edges, edges[1:], strict=False)
        if upper > low and lower < high
    ]
    first, last = bins[0][1], bins[-1][2]
    axis = Axis(first, last, 0, 100)
    on_scale = summary.distribution.histogram.edges == SCORE_EDGES
    decimals = 2 if on_scale else min(max(2 - math.floor(math.log10(last - first)), 0), 6)
    bin_edges = [first, *(upper for _, _, upper in bins)]
    cut = summary.threshold
    faded = [cut is not None and (lower + upper) / 2 < cut - 1e-9 for _, lower, upper in bins]
    positions = [axis.at(edge) for edge in bin_edges]
    bars = _bars([count for count, _, _ in bins], positions, bin_edges, sum(counts), decimals=decimals, faded=faded)
    ticks = tuple(Tick(axis.at(value), f"{value:g}") for value in Axis(low, high, 0, 100).ticks(_TICKS))
    mark = None
    if cut is not None and first <= cut <= last:
        # Between the bars: a bar of whole or half scores is drawn around its score, which is kept or not as a whole.
        edge = max((edge for edge in bin_edges if edge <= cut + 1e-9), default=first)
        mark = Tick(axis.at(edge), f"kept from {cut:g}")
    return BarChart(bars, ticks, f"scores of iteration {summary.iteration} from {low:g} to {high:g}", mark)


def _bars(
    counts: Sequence[int],
    positions: Sequence[float],
    edges: Sequence[float],
    total: int,
    *,
    decimals: int,
    faded: Sequence[bool] | None = None,
) -> tuple[Bar, ...]:
    top = max(counts, default=0)
    bars = []
    for number, count in enumerate(counts):
        if count:
            span = f"{edges[number]:,.{decimals}f} to {edges[number + 1]:,.{decimals}f}"
            label = f"{span}: {count:,} ({100 * count / total:.1f} %)"
            gap = 0.12 * (positions[number + 1] - positions[number])
            width = positions[number + 1] - positions[number] - gap
            dim = bool(faded[number]) if faded else False
            bars.append(Bar(positions[number] + gap / 2, width, 100 * count / top, label, dim))
    return tuple(bars)


def _only_halves(histogram: Histogram) -> bool:
    return all(number % 50 == 0 for number, count in enumerate(histogram.counts) if count)


def _coarse(fine: Histogram, width: int) -> tuple[list[int], list[float]]:
    """Sums bins of 0.01 into bins of `width` hundredths whose first is around 1.00."""
    counts = [0] * (400 // width + 1)
    for number, count in enumerate(fine.counts):
        counts[(number + width // 2) // width] += count
    return counts, [1 + (number - 0.5) * width / 100 for number in range(len(counts) + 1)]


def loss_chart(curve: TrainingCurve) -> LineChart | None:
    """Loss by step; None where there are no two steps to draw."""
    return _line_chart(curve.steps, curve.losses, f"training loss of {curve.model}", "{:.2f}".format, smooth=True)


def rate_chart(curve: TrainingCurve) -> LineChart | None:
    """Learning rate by step, from 0 up."""
    return _line_chart(curve.steps, curve.learning_rates, f"learning rate of {curve.model}", _rate, floor=0.0)


def _line_chart(
    steps: Sequence[int],
    values: Sequence[float],
    label: str,
    form: Callable[[float], str],
    *,
    smooth: bool = False,
    floor: float | None = None,
) -> LineChart | None:
    points = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    if len(points) < 2 or points[0][0] == points[-1][0]:
        return None
    heights = [value for _, value in points]
    low, high = min(heights) if floor is None else floor, max(heights)
    high = high if high > low else low + (abs(low) or 1.0)
    start, end = points[0][0], points[-1][0]
    x, y = Axis(start, end, 0, 100), Axis(low, high, 100, 0)

    def path(rows: Sequence[tuple[int, float]]) -> str:
        stride = math.ceil(len(rows) / MAX_POINTS)
        thinned = [*rows[:-1:stride], rows[-1]]
        return "M" + "L".join(f"{x.at(step):.2f} {y.at(value):.2f}" for step, value in thinned)

    running = _running_mean(points) if smooth and len(points) >= 20 else []
    return LineChart(
        path=path(points),
        smooth=path(running) if running else "",
        x_ticks=(Tick(0, f"step {start:,}"), Tick(100, f"{end:,}")),
        y_ticks=(Tick(0, form(low)), Tick(100, form(high))),
        label=f"{label}: from {form(heights[0])} at step {start:,} to {form(heights[-1])} at {end:,}",
    )


def _rate(value: float) -> str:
    if not value:
        return "0"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}".replace("-", "−")


def _running_mean(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Exponential, corrected for its start, over about a tenth of the steps."""
    keep = 1 - 1 / max(len(points) / 20, 2)
    total = weight = 0.0
    rows = []
    for step, value in points:
        total = keep * total + (1 - keep) * value
        weight = keep * weight + (1 - keep)
        rows.append((step, total / weight))
    return rows
