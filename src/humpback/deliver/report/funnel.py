"""The funnel: how much text is left after each step, in characters, on one scale from documents to the curated set."""

from __future__ import annotations

from dataclasses import dataclass

from humpback.deliver.facts import ReasonCount, StageFacts
from humpback.deliver.report.data import ReportData

_LABELS = {
    "segments": "Segments, cut and filtered",
    "lines": "Without lines that recur",
    "unique": "Without duplicates",
    "distinct": "Without what says the same",
    "chosen": "Most like the seed",
    "sample": "In the sample",
    "drafts": "Instructions written",
    "candidates": "Candidates",
}


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """What is left after one step."""

    label: str
    stage: str
    """Empty for the documents."""
    count: int | None
    """Documents, segments or pairs; None where the step is not finished."""
    chars: int
    """0 where they were not counted."""
    kept: float
    """Width of its bar, in percent of the widest."""
    lost: float
    """Width of what went since the step before."""
    dropped: tuple[ReasonCount, ...] = ()


def funnel(data: ReportData) -> tuple[FunnelStep, ...]:
    """The documents, and each step of the path that their text goes. Empty where no path is known."""
    facts = {row.name: row for row in data.stages}
    responses = {row.name: round(row.response.mean * row.response.n) for row in data.lengths}
    if not data.path:
        return ()
    first = facts.get(data.path[0])
    measured = [first.chars_in if first else 0, *(_chars(facts.get(name), responses) for name in data.path)]
    widest = max(measured) or 1
    steps = [FunnelStep("Documents", "", data.documents or None, measured[0], 100 * measured[0] / widest, 0.0)]
    before = measured[0]
    for name, chars in zip(data.path, measured[1:], strict=True):
        row = facts.get(name)
        label = "Curated pairs" if name == data.path[-1] else _LABELS.get(name, name)
        lost = max(before - chars, 0) if chars else 0
        steps.append(
            FunnelStep(
                label,
                name,
                row.records_out if row else None,
                chars,
                100 * chars / widest,
                100 * lost / widest,
                row.dropped if row else (),
            )
        )
        before = chars or before
    return tuple(steps)


def _chars(row: StageFacts | None, responses: dict[str, int]) -> int:
    """Characters of the texts that a stage kept; the stages that write and choose pairs count them in none."""
    return (row.chars_out or responses.get(row.name, 0)) if row else 0
