"""The candidates that each arm was trained on: how many, how long, and how many of them other arms share."""

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
    """Share of them that another selection of the same size also kept, on average; None where there is no other. For a
    random draw that is its size over the number of all candidates."""


def selections(cells: Iterable[Cell], run: Run) -> list[Selection]:
    """Every selection that finished cells were trained on, once."""
    sizes = {cell.curated: cell.row.size for cell in cells if cell.curated and run.stage(cell.curated).manifest()}
    curated = {stage: list(run.stage(stage).records(Curated)) for stage in sizes}
    ids = {stage: {row.id for row in rows} for stage, rows in curated.items()}
    summaries = []
    for stage, rows in curated.items():
        same_size = [ids[peer] for peer in sizes if peer != stage and sizes[peer] == sizes[stage]]
        summaries.append(
            Selection(
                stage,
                sizes[stage],
                len(rows),
                fmean(len(row.instruction) for row in rows),
                fmean(len(row.response) for row in rows),
                fmean(len(ids[stage] & peer_ids) / len(rows) for peer_ids in same_size) if same_size else None,
            )
        )
    return summaries
