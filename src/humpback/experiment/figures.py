"""The results as figures: SVG files that need nothing else, readable on light and on dark paper."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from humpback.experiment.plan import BASE
from humpback.experiment.results import Against, Result, Table
from humpback.experiment.tables import named
from humpback.statistics.axis import Axis

_WIDTH = 760
_TICKS = 8
"""Steps on an axis, at most."""
_COLOURS = ("#4269d0", "#c47d1c", "#d6453d", "#4f9e91", "#3a9c4e", "#e075a5", "#8b5fc7", "#8a6a4f")
"""By arm, in turn; each is told from its neighbours by its mark too."""
_MARKS = ("circle", "square", "triangle", "diamond")
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#555}.t{font-weight:600}.g{stroke:#8884;stroke-width:1}"
    "@media(prefers-color-scheme:dark){text{fill:#bbb}}</style>"
)


def scaling_figure(table: Table) -> str | None:
    """Figure against N, on a logarithmic axis, a line for each arm; None where no arm has two sizes."""
    arms: dict[str, list[Result]] = {}
    for one in table.results:
        if one.pairs:
            arms.setdefault(one.name, []).append(one)
    if not any(len({one.pairs for one in points}) > 1 for points in arms.values()):
        return None
    flat = [one for one in table.results if not one.pairs and one.row.arm != BASE]
    every = [one for points in arms.values() for one in points] + flat
    low, high = _around([end for one in every for end in (one.interval.low, one.interval.high)])
    first, last = _around([math.log(one.pairs) for points in arms.values() for one in points])
    x = Axis(first, last, 70, _WIDTH - 190)
    y = Axis(low, high, 330, 40)
    parts = [*_grid(y, 70, _WIDTH - 190), *_sizes(x, sorted({one.pairs for points in arms.values() for one in points}))]
    for one in flat:
        at = y.at(one.value)
        parts.append(f'<path d="M70 {at:.1f}H{_WIDTH - 190}" stroke="#888" stroke-dasharray="5 4"/>')
        parts.append(f'<text x="{_WIDTH - 194}" y="{at - 5:.1f}" text-anchor="end">{escape(one.name)}</text>')
    for number, (name, points) in enumerate(arms.items()):
        parts += _curve(number, len(arms), name, sorted(points, key=lambda one: one.pairs), x, y)
    parts.append(f'<text x="{(_WIDTH - 120) / 2:.0f}" y="378" text-anchor="middle">candidates trained on, N</text>')
    return _svg(400 + 20 * max(0, len(arms) - 12), table.measure.title, parts)


def comparison_figure(table: Table) -> str | None:
    """Every difference with its interval, one below the other; None where nothing is compared."""
    rows = [(one, other) for one in table.results for other in one.against]
    if not rows:
        return None
    ends = [end for _, other in rows for end in (other.interval.low, other.interval.high)]
    x = Axis(*_around([0.0, *ends]), 330, _WIDTH - 30)
    bottom = 60 + 24 * len(rows)
    parts = [f'<path d="M{x.at(0):.1f} 40V{bottom}" stroke="#888"/>']
    for value in x.ticks(_TICKS):
        parts.append(f'<text x="{x.at(value):.1f}" y="{bottom + 18}" text-anchor="middle">{_signed(value)}</text>')
        parts.append(f'<path class="g" d="M{x.at(value):.1f} 40V{bottom}"/>')
    for number, (one, other) in enumerate(rows):
        at, colour = 60 + 24 * number, _verdict_colour(other)
        parts.append(f'<text x="320" y="{at + 4}" text-anchor="end">{escape(_compared(one, other))}</text>')
        left, right = x.at(other.interval.low), x.at(other.interval.high)
        parts.append(f'<path d="M{left:.1f} {at}H{right:.1f}" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<circle cx="{x.at(other.difference):.1f}" cy="{at}" r="4" fill="{colour}"/>')
    way = "left is better" if table.measure.lower_is_better else "right is better"
    return _svg(bottom + 40, f"{table.measure.title}: differences, 95 % intervals; {way}", parts)


def _curve(number: int, arms: int, name: str, points: Sequence[Result], x: Axis, y: Axis) -> Iterator[str]:
    colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
    aside = 3.0 * (number - (arms - 1) / 2)  # so that intervals at the same N do not hide one another
    places = [(x.at(math.log(one.pairs)) + aside, one) for one in points]
    line = "L".join(f"{at:.1f} {y.at(one.value):.1f}" for at, one in places)
    yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for at, one in places:
        top, bottom = y.at(one.interval.high), y.at(one.interval.low)
        yield f'<path d="M{at:.1f} {top:.1f}V{bottom:.1f}" stroke="{colour}" opacity=".5"/>'
        yield _mark(mark, at, y.at(one.value), colour)
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
    shown: list[int] = []
    for size in sizes:
        if not shown or x.at(math.log(size)) - x.at(math.log(shown[-1])) > 40:
            shown.append(size)
            yield f'<text x="{x.at(math.log(size)):.1f}" y="352" text-anchor="middle">{size:,}</text>'


def _compared(one: Result, other: Against) -> str:
    size = f" {one.row.size}" if one.row.size is not None else ""
    return f"{one.name}{size} against {named(one, other)}"


def _verdict_colour(other: Against) -> str:
    return {"better": "#3a9c4e", "worse": "#d6453d"}.get(other.verdict, "#888")


def _signed(value: float) -> str:
    return f"{value:+g}".replace("-", "\u2212") if value else "0"


def _around(values: Sequence[float]) -> tuple[float, float]:
    """The range of values with a little room at both ends."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    words = f'<title>{escape(title)}</title>{_STYLE}<text class="t" x="20" y="22">{escape(title)}</text>'
    return head + words + "".join(parts) + "</svg>\n"
