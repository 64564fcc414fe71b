"""Which pairs the report shows: a seeded sample, the same in every order of the records."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import TypeVar

from humpback.curate.findings import finding
from humpback.deliver.report.data import Sample
from humpback.records import Candidate, Curated, Dropped, Rating, Rewritten, record_rng_seed

Row = TypeVar("Row")


def choose(rows: Iterable[Row], size: int, *, key: Callable[[Row], str]) -> tuple[Row, ...]:
    """A random sample that does not depend on the order of the rows, holding only `size` of them.

    Args:
        rows: Any number of records.
        size: How many to take; all where there are fewer.
        key: The id of a record.
    """
    return tuple(heapq.nsmallest(size, rows, key=lambda row: record_rng_seed(0, "report", key(row))))


def from_curated(row: Curated, stage: str) -> Sample:
    """A pair that an iteration kept."""
    return Sample(
        kept=True,
        stage=stage,
        reason="kept",
        instruction=row.instruction,
        response=row.response,
        source=row.source,
        title_path=row.title_path,
        score=row.score,
        detail=f"Rewritten from: {row.original}" if isinstance(row, Rewritten) and row.rewritten_by else "",
        id=row.id,
    )


def from_rating(row: Candidate, rating: Rating, reason: str, stage: str) -> Sample:
    """A candidate that an iteration did not keep, with what its rater said."""
    return Sample(
        kept=False,
        stage=stage,
        reason=reason,
        instruction=row.instruction,
        response=row.response,
        source=row.source,
        title_path=row.title_path,
        score=rating.score,
        detail=finding(rating),
        id=row.id,
    )


def from_dropped(row: Dropped, stage: str) -> Sample:
    """A record of a stage's drop ledger: only the beginning of its text was kept."""
    return Sample(
        kept=False,
        stage=stage,
        reason=row.reason,
        instruction="",
        response=row.excerpt,
        source=row.source,
        detail=row.detail,
        id=row.id,
    )
