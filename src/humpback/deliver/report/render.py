"""The page: values in, one HTML text out. The same values give the same text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import get_args

from jinja2 import Environment, PackageLoader, StrictUndefined

from humpback.deliver.facts import Difference, LossSummary
from humpback.deliver.report import charts
from humpback.deliver.report.data import Movement, RatingSummary, ReportData, Sample
from humpback.deliver.report.funnel import funnel
from humpback.deliver.report.sentences import cascade_sentence, direction_sentence
from humpback.deliver.report.verdict import direction_of_change, signed, verdict
from humpback.reasons import in_words
from humpback.records import RatingState
from humpback.statistics.axis import Axis

MAX_SAMPLES = 80
MAX_TEXT = 6000
"""Characters shown of one text; a page of 80 samples stays well below a megabyte."""
LONG_TEXT = 420
"""A longer text is folded away."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """One comparison of two models, with the position of its interval on a common scale, in percent."""

    model: str
    item: Difference
    direction: str
    start: float
    width: float
    middle: float
    zero: float


@dataclass(frozen=True, slots=True)
class MovementTable:
    """How scores moved, with a shade from 0 to 1 for each cell."""

    item: Movement
    labels: tuple[str, ...]
    shades: tuple[tuple[float, ...], ...]


def render(data: ReportData) -> str:
    """Renders a report as one HTML file without scripts, fonts or anything else from elsewhere.

    Args:
        data: What to show. Texts in it may be hostile: all of them are escaped.

    Returns:
        The HTML, always encodable as UTF-8.
    """
    html = (
        _templates()
        .get_template("report.html")
        .render(
            data=data,
            verdict=verdict(data),
            forward=[row for row in data.losses if row.direction == "forward"],
            backward=[row for row in data.losses if row.direction == "backward"],
            differences=difference_rows(data.losses, data.seed_model),
            movements=[movement_table(item) for item in data.movements],
            instruction_charts=_length_charts(data, "instruction"),
            response_charts=_length_charts(data, "response"),
            rating_charts=[(charts.rating_chart(item), charts.rating_close_up(item)) for item in data.ratings],
            cascades=[(item, text) for item in data.ratings if (text := cascade_sentence(item))],
            rating_states=rating_states(data.ratings),
            directions=[direction_sentence(item) for item in data.directions],
            curves=[(item, charts.loss_chart(item), charts.rate_chart(item)) for item in data.curves],
            samples=sample_groups(data.samples[:MAX_SAMPLES]),
            funnel=funnel(data),
            tiles=_tiles(data),
            long_text=LONG_TEXT,
        )
    )
    # Control characters and lone surrogates cannot be shown, and the latter cannot even be written.
    return _UNPRINTABLE.sub("\ufffd", html)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("humpback.deliver.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"count": "{:,}".format, "number": _number, "share": _share, "duration": duration, "signed": signed}
    environment.filters.update(filters, words=in_words, clip=clip, at="{:.2f}".format)
    return environment


def difference_rows(losses: Sequence[LossSummary], seed_model: str) -> tuple[DifferenceRow, ...]:
    """The comparisons that get a line: with the base, with the seed-only model and with the model just before."""
    shown_rows: list[tuple[str, Difference]] = []
    for row in losses:
        last = len(row.differences) - 1
        shown_rows.extend(
            (row.model, item)
            for position, item in enumerate(row.differences)
            if item.against in ("base", seed_model) or position == last
        )
    low = min([0.0, *(item.low for _, item in shown_rows)])
    high = max([0.0, *(item.high for _, item in shown_rows)])
    axis = Axis(low, high if high > low else low + 1.0, 0, 100)
    return tuple(
        DifferenceRow(
            model=model,
            item=item,
            direction=direction_of_change(item),
            start=axis.at(item.low),
            width=axis.at(item.high) - axis.at(item.low),
            middle=axis.at(item.difference),
            zero=axis.at(0.0),
        )
        for model, item in shown_rows
    )


def movement_table(item: Movement) -> MovementTable:
    """Shades by the square root of the count, so that rare moves are visible beside common ones."""
    top = max((count for row in item.counts for count in row), default=0) or 1
    shades = tuple(tuple((count / top) ** 0.5 for count in row) for row in item.counts)
    middles = [(low + high) / 2 for low, high in zip(item.edges, item.edges[1:], strict=False)]
    # As many decimals as tell the labels of neighbouring bins apart.
    decimals = 1 if item.edges and item.edges[1] - item.edges[0] >= 0.5 else 2
    while decimals < 5 and len({f"{value:.{decimals}f}" for value in middles}) < len(middles):
        decimals += 1
    return MovementTable(item, tuple(f"{value:.{decimals}f}" for value in middles), shades)


def rating_states(ratings: Sequence[RatingSummary]) -> tuple[RatingState, ...]:
    """States that get a column beside all that are scored: the failures always, others where they occur."""
    states: tuple[RatingState, ...] = get_args(RatingState)
    occurring = {state for row in ratings for state, count in row.states.items() if count}
    return tuple(s for s in states if s != "scored" and (s in occurring or s in ("unparsed", "truncated")))


def sample_groups(samples: Sequence[Sample]) -> tuple[tuple[str, bool, tuple[Sample, ...]], ...]:
    """Samples under a heading each: kept ones first, then by the stage and the reason that dropped them."""
    ordered = sorted(samples, key=lambda row: (not row.kept, row.stage, row.reason))
    groups = []
    for (dropped, stage, reason), rows in groupby(ordered, key=lambda row: (not row.kept, row.stage, row.reason)):
        title = f"{'Dropped' if dropped else 'Kept'} in {stage}"
        groups.append((f"{title}: {in_words(reason)}" if dropped else title, not dropped, tuple(rows)))
    return tuple(groups)


def _tiles(data: ReportData) -> list[tuple[str, str]]:
    """The figures under the verdict. A finished stage keeps at least one record: none means that it has not run."""
    counts = (("Segments", data.segments), ("Candidates", data.candidates), ("Curated", data.curated))
    tiles = [(label, f"{count:,}" if count or not data.unfinished else "not yet") for label, count in counts]
    forward = [row for row in data.losses if row.direction == "forward"]
    tiles += [
        (f"Held-out loss, {data.name_of(row.model)}", _number(row.nats_per_token, 3))
        for number, row in enumerate(forward)
        if number in (0, len(forward) - 1) or row.model == data.seed_model
    ]
    return tiles


def clip(text: str, limit: int = MAX_TEXT) -> str:
    """The beginning of a text, and how many characters are left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()} … ({len(text) - limit:,} more characters)"


def duration(seconds: float) -> str:
    """Seconds in words: '4.2 s', '3 min 20 s', '5 h 03 min'."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds_left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02d} min" if hours else f"{minutes} min {seconds_left:02d} s"


def _number(value: float, decimals: int = 0) -> str:
    return f"{value:,.{decimals}f}".replace("-", "−") if math.isfinite(value) else "no number"


def _share(part: float, total: float) -> str:
    return f"{100 * part / total:.1f} %" if total else "–"


def _length_charts(data: ReportData, side: str) -> tuple[charts.BarChart, ...]:
    return charts.length_charts([getattr(item, side) for item in data.lengths], [item.name for item in data.lengths])
