"""Segments that say the same as another, among all segments of the corpus (SemDeDup, Abbas et al. 2023).

The rule: **a segment is dropped if its vector is alike to that of an earlier segment of its group that stays.** Earlier
means earlier in the corpus, so workers, shards and the order of the work do not change the result. What is dropped is
always alike to something that is kept: of a chain a ~ b ~ c in which a and c are not alike, a drops b, and c stays.
Near-duplicates on both sides of a border between two groups are not compared, and both stay.

The vectors of one group are in memory together, a byte for each dimension. Each is compared with all that stay before
it, so the work grows with the square of the largest group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from humpback.likeness.packed import Packed, similarities
from humpback.records import Dropped, Outcome, Segment, SegmentVector

SAME_MEANING = "says the same as another"
"""The reason of a segment that is dropped."""

_COMPARED = 1024
"""Vectors that are compared at a time, with as many that stay before them."""
_EXCERPT = 200
_MAPPED = pa.schema({"key": pa.uint64(), "place": pa.uint64(), "id": pa.string(), "vector": pa.large_binary()})
_REDUCED = pa.schema({"place": pa.uint64(), "of": pa.string(), "similarity": pa.float64()})

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Vectors that are alike to an earlier one that stays."""

    rows: Rows
    earlier: Rows
    """The most alike of the earlier ones that stay."""
    similarity: NDArray[np.float64]


def map_shard(vectors: Sequence[SegmentVector], first_place: int, clusters: int) -> pa.Table:
    """Rows for some segments: one for each that the model could read.

    Returns:
        `key` of the group; `place`; `id` of the segment; its `vector`.
    """
    rows = [(place, item) for place, item in enumerate(vectors, first_place) if item.vector]
    columns = [
        # Groups are numbers from 0 on; as keys they are spread evenly.
        pa.array([(item.cluster << 64) // clusters for _, item in rows], pa.uint64()),
        pa.array([place for place, _ in rows], pa.uint64()),
        pa.array([item.id for _, item in rows], pa.string()),
        pa.array([item.vector for _, item in rows], pa.large_binary()),
    ]
    return pa.table(columns, schema=_MAPPED)


def reduce_keys(table: pa.Table, least: float) -> pa.Table:
    """Segments that are alike to an earlier one of their group that stays.

    Args:
        table: All rows of some groups, sorted by group and place.
        least: The similarity from which two segments are alike.

    Returns:
        `place` of the segment; `of`, the id of the earlier one; their `similarity`.
    """
    keys, vectors = table.column("key").to_numpy(), _packed(table.column("vector"))
    borders = (np.flatnonzero(keys[1:] != keys[:-1]) + 1).tolist()
    tables = [_REDUCED.empty_table()]
    for start, end in pairwise([0, *borders, len(keys)]):
        repeats = find_repeats(vectors[start:end], least)
        places, ids = (
            table.column(name).take(pa.array(start + rows))
            for name, rows in (("place", repeats.rows), ("id", repeats.earlier))
        )
        tables.append(pa.table([places, ids, pa.array(repeats.similarity)], schema=_REDUCED))
    return pa.concat_tables(tables)


def apply(segments: Sequence[Segment], first_place: int, reduced: pa.Table) -> Outcome[Segment]:
    """Drops each segment that has a row."""
    columns = (reduced.column(name).to_pylist() for name in _REDUCED.names)
    details = {
        place - first_place: f"similarity {similarity:.3f} to segment {original}"
        for place, original, similarity in zip(*columns, strict=True)
    }
    remaining = tuple(segment for at, segment in enumerate(segments) if at not in details)
    dropped = tuple(
        Dropped(segments[at].id, SAME_MEANING, detail, segments[at].source, segments[at].text[:_EXCERPT])
        for at, detail in sorted(details.items())
    )
    return Outcome(remaining, dropped, len(segments))


def find_repeats(vectors: Packed, least: float, compared: int = _COMPARED) -> Repeats:
    """Vectors that are alike to an earlier one that stays.

    Args:
        vectors: Those of one group, in the order of the corpus.
        least: The similarity from which two are alike.
        compared: How many are compared at a time.
    """
    nearest = _Nearest(len(vectors))
    staying = np.empty(0, np.int64)
    for start in range(0, len(vectors), compared):
        block = np.arange(start, min(start + compared, len(vectors)))
        for at in range(0, len(staying), compared):
            earlier = staying[at : at + compared]
            nearest.update(block, earlier, similarities(vectors[block], vectors[earlier]))
        within = similarities(vectors[block], vectors[block])
        for at in range(len(block)):
            if nearest.similarity[block[at]] < least:  # it stays, so those behind it are compared with it
                nearest.update(block[at + 1 :], block[at : at + 1], within[at + 1 :, at : at + 1])
        staying = np.concatenate([staying, block[nearest.similarity[block] < least]])
    rows = np.flatnonzero(nearest.similarity >= least)
    return Repeats(rows, nearest.earlier[rows], nearest.similarity[rows])


class _Nearest:
    """The most alike of the vectors that each was compared with; the first of several.

    Args:
        count: How many vectors there are.
    """

    def __init__(self, count: int) -> None:
        self.similarity = np.full(count, -np.inf)
        self.earlier = np.zeros(count, np.int64)

    def update(self, rows: Rows, earlier: Rows, values: NDArray[np.float64]) -> None:
        """Takes in the similarities of some rows to some earlier ones."""
        most_alike = values.argmax(axis=1)
        highest = values[np.arange(len(rows)), most_alike]
        better = highest > self.similarity[rows]
        self.similarity[rows[better]] = highest[better]
        self.earlier[rows[better]] = earlier[most_alike[better]]


def _packed(column: pa.ChunkedArray) -> Packed:
    """The vectors of a column, without a copy."""
    if not len(column):
        return np.empty((0, 0), np.int8)
    array = column.combine_chunks()
    offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(array.buffers()[2], np.int8)[offsets[0] : offsets[-1]].reshape(len(array), -1)
