"""The results as figures: SVG files that need nothing else, readable on light and dark backgrounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from humpback.experiment.plan import BASE
from humpback.experiment.results import Against, Result, Table
from humpback.experiment.tables import opponent_name
from humpback.statistics.axis import Axis

_WIDTH = 760
_TICKS = 8
"""Steps on an axis, at most."""
_COLOURS = ("#4269d0", "#c47d1c", "#d6453d", "#4f9e91", "#3a9c4e", "#e075a5", "#8b5fc7", "#8a6a4f")
"""By arm, in turn. Neighbours also differ in their marks, for readers who do not tell the colours apart."""
_MARKS = ("circle", "square", "triangle", "diamond")
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#555}.t{font-weight:600}.g{stroke:#8884;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>"
)


def scaling_figure(table: Table) -> str | None:
    """Figure against N, on a logarithmic axis, a line for each arm; None where no arm has two sizes."""
    arms: dict[str, list[Result]] = {}
    for result in table.results:
        if result.pairs:
            arms.setdefault(result.name, []).append(result)
    if not any(len({result.pairs for result in points}) > 1 for points in arms.values()):
        return None
    flat = [result for result in table.results if not result.pairs and result.row.arm != BASE]
    drawn = [result for points in arms.values() for result in points] + flat
    low, high = _with_margin([end for result in drawn for end in (result.interval.low, result.interval.high)])
    first, last = _with_margin([math.log(result.pairs) for points in arms.values() for result in points])
    x = Axis(first, last, 70, _WIDTH - 190)
    y = Axis(low, high, 330, 40)
    sizes = sorted({result.pairs for points in arms.values() for result in points})
    parts = [*_grid(y, 70, _WIDTH - 190), *_sizes(x, sizes)]
    for result in flat:
        at = y.at(result.value)
        parts.append(f'<path d="M70 {at:.1f}H{_WIDTH - 190}" stroke="#888" stroke-dasharray="5 4"/>')
        parts.append(f'<text x="{_WIDTH - 194}" y="{at - 5:.1f}" text-anchor="end">{escape(result.name)}</text>')
    for number, (name, points) in enumerate(arms.items()):
        parts += _curve(number, len(arms), name, sorted(points, key=lambda result: result.pairs), x, y)
    parts.append(f'<text x="{(_WIDTH - 120) / 2:.0f}" y="378" text-anchor="middle">candidates trained on, N</text>')
    return _svg(400 + 20 * max(0, len(arms) - 12), table.measure.title, parts)


def comparison_figure(table: Table) -> str | None:
    """Every difference with its interval, in rows; None where nothing is compared."""
    rows = [(result, against) for result in table.results for against in result.against]
    if not rows:
        return None
    ends = [end for _, against in rows for end in (against.interval.low, against.interval.high)]
    x = Axis(*_with_margin([0.0, *ends]), 330, _WIDTH - 30)
    bottom = 60 + 24 * len(rows)
    parts = [f'<path d="M{x.at(0):.1f} 40V{bottom}" stroke="#888"/>']
    for value in x.ticks(_TICKS):
        parts.append(f'<text x="{x.at(value):.1f}" y="{bottom + 18}" text-anchor="middle">{_signed(value)}</text>')
        parts.append(f'<path class="g" d="M{x.at(value):.1f} 40V{bottom}"/>')
    for number, (result, against) in enumerate(rows):
        at, colour = 60 + 24 * number, _verdict_colour(against)
        parts.append(
            f'<text x="320" y="{at + 4}" text-anchor="end">{escape(_comparison_label(result, against))}</text>'
        )
        left, right = x.at(against.interval.low), x.at(against.interval.high)
        parts.append(f'<path d="M{left:.1f} {at}H{right:.1f}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<circle cx="{x.at(against.difference):.1f}" cy="{at}" r="4" fill="{colour}"/>')
    direction = "left is better" if table.measure.lower_is_better else "right is better"
    return _svg(bottom + 40, f"{table.measure.title}: differences, 95 % intervals; {direction}", parts)


def _curve(number: int, arms: int, name: str, points: Sequence[Result], x: Axis, y: Axis) -> Iterator[str]:
    colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
    shift = 3.0 * (number - (arms - 1) / 2)  # intervals at the same N would hide one another
    positions = [(x.at(math.log(result.pairs)) + shift, result) for result in points]
    line = "L".join(f"{at:.1f} {y.at(result.value):.1f}" for at, result in positions)
    yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for at, result in positions:
        top, bottom = y.at(result.interval.high), y.at(result.interval.low)
        yield f'<path d="M{at:.1f} {top:.1f}V{bottom:.1f}" stroke="{colour}" opacity=".5"/>'
        yield _mark(mark, at, y.at(result.value), colour)
    yield _mark(mark, _WIDTH - 176, 50 + 20 * number, colour)
    yield f'<text x="{_WIDTH - 164}" y="{54 + 20 * number}">{escape(name)}</text>'


def _mark(kind: str, x: float, y: float, colour: str) -> str:
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>'
    shapes = {"square": "M-4-4h8v8h-8z", "triangle": "M0-5.5L5 4H-5z", "diamond": "M0-6L5 0 0 6-5 0z"}
    return f'<path transform="translate({x:.1f} {y:.1f})" d="{shapes[kind]}" fill="{colour}"/>'


def _grid(y: Axis, left: float, right: float) -> Iterator[str]:
    for value in y.ticks(_TICKS):
        yield f'<path class="g" d="M{left} {y.at(value):.1f}H{right}"/>'
        yield f'<text x="{left - 8}" y="{y.at(value) + 4:.1f}" text-anchor="end">{value:g}</text>'


def _sizes(x: Axis, sizes: Sequence[int]) -> Iterator[str]:
    labelled: list[int] = []
    for size in sizes:
        if not labelled or x.at(math.log(size)) - x.at(math.log(labelled[-1])) > 40:
            labelled.append(size)
            yield f'<text x="{x.at(math.log(size)):.1f}" y="352" text-anchor="middle">{size:,}</text>'


def _comparison_label(result: Result, against: Against) -> str:
    size = f" {result.row.size}" if result.row.size is not None else ""
    return f"{result.name}{size} against {opponent_name(result, against)}"


def _verdict_colour(against: Against) -> str:
    return {"better": "#3a9c4e", "worse": "#d6453d"}.get(against.verdict, "#888")


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "\u2212") if value else "0"


def _with_margin(values: Sequence[float]) -> tuple[float, float]:
    """The range of values with a small margin at both ends."""
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    words = f'<title>{escape(title)}</title>{_STYLE}<text class="t" x="20" y="22">{escape(title)}</text>'
    return head + words + "".join(parts) + "</svg>\n"
