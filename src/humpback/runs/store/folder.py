"""What one stage has left: its shards, its drop ledger, its manifest, or its model."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from humpback.data_access.record_tables import arrow_source, read_records, table_of
from humpback.errors import StoreError
from humpback.records import Dropped, Outcome, Segment
from humpback.runs.recipe import Counts, Recipe
from humpback.runs.store.files import disk, read_json, remove, write_json, write_table, write_text

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Record = TypeVar("Record")

MAX_WINDOWS = 1_000_000
"""Shards that one part of a stage may have: part 3's sixth shard is number 3,000,005."""
MAX_ROWS = 1 << 20
"""Records that one shard may have."""
_COUNTS = b"humpback.counts"
_READERS = 16
"""Footers that are read at a time: elsewhere each is a wait for the network."""


def first_place(shard: int) -> int:
    """The place in its stage of the first record of a shard; those of the others follow. Places grow with shards."""
    return shard * MAX_ROWS


def shard_of(part: int, window: int) -> int:
    """The number of the shard that a part's window becomes.

    Raises:
        StoreError: The part has too many.
    """
    if window >= MAX_WINDOWS:
        raise StoreError(f"part {part} has more than {MAX_WINDOWS:,} shards", "raise run.shard_rows")
    return part * MAX_WINDOWS + window


class StageFolder:
    """What one stage has left.

    Args:
        path: `RUN/stages/<stage>`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    @property
    def model_path(self) -> Path:
        """Where a finetuned model is once it is complete."""
        return self.path / "model"

    @property
    def work_path(self) -> Path:
        """Where unfinished work is kept: checkpoints, tables between two steps of a stage."""
        return self.path / "work"

    def recipe(self) -> dict[str, Any] | None:
        """The recipe that the content was made by, finished or not; None where nothing is there.

        Raises:
            StoreError: Its record is damaged.
        """
        for name in ("manifest.json", "started.json"):
            try:
                content = read_json(self.path / name)
            except ValueError:
                raise StoreError(f"{self.path / name} is damaged", f"run again with --redo {self.name}") from None
            if content is not None:
                return content
        return None

    def manifest(self) -> dict[str, Any] | None:
        """What the finished stage wrote of itself; None while it is not finished."""
        return self.recipe() if (self.path / "manifest.json").exists() else None

    def has_work(self) -> bool:
        """Whether there is anything that would be lost: a shard, a checkpoint, a finished training."""
        return bool(self.committed()) or self.work_path.exists() or (self.path / "trained.json").exists()

    def start(self, recipe: Recipe) -> None:
        """Claims the folder for a recipe; one that has work in it already stays as it is."""
        (self.path / "dropped").mkdir(parents=True, exist_ok=True)
        # A killed process leaves temporary files; no other one writes here, for the run is locked.
        for temporary in [*self.path.glob("*.tmp"), *(self.path / "dropped").glob("*.tmp")]:
            temporary.unlink()
        if not self.has_work():
            write_json(self.path / "started.json", {**asdict(recipe), "fingerprint": recipe.fingerprint})

    def committed(self) -> list[int]:
        """Numbers of the shards that are done, ascending."""
        return sorted(int(path.stem.removeprefix("part-")) for path in self.path.glob("part-*.parquet"))

    def has(self, index: int) -> bool:
        """Whether a shard is done. Asks for one file, where `committed` lists them all."""
        return self._part(index).exists()

    def windows(self, part: int) -> int:
        """How many shards of a part are done."""
        return next(window for window in count() if not self.has(shard_of(part, window)))

    def end(self, part: int) -> None:
        """Notes that a part has no more shards than are done."""
        (self.path / "ended").mkdir(parents=True, exist_ok=True)
        write_text(self.path / "ended" / f"part-{part:05d}", "")

    def ended(self) -> set[int]:
        """The parts that have ended."""
        return {int(path.name.removeprefix("part-")) for path in (self.path / "ended").glob("part-*[0-9]")}

    def commit(self, index: int, outcome: Outcome[Any], kind: type, seconds: float) -> Counts:
        """Writes one shard so that it is there whole or not at all.

        Args:
            index: Its number.
            outcome: What became of its records.
            kind: Type of the records.
            seconds: What it took.

        Raises:
            StoreError: A record was lost on the way, there are too many, or the disk is full.
        """
        if outcome.read != len(outcome.kept) + len(outcome.dropped):
            lost = f"{outcome.read} in, {len(outcome.kept)} kept, {len(outcome.dropped)} dropped"
            raise StoreError(f"{self.name}: records went missing in shard {index} ({lost})", "this is a bug: report it")
        if len(outcome.kept) > MAX_ROWS:
            raise StoreError(f"{self.name}: shard {index} has {len(outcome.kept):,} records", "lower run.shard_rows")
        counts = _counts(outcome, kind, seconds)
        # The ledger first: a shard that is there must never lack the record of what it dropped.
        if outcome.dropped:
            write_table(self.path / "dropped" / self._part(index).name, table_of(outcome.dropped, Dropped))
        facts = {_COUNTS: json.dumps(asdict(counts))}
        write_table(self._part(index), table_of(outcome.kept, kind).replace_schema_metadata(facts))
        return counts

    def counts(self) -> Counts:
        """The sum over all committed shards, read from their footers."""
        total = Counts()
        with ThreadPoolExecutor(_READERS) as readers:
            for counts in readers.map(self._counted, self.committed()):
                total += counts
        return total

    def shard(self, index: int, kind: type[Record]) -> list[Record]:
        """The records of one shard, in order."""
        return list(read_records(self._part(index), kind))

    def record(self, index: int, place: int, kind: type[Record]) -> Record | None:
        """The record at a place of a shard, both counted from 0; None where it is not there."""
        return next(read_records(self._part(index), kind, place), None) if self.has(index) else None

    def records(self, kind: type[Record]) -> Iterator[Record]:
        """All records, shard by shard."""
        for index in self.committed():
            yield from read_records(self._part(index), kind)

    def column(self, name: str) -> Iterator[Any]:
        """One column of all records: cheap where the whole record is not needed."""
        import pyarrow.parquet as pq

        for index in self.committed():
            with arrow_source(self._part(index)) as source:
                yield from pq.read_table(source, columns=[name], pre_buffer=False).column(name).to_pylist()

    def dropped(self) -> Iterator[Dropped]:
        """The drop ledger."""
        for path in sorted((self.path / "dropped").glob("part-*.parquet"), key=lambda path: int(path.stem[5:])):
            yield from read_records(path, Dropped)

    def intermediates(self, step: str) -> list[int]:
        """Numbers of the tables that a step of this stage has left for the next one, ascending."""
        return sorted(int(path.stem.removeprefix("part-")) for path in (self.work_path / step).glob("part-*.parquet"))

    def write_intermediate(self, step: str, index: int, table: pa.Table, rows: int) -> None:
        """Writes a table for the next step of this stage, in row groups of so many rows."""
        with disk(self.work_path):
            (self.work_path / step).mkdir(parents=True, exist_ok=True)
        write_table(self.work_path / step / f"part-{index:05d}.parquet", table, rows)

    @contextmanager
    def open_intermediate(self, step: str, index: int) -> Iterator[pq.ParquetFile]:
        """A table that a step has left, open for reading it in pieces."""
        import pyarrow.parquet as pq

        path = self.work_path / step / f"part-{index:05d}.parquet"
        with arrow_source(path) as source, pq.ParquetFile(source, pre_buffer=False) as table:
            yield table

    def write_note(self, name: str, facts: Mapping[str, Any]) -> None:
        """Keeps facts about unfinished work."""
        self.work_path.mkdir(parents=True, exist_ok=True)
        write_json(self.work_path / f"{name}.json", facts)

    def read_note(self, name: str) -> dict[str, Any] | None:
        """Facts that were kept; None where none were."""
        return read_json(self.work_path / f"{name}.json")

    def trained(self) -> dict[str, Any] | None:
        """What a training said of itself when it ended; None where it has not ended."""
        return read_json(self.path / "trained.json")

    def write_trained(self, facts: Mapping[str, Any]) -> None:
        """Notes that a training has ended, so that a kill before the manifest does not repeat it."""
        write_json(self.path / "trained.json", facts)

    def finish(self, recipe: Recipe, counts: Counts, extra: Mapping[str, Any]) -> None:
        """Writes the manifest: from here on the stage is done."""
        content = {
            **asdict(recipe),
            "fingerprint": recipe.fingerprint,
            "counts": asdict(counts),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            **extra,
        }
        write_json(self.path / "manifest.json", content)

    def clear_work(self) -> None:
        """Throws away what was kept for unfinished work."""
        remove(self.work_path)

    def clear(self) -> None:
        """Throws the stage away, its manifest first."""
        (self.path / "manifest.json").unlink(missing_ok=True)
        remove(self.path)

    def _part(self, index: int) -> Path:
        return self.path / f"part-{index:05d}.parquet"

    def _counted(self, index: int) -> Counts:
        import pyarrow.parquet as pq

        with arrow_source(self._part(index)) as source:
            facts: Mapping[bytes, bytes] = pq.read_schema(source).metadata or {}
        return Counts(**json.loads(facts[_COUNTS]))


def _counts(outcome: Outcome[Any], kind: type, seconds: float) -> Counts:
    chars_dropped: Counter[str] = Counter()
    for item in outcome.dropped:
        if item.chars:
            chars_dropped[item.reason] += item.chars
    return Counts(
        outcome.read,
        len(outcome.kept),
        dict(Counter(item.reason for item in outcome.dropped)),
        outcome.usage.read,
        outcome.usage.written,
        seconds,
        sum(len(segment.text) for segment in outcome.kept) if kind is Segment else 0,
        dict(chars_dropped),
    )
