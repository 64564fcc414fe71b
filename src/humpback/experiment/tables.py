"""The results as Markdown for people and as plain values for programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from humpback.experiment.ceiling import TIMES
from humpback.experiment.recovered import Recovered
from humpback.experiment.recovered_tables import plain_recovered, recovered_lines
from humpback.experiment.results import Against, Result, Slope, Table
from humpback.experiment.selections import Selection
from humpback.statistics.figures import shown, span, without_nan
from humpback.statistics.intervals import DRAWS, Interval

_ROWS = ("data", "N", "pairs", "seeds", "figure", "95 % interval", "spread between seeds")
_DIFFERENCES = ("data", "N", "against", "difference", "95 % interval", "", "better in")
_SELECTIONS = ("selection", "pairs", "characters of the instruction", "of the response", "shared")
_SHARED = "'shared' is the part that other selections of the same size keep too, on average."
_SLOPES = ("data", "sizes", "alpha for each doubling", "95 % interval", "C")


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that is shown of an experiment."""

    tables: Sequence[Table]
    selections: Sequence[Selection]
    failed: Mapping[str, str]
    """Why, for each stage that failed."""
    ended: int
    """Cells that are trained and measured."""
    cells: int
    recovered: Recovered | None = None
    """Where answers were planted."""


def markdown(findings: Findings) -> str:
    """The tables of all measures, and of what was trained on."""
    parts = ["# Results", "", f"{findings.ended} of {findings.cells} cells are trained and measured."]
    parts += [f"- `{name}` failed: {why}" for name, why in findings.failed.items()]
    if findings.recovered:
        parts += ["", *recovered_lines(findings.recovered)]
    for table in findings.tables:
        parts += ["", *_section(table)]
    if findings.selections:
        rows = map(_selection_cells, findings.selections)
        parts += ["", "## Candidates trained on", "", _SHARED, "", *_lines(_SELECTIONS, rows)]
    return "\n".join(parts) + "\n"


def plain(findings: Findings) -> dict[str, Any]:
    """The same as values that JSON can hold."""
    values = {
        "cells": findings.cells,
        "ended": findings.ended,
        "failed": dict(findings.failed),
        "selections": [asdict(selection) for selection in findings.selections],
        "recovered": plain_recovered(findings.recovered) if findings.recovered else None,
        "measures": {
            table.measure.name: {
                "title": table.measure.title,
                "lower_is_better": table.measure.lower_is_better,
                "items": table.items,
                "items_left_out": table.left_out,
                "rows": [_row(result) for result in table.results],
                "slopes": [_slope(slope) for slope in table.slopes],
            }
            for table in findings.tables
        },
    }
    return dict(without_nan(values))


def _section(table: Table) -> Iterator[str]:
    better = "Lower" if table.measure.lower_is_better else "Higher"
    omitted = f"; {table.left_out} that not every model could be measured on are left out" if table.left_out else ""
    yield f"## {table.measure.title[0].upper()}{table.measure.title[1:]}"
    yield ""
    scope = f"{table.items} items, the same for every model{omitted}"
    yield f"{better} is better. {scope}. Intervals are 95 %, from {DRAWS:,}"
    yield "draws of items and trainings; a difference is taken item by item and seed by seed."
    if all(result.seeds == 1 for result in table.results):
        yield "With one seed, intervals and verdicts are of these models alone, not of the ways to train."
    if table.ceiling:
        yield f"What there is to gain at most: {table.ceiling.how}. There is no verdict where that is less than"
        yield f"{TIMES:g} times the half-width of the interval: the difference would be lost in the noise."
        yield "On a row that is worse than M_0 there is as much more to gain."
    elif table.measure.lower_is_better:
        yield "What there is to gain at most is not known: an arm with seed_share: .5 beside one without would say it."
    yield ""
    yield from _lines(_ROWS, map(_result_cells, table.results))
    if differences := [_difference_cells(result, against) for result in table.results for against in result.against]:
        yield ""
        yield from _lines(_DIFFERENCES, differences)
    if table.slopes:
        yield ""
        yield "What more candidates are worth, w = alpha log N + C:"
        yield ""
        yield from _lines(_SLOPES, map(_slope_cells, table.slopes))


def _result_cells(result: Result) -> Sequence[str]:
    counts = str(result.pairs), str(result.seeds)
    figures = shown(result.value, ".4f"), span(result.interval, ".4f"), shown(result.spread, ".4f")
    return result.name, _size(result), *counts, *figures


def _difference_cells(result: Result, against: Against) -> Sequence[str]:
    wins = f"{against.better_in} of {against.seeds} seeds" if against.seeds else ""
    figures = shown(against.difference, "+.4f"), span(against.interval, "+.4f")
    verdict = against.verdict + (f"; {against.items_needed} items would do" if against.items_needed else "")
    return result.name, _size(result), opponent_name(result, against), *figures, verdict, wins


def _selection_cells(selection: Selection) -> Sequence[str]:
    shared = "" if selection.shared is None else f"{selection.shared:.0%}"
    lengths = f"{selection.instruction:.0f}", f"{selection.response:.0f}"
    return f"`{selection.stage}`", str(selection.pairs), *lengths, shared


def _slope_cells(slope: Slope) -> Sequence[str]:
    name = slope.arm + (f", M_{slope.iteration}" if slope.iteration > 1 else "")
    doubling = math.log(2)
    doubled = span(Interval(slope.interval.low * doubling, slope.interval.high * doubling), "+.4f")
    return (
        name,
        ", ".join(map(str, slope.sizes)),
        shown(slope.alpha * doubling, "+.4f"),
        doubled,
        shown(slope.constant, ".4f"),
    )


def opponent_name(result: Result, against: Against) -> str:
    """The row that another one is compared with, without what both have in common."""
    if against.row.arm == result.row.arm:
        return f"M_{against.row.iteration}"
    return against.row.arm + (f" {against.row.size}" if against.row.size not in (None, result.row.size) else "")


def _lines(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _row(result: Result) -> dict[str, Any]:
    return {
        "data": result.name,
        "arm": result.row.arm,
        "size": result.row.size,
        "iteration": result.row.iteration,
        "pairs": result.pairs,
        "seeds": result.seeds,
        "value": result.value,
        "interval": [result.interval.low, result.interval.high],
        "spread": result.spread,
        "against": [
            {
                "arm": against.row.arm,
                "size": against.row.size,
                "iteration": against.row.iteration,
                "difference": against.difference,
                "interval": [against.interval.low, against.interval.high],
                "verdict": against.verdict,
                "better_in": against.better_in,
                "seeds": against.seeds,
            }
            for against in result.against
        ],
    }


def _slope(slope: Slope) -> dict[str, Any]:
    low, high = slope.interval.low, slope.interval.high
    facts = {"arm": slope.arm, "iteration": slope.iteration, "sizes": list(slope.sizes), "log": "natural"}
    return facts | {"alpha": slope.alpha, "interval": [low, high], "constant": slope.constant}


def _size(result: Result) -> str:
    return "" if result.row.size is None else str(result.row.size)
