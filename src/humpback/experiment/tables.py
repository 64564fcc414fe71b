"""The results as Markdown for people and as plain values for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from humpback.experiment.plan import BASE
from humpback.experiment.results import Against, Result, Slope, Table
from humpback.experiment.selections import Selection
from humpback.statistics.intervals import DRAWS, Interval

_ROWS = ("data", "N", "pairs", "seeds", "figure", "95 % interval", "spread between seeds")
_DIFFERENCES = ("data", "N", "against", "difference", "95 % interval", "", "better in")
_SELECTIONS = ("selection", "pairs", "characters of the instruction", "of the response", "shared")
_SHARED = "'shared' is the part that other selections of the same size keep too, on average."
_SLOPES = ("data", "sizes", "alpha for each doubling", "95 % interval", "C")


@dataclass(frozen=True, slots=True)
class Findings:
    """All there is to show of an experiment."""

    tables: Sequence[Table]
    selections: Sequence[Selection]
    failed: Mapping[str, str]
    """Why, for each stage that failed."""
    ended: int
    """Cells that are trained and measured."""
    cells: int


def markdown(found: Findings) -> str:
    """The tables of all measures, and of what was trained on."""
    parts = ["# Results", "", f"{found.ended} of {found.cells} cells are trained and measured."]
    parts += [f"- `{name}` failed: {why}" for name, why in found.failed.items()]
    for table in found.tables:
        parts += ["", *_section(table)]
    if found.selections:
        parts += ["", "## Candidates trained on", "", _SHARED, "", *_lines(_SELECTIONS, map(_chosen, found.selections))]
    return "\n".join(parts) + "\n"


def plain(found: Findings) -> dict[str, Any]:
    """The same as values that JSON can hold."""
    return {
        "cells": found.cells,
        "ended": found.ended,
        "failed": dict(found.failed),
        "selections": [asdict(one) for one in found.selections],
        "measures": {
            table.measure.name: {
                "title": table.measure.title,
                "lower_is_better": table.measure.lower_is_better,
                "items": table.items,
                "items_left_out": table.left_out,
                "rows": [_row(one) for one in table.results],
                "slopes": [_slope(one) for one in table.slopes],
            }
            for table in found.tables
        },
    }


def _section(table: Table) -> Iterator[str]:
    better = "Lower" if table.measure.lower_is_better else "Higher"
    left = f"; {table.left_out} that not every model could be measured on are left out" if table.left_out else ""
    yield f"## {table.measure.title[0].upper()}{table.measure.title[1:]}"
    yield ""
    yield f"{better} is better. {table.items} items, the same for every model{left}. Intervals are 95 %, from {DRAWS:,}"
    yield "draws of items and trainings; a difference is taken item by item and seed by seed."
    if any(one.seeds == 1 for one in table.results if one.row.arm != BASE):
        yield "Where there is one seed, interval and verdict are of these models alone, not of the ways to train."
    yield ""
    yield from _lines(_ROWS, map(_shown, table.results))
    if differences := [_shown_against(one, other) for one in table.results for other in one.against]:
        yield ""
        yield from _lines(_DIFFERENCES, differences)
    if table.slopes:
        yield ""
        yield "What more candidates are worth, w = alpha log N + C:"
        yield ""
        yield from _lines(_SLOPES, map(_shown_slope, table.slopes))


def _shown(one: Result) -> Sequence[str]:
    spread = "" if math.isnan(one.spread) else f"{one.spread:.4f}"
    return one.name, _size(one), str(one.pairs), str(one.seeds), f"{one.value:.4f}", _span(one.interval), spread


def _shown_against(one: Result, other: Against) -> Sequence[str]:
    wins = f"{other.better_in} of {other.seeds} seeds" if other.seeds else ""
    difference = f"{other.difference:+.4f}"
    return one.name, _size(one), named(one, other), difference, _span(other.interval, "+.4f"), other.verdict, wins


def _chosen(one: Selection) -> Sequence[str]:
    shared = "" if one.shared is None else f"{one.shared:.0%}"
    return f"`{one.stage}`", str(one.pairs), f"{one.instruction:.0f}", f"{one.response:.0f}", shared


def _shown_slope(one: Slope) -> Sequence[str]:
    name = one.arm + (f", M_{one.iteration}" if one.iteration > 1 else "")
    doubling = math.log(2)
    span = _span(Interval(one.interval.low * doubling, one.interval.high * doubling), "+.4f")
    return name, ", ".join(map(str, one.sizes)), f"{one.alpha * doubling:+.4f}", span, f"{one.constant:.4f}"


def named(one: Result, other: Against) -> str:
    """What a row is compared with, as short as it can be said beside the row."""
    if other.row.arm == one.row.arm:
        return f"M_{other.row.iteration}"
    return other.row.arm + (f" {other.row.size}" if other.row.size not in (None, one.row.size) else "")


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _row(one: Result) -> dict[str, Any]:
    return {
        "data": one.name,
        "arm": one.row.arm,
        "size": one.row.size,
        "iteration": one.row.iteration,
        "pairs": one.pairs,
        "seeds": one.seeds,
        "value": one.value,
        "interval": [one.interval.low, one.interval.high],
        "spread": None if math.isnan(one.spread) else one.spread,
        "against": [
            {
                "arm": other.row.arm,
                "size": other.row.size,
                "iteration": other.row.iteration,
                "difference": other.difference,
                "interval": [other.interval.low, other.interval.high],
                "verdict": other.verdict,
                "better_in": other.better_in,
                "seeds": other.seeds,
            }
            for other in one.against
        ],
    }


def _slope(one: Slope) -> dict[str, Any]:
    low, high = one.interval.low, one.interval.high
    facts = {"arm": one.arm, "iteration": one.iteration, "sizes": list(one.sizes), "log": "natural"}
    return facts | {"alpha": one.alpha, "interval": [low, high], "constant": one.constant}


def _size(one: Result) -> str:
    return "" if one.row.size is None else str(one.row.size)


def _span(interval: Interval, form: str = ".4f") -> str:
    return f"{interval.low:{form}} to {interval.high:{form}}"
