"""Carries out `Gather` work: look at each shard, bring together what has one key and settle it, work on each shard.

Between the steps stand tables in the stage's work folder. What is seen is sorted by key and written in small row
groups, so that one pass over the settling reads only its range of keys from each file; what is settled is sorted by
place. Memory is bounded by the work's own limit: files and passes are as many as it takes. Which shards are looked at
together and how many passes there are is noted once, so that a killed run goes on with the same; neither changes a
result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from humpback.runs.inputs import RunInputs
from humpback.runs.stage import Shuffle, Stage
from humpback.runs.store import MAX_ROWS, StageFolder, first_place
from humpback.runs.tasks import Do, chunks, commit

if TYPE_CHECKING:
    import pyarrow as pa

MAPPED, REDUCED = "seen", "settled"
_KEYS = 1 << 64
_COPIES = 4
"""How often the rows of one pass stand in memory at its peak: read, joined, sorted, settled."""
_SEEN_GROUP, _SETTLED_GROUP = 8192, 65_536
"""Rows in a row group: what a pass reads too much at each end of its range."""
_CHUNKS, _CHUNK_RECORDS = 64, 4096
"""The shards are looked at in about so many chunks, to keep workers busy, each of at least so many records."""


@dataclass(frozen=True, slots=True)
class ShuffleContext:
    """What the three steps share."""

    stage: Stage
    work: Shuffle
    inputs: RunInputs

    @property
    def folder(self) -> StageFolder:
        """Where the stage is kept."""
        return self.inputs.run.stage(self.stage.name)

    @property
    def upstream(self) -> StageFolder:
        """Where the records are."""
        return self.inputs.run.stage(self.work.over[0])

    def chunks(self) -> list[list[int]]:
        """The shards that are looked at together; noted when first asked for."""
        shards = self.upstream.committed()
        recorded = self.folder.read_note("chunks")
        if recorded is None:
            manifest = self.upstream.manifest() or {"counts": {"kept": 0}}
            records = manifest["counts"]["kept"] / max(1, len(shards))
            fits = self.work.memory_mib * (1 << 20) / _COPIES / self.work.row_bytes / max(1.0, records)
            shards_per_chunk = max(ceil(len(shards) / _CHUNKS), ceil(_CHUNK_RECORDS / max(1.0, records)))
            recorded = {"shards": max(1, min(int(fits), shards_per_chunk))}
            self.folder.write_note("chunks", recorded)
        return chunks(shards, int(recorded["shards"]))

    def passes(self) -> int:
        """How many passes the settling takes; noted when first asked for."""
        recorded = self.folder.read_note("passes")
        if recorded is None:
            size = 0
            for index in self.folder.intermediates(MAPPED):
                with self.folder.open_intermediate(MAPPED, index) as file:
                    groups = (file.metadata.row_group(at) for at in range(file.metadata.num_row_groups))
                    size += max(sum(group.total_byte_size for group in groups), 64 * file.metadata.num_rows)
            recorded = {"passes": max(1, ceil(_COPIES * size / (self.work.memory_mib * (1 << 20))))}
            self.folder.write_note("passes", recorded)
        return int(recorded["passes"])


@dataclass(frozen=True, slots=True)
class MapJob:
    """A chunk of shards is a task."""

    context: ShuffleContext
    min_parallel_tasks: int = 2

    def pending(self) -> list[int]:
        """The chunks that are not mapped."""
        finished = set(self.context.folder.intermediates(MAPPED))
        return [chunk for chunk in range(len(self.context.chunks())) if chunk not in finished]

    @contextmanager
    def open(self) -> Iterator[Do]:
        """Knows the chunks."""
        folder, upstream, work = self.context.folder, self.context.upstream, self.context.work
        chunk_shards = self.context.chunks()

        def do(chunk: int) -> None:
            import pyarrow as pa

            kind = work.over[1]
            mapped = [work.map(upstream.shard(index, kind), first_place(index)) for index in chunk_shards[chunk]]
            table = pa.concat_tables(mapped).sort_by([("key", "ascending"), ("place", "ascending")])
            folder.write_intermediate(MAPPED, chunk, table, _SEEN_GROUP)

        yield do


@dataclass(frozen=True, slots=True)
class ReduceJob:
    """A range of keys is a task."""

    context: ShuffleContext
    min_parallel_tasks: int = 2

    def pending(self) -> list[int]:
        """The ranges of keys that are not reduced."""
        finished = set(self.context.folder.intermediates(REDUCED))
        return [part for part in range(self.context.passes()) if part not in finished]

    @contextmanager
    def open(self) -> Iterator[Do]:
        """Knows the ranges."""
        passes = self.context.passes()

        def do(part: int) -> None:
            low, high = part * _KEYS // passes, (part + 1) * _KEYS // passes - 1
            # Keys are spread evenly over 64 bits, so equal ranges hold about as many rows each.
            rows = _rows_between(self.context.folder, MAPPED, "key", low, high)
            reduced = self.context.work.reduce(rows.sort_by([("key", "ascending"), ("place", "ascending")]))
            self.context.folder.write_intermediate(REDUCED, part, reduced.sort_by("place"), _SETTLED_GROUP)

        yield do


@dataclass(frozen=True, slots=True)
class ApplyJob:
    """A chunk of shards is a task again."""

    context: ShuffleContext
    min_parallel_tasks: int = 2

    def pending(self) -> list[int]:
        """The chunks with a shard that is not committed."""
        finished = set(self.context.folder.committed())
        return [chunk for chunk, shards in enumerate(self.context.chunks()) if not finished.issuperset(shards)]

    @contextmanager
    def open(self) -> Iterator[Do]:
        """Knows the chunks."""
        folder, work = self.context.folder, self.context.work
        chunk_shards = self.context.chunks()
        name, kind = work.applies_to or work.over
        source = self.context.inputs.run.stage(name)

        def do(chunk: int) -> None:
            shards = chunk_shards[chunk]
            reduced = _rows_between(folder, REDUCED, "place", first_place(shards[0]), first_place(shards[-1] + 1) - 1)
            reduced = reduced.sort_by("place")
            for index in (index for index in shards if not folder.has(index)):
                since = time.monotonic()
                records: list[Any] = source.shard(index, kind)
                mine = _within(reduced, "place", first_place(index), first_place(index) + MAX_ROWS - 1)
                commit(self.context.stage, folder, index, work.apply(records, first_place(index), mine), since)

        yield do


def _rows_between(folder: StageFolder, step: str, column: str, low: int, high: int) -> pa.Table:
    """The rows of all tables of a step whose column is in a range, both ends included."""
    import pyarrow as pa

    tables = []
    for index in folder.intermediates(step):
        with folder.open_intermediate(step, index) as file:
            at = file.schema_arrow.get_field_index(column)
            groups = [
                number
                for number in range(file.metadata.num_row_groups)
                if _overlaps(file.metadata.row_group(number).column(at).statistics, low, high)
            ]
            tables.append(_within(file.read_row_groups(groups, use_threads=False), column, low, high))
    return pa.concat_tables(tables)


def _overlaps(statistics: Any, low: int, high: int) -> bool:
    return statistics is None or (statistics.min <= high and statistics.max >= low)


def _within(table: pa.Table, column: str, low: int, high: int) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    values = table.column(column)
    ends = (pa.scalar(low, pa.uint64()), pa.scalar(high, pa.uint64()))
    return table.filter(pc.and_(pc.greater_equal(values, ends[0]), pc.less_equal(values, ends[1])))
