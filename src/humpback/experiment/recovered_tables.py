"""Recovered gain as Markdown for people and as plain values for programs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from humpback.experiment.recovered import LEAST_SIGNAL, Gain, Recovered
from humpback.experiment.tracing import Reading, Selected, Separation
from humpback.statistics.figures import shown, span

_GAINS = ("data", "N", "loss", "against M_0", "95 % interval", "recovered gain", "95 % interval")
_QUARTERS = ("selection", "written instructions", "hidden instructions")
_SELECTED = ("selection", "pairs", "planted of them", "by chance", "of all planted", "distractors by kind")
_SEPARATIONS = ("scores", "AUROC", "95 % interval", "by kind")
_READINGS = ("candidates", "answers", "hidden", "written", "another's", "recovered", "95 % interval", "word F1")

Cells = Sequence[str]


def recovered_lines(recovered: Recovered) -> Iterator[str]:
    """The sections of recovered gain, line by line."""
    yield "## Recovered gain"
    yield ""
    yield from _verdict(recovered)
    if recovered.gains:
        yield ""
        yield from _table(_GAINS, map(_gain_cells, recovered.gains))
    if quarters := _quarters(recovered):
        yield ""
        yield "Where it is lost: recovered gain by who selects and whose instructions are taken."
        yield ""
        yield from _table(_QUARTERS, quarters)
    if recovered.readings:
        yield ""
        yield "What instructions are worth before anything is trained on them: the loss with which M_0 reads the"
        yield "planted answers under the hidden instruction, the written one, and another answer's."
        yield ""
        yield from _table(_READINGS, map(_reading_cells, recovered.readings))
    if recovered.selected:
        yield ""
        yield "What was selected. 'By chance' is the part that a random selection would have of planted answers."
        yield ""
        yield from _table(_SELECTED, map(_selected_cells, recovered.selected))
    if recovered.separations:
        yield ""
        yield "Planted answers above distractors, by each score:"
        yield ""
        yield from _table(_SEPARATIONS, map(_separation_cells, recovered.separations))


def plain_recovered(recovered: Recovered) -> dict[str, Any]:
    """The same as values that JSON can hold."""
    return asdict(recovered) | {"valid": recovered.valid} if recovered.gains else asdict(recovered)


def _verdict(recovered: Recovered) -> Iterator[str]:
    if recovered.baseline is None or math.isnan(recovered.ceiling):
        yield "Not known yet: it needs M_0 and the oracle, trained and measured."
        return
    yield f"M_0 is '{recovered.baseline.arm}' with {recovered.baseline_loss:.4f} nats for a target token."
    if recovered.others:
        other_arms = ", ".join(f"'{name}' {loss:.4f}" for name, loss in recovered.others.items())
        how = "The development part prefers it to" if recovered.by_development else "No development part chose it;"
        yield f"{how} {other_arms}."
    interval = span(recovered.ceiling_interval, ".4f")
    yield f"True instructions bring {recovered.ceiling:.4f} ({interval}): 1 in the table."
    if recovered.oracle_again:
        shares = ", ".join(shown(share, ".2f") for share in recovered.oracle_again)
        yield f"Each training of the oracle recovers {shares} of the gain of the others."
    if math.isnan(recovered.noise):
        yield "Whether this is valid shows once two seeds are trained."
        return
    yield f"Trainings that differ in their seed alone have a standard deviation of {recovered.noise:.4f}."
    if not recovered.valid:
        yield f"**Not valid**: the whole gain is less than {LEAST_SIGNAL:g} times that. Plant more answers, or use a"
        yield "smaller seed."


def _gain_cells(gain: Gain) -> Cells:
    return (
        gain.name,
        str(gain.row.size),
        shown(gain.loss, ".4f"),
        shown(gain.difference, "+.4f"),
        span(gain.difference_interval, "+.4f"),
        shown(gain.recovered, ".2f"),
        span(gain.interval, ".2f"),
    )


def _quarters(recovered: Recovered) -> list[Cells]:
    """Each selection that was trained on with written and with hidden instructions."""
    gains: dict[str, dict[str, Gain]] = {}
    for gain in recovered.gains:
        gains.setdefault(gain.selection, {})[gain.instructions] = gain
    return [
        (selection, _share(kinds["written"]), _share(kinds["hidden"]))
        for selection, kinds in gains.items()
        if {"written", "hidden"} <= kinds.keys()
    ]


def _share(gain: Gain) -> str:
    return f"{shown(gain.recovered, '.2f')} ({span(gain.interval, '.2f')})"


def _reading_cells(reading: Reading) -> Cells:
    losses = (shown(reading.losses[kind], ".3f") for kind in ("hidden", "written", "another"))
    figures = shown(reading.recovered, ".2f"), span(reading.interval, ".2f"), shown(reading.likeness, ".2f")
    return f"`{reading.candidates}`", str(reading.answers), *losses, *figures


def _selected_cells(selected: Selected) -> Cells:
    kinds = ", ".join(f"{kind} {count}" for kind, count in selected.kinds.items())
    shares = (shown(share, ".0%") for share in (selected.precision, selected.base_rate, selected.recall))
    return f"`{selected.stage}`", str(selected.size), *shares, kinds


def _separation_cells(separation: Separation) -> Cells:
    kinds = ", ".join(f"{kind} {shown(value, '.2f')}" for kind, value in separation.kinds.items())
    return f"`{separation.stage}`", shown(separation.auroc, ".2f"), span(separation.interval, ".2f"), kinds


def _table(head: Cells, rows: Iterator[Cells] | Sequence[Cells] | map[Cells]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
