"""What each arm was given to train on: how much, how long, and how far it agrees with what the others were given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from humpback.config.experiment import Size
from humpback.experiment.plan import Cell
from humpback.records import Curated
from humpback.runs.store import Run


@dataclass(frozen=True, slots=True)
class Selection:
    """The candidates that one selection kept. Lengths are means, in characters."""

    stage: str
    size: Size | None
    pairs: int
    instruction: float
    response: float
    shared: float | None
    """Part of them that the selections of the same size, this one left out, kept too, on average; None where there is
    no other. A draw by chance shares with any other what its size is of all candidates."""


def selections(cells: Iterable[Cell], run: Run) -> list[Selection]:
    """Every selection that finished cells stand on, once."""
    sizes = {cell.curated: cell.row.size for cell in cells if cell.curated and run.stage(cell.curated).manifest()}
    kept = {stage: list(run.stage(stage).records(Curated)) for stage in sizes}
    ids = {stage: {row.id for row in rows} for stage, rows in kept.items()}
    found = []
    for stage, rows in kept.items():
        others = [ids[other] for other in sizes if other != stage and sizes[other] == sizes[stage]]
        found.append(
            Selection(
                stage,
                sizes[stage],
                len(rows),
                fmean(len(row.instruction) for row in rows),
                fmean(len(row.response) for row in rows),
                fmean(len(ids[stage] & other) / len(rows) for other in others) if others else None,
            )
        )
    return found
