"""What one stage has left: its shards, its drop ledger, its manifest, or its model."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from humpback.data_access.record_tables import records_of, table_of
from humpback.errors import StoreError
from humpback.records import Dropped, Outcome, Segment
from humpback.runs.recipe import Counts, Recipe
from humpback.runs.store.files import (
    disk,
    make_folder,
    remove,
    write_bytes,
    write_record,
    write_table,
    write_text,
)
from humpback.runs.store.sealed_folder import SealedFolder
from humpback.runs.store.seals import sealed_parquet

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Record = TypeVar("Record")

MAX_WINDOWS = 1_000_000
"""Shards that one part of a stage may have: part 3's sixth shard is number 3,000,005."""
MAX_ROWS = 1 << 20
"""Records that one shard may have."""
_COUNTS = "humpback.counts"
_POSITION = "humpback.position"


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


class StageFolder(SealedFolder):
    """What one stage has left.

    Args:
        path: `RUN/stages/<stage>`.
    """

    @property
    def work_path(self) -> Path:
        """Where unfinished work is kept: checkpoints, tables between two steps of a stage."""
        return self.path / "work"

    def has_work(self) -> bool:
        """Whether there is anything that would be lost: a shard, a checkpoint, a finished training."""
        return bool(self._shards()) or self.work_path.exists() or (self.path / "trained.json").exists()

    def start(self, recipe: Recipe, parts: int = 1) -> None:
        """Claims the folder for a recipe; one that has work in it already stays as it is.

        Args:
            recipe: What is made.
            parts: Into how many parts its work is shared out. Shards of another sharing are thrown away.
        """
        if parts > 1 and self.has_work() and (self.recipe() or {}).get("parts") != parts:
            self.clear()
        make_folder(self.path / "dropped")
        # A killed process leaves temporary files; no other one writes here, for the run is locked.
        for temporary in [*self.path.glob("*.tmp"), *(self.path / "dropped").glob("*.tmp")]:
            temporary.unlink(missing_ok=True)
        if not self.has_work():
            claim = {**asdict(recipe), "fingerprint": recipe.fingerprint, "parts": parts}
            write_record(self.path / "started.json", claim)

    def committed(self) -> list[int]:
        """Numbers of the shards that are done, ascending.

        Raises:
            StoreError: The stage is finished, and its files are not those that it wrote.
        """
        self.check()
        return self._shards()

    def has(self, index: int) -> bool:
        """Whether a shard is done. Asks for one file, where `committed` lists them all."""
        return self._part(index).exists()

    def windows(self, part: int) -> int:
        """How many shards of a part are done."""
        return next(window for window in count() if not self.has(shard_of(part, window)))

    def position(self, part: int) -> tuple[int, int]:
        """Where a part goes on: the `position` of its last committed shard.

        Raises:
            StoreError: That shard is damaged.
        """
        windows = self.windows(part)
        if not windows:
            return 0, 0
        ((_, footer),) = self._footers([self._part(shard_of(part, windows - 1)).name])
        documents, records = json.loads((footer.metadata or {})[_POSITION.encode()])
        return documents, records

    def end(self, part: int) -> None:
        """Notes that a part has no more shards than are done."""
        make_folder(self.path / "ended")
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
        ledger = self.path / "dropped" / self._part(index).name
        if outcome.dropped:
            write_bytes(ledger, sealed_parquet(table_of(outcome.dropped, Dropped), {}))
        else:
            ledger.unlink(missing_ok=True)
        notes = {_COUNTS: json.dumps(asdict(counts)), _POSITION: json.dumps(outcome.position)}
        write_bytes(self._part(index), sealed_parquet(table_of(outcome.kept, kind), notes))
        return counts

    def counts(self) -> Counts:
        """The sum over all committed shards, read from their footers.

        Raises:
            StoreError: One of them is damaged.
        """
        total = Counts()
        for _, footer in self._footers([self._part(index).name for index in self.committed()]):
            total += Counts.of(json.loads((footer.metadata or {})[_COUNTS.encode()]))
        return total

    def shard(self, index: int, kind: type[Record]) -> list[Record]:
        """The records of one shard, in order.

        Raises:
            StoreError: It is damaged.
        """
        return self._records(self._part(index).name, kind)

    def record(self, index: int, position: int, kind: type[Record]) -> Record | None:
        """The record at a place of a shard, both counted from 0; None where it is not there."""
        if not self.has(index):
            return None
        return next(records_of(self._table(self._part(index).name).slice(position, 1), kind), None)

    def records(self, kind: type[Record]) -> Iterator[Record]:
        """All records, shard by shard."""
        for index in self.committed():
            yield from self.shard(index, kind)

    def column(self, name: str, shard: int | None = None) -> Iterator[Any]:
        """One column of all records, or of those of one shard: cheap where the whole record is not needed."""
        for index in self.committed() if shard is None else [shard]:
            yield from self._table(self._part(index).name).column(name).to_pylist()

    def dropped(self, shard: int | None = None) -> Iterator[Dropped]:
        """The drop ledger, or what one shard dropped."""
        self.check()
        for name in self._ledgers() if shard is None else [f"dropped/{self._part(shard).name}"]:
            if shard is None or (self.path / name).exists():
                yield from self._records(name, Dropped)

    def intermediates(self, step: str) -> list[int]:
        """Numbers of the tables that a step of this stage has left for the next one, ascending."""
        return sorted(int(path.stem.removeprefix("part-")) for path in (self.work_path / step).glob("part-*.parquet"))

    def write_intermediate(self, step: str, index: int, table: pa.Table, rows: int) -> None:
        """Writes a table for the next step of this stage, in row groups of so many rows."""
        make_folder(self.work_path / step)
        write_table(self.work_path / step / f"part-{index:05d}.parquet", table, rows)

    @contextmanager
    def open_intermediate(self, step: str, index: int) -> Iterator[pq.ParquetFile]:
        """A table that a step has left, open for reading it in pieces."""
        import pyarrow.parquet as pq

        path = self.work_path / step / f"part-{index:05d}.parquet"
        with self._readable(f"work/{step}/{path.name}"), path.open("rb") as source:
            # Threads of Arrow that read ahead from a file of Python's when Python ends would abort the process.
            yield pq.ParquetFile(source, pre_buffer=False, page_checksum_verification=True)

    def write_note(self, name: str, facts: Mapping[str, Any]) -> None:
        """Keeps facts about unfinished work."""
        make_folder(self.work_path)
        write_record(self.work_path / f"{name}.json", facts)

    def read_note(self, name: str) -> dict[str, Any] | None:
        """Facts that were kept; None where none were."""
        return self._record(f"work/{name}.json")

    def trained(self) -> dict[str, Any] | None:
        """What a training said of itself when it ended; None where it has not ended."""
        return self._record("trained.json")

    def write_trained(self, facts: Mapping[str, Any]) -> None:
        """Notes that a training has ended, so that a kill before the manifest does not repeat it."""
        write_record(self.path / "trained.json", facts)

    def finish(self, recipe: Recipe, counts: Counts, extra: Mapping[str, Any]) -> None:
        """Writes the manifest, with the seals of all files: from here on the stage is done.

        Raises:
            StoreError: Records were dropped that no ledger holds.
        """
        content = {
            "seals": self._seal_tables(counts),
            **asdict(recipe),
            "fingerprint": recipe.fingerprint,
            "counts": asdict(counts),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            **extra,
        }
        write_record(self.path / "manifest.json", content)

    def clear_work(self) -> None:
        """Throws away what was kept for unfinished work."""
        remove(self.work_path)

    def clear(self) -> None:
        """Throws the stage away, its manifest first."""
        with disk(self.path):
            (self.path / "manifest.json").unlink(missing_ok=True)
        remove(self.path)

    def _part(self, index: int) -> Path:
        return self.path / f"part-{index:05d}.parquet"

    def _shards(self) -> list[int]:
        return sorted(int(path.stem.removeprefix("part-")) for path in self.path.glob("part-*.parquet"))

    def _ledgers(self) -> list[str]:
        numbers = sorted(int(path.stem.removeprefix("part-")) for path in self.path.glob("dropped/part-*.parquet"))
        return [f"dropped/{self._part(number).name}" for number in numbers]

    def _seal_tables(self, counts: Counts) -> dict[str, str]:
        names = [*(self._part(index).name for index in self._shards()), *self._ledgers()]
        footers = dict(zip(names, self._footers(names), strict=True))
        in_ledgers = sum(footer.num_rows for name, (_, footer) in footers.items() if name.startswith("dropped"))
        if names and in_ledgers != sum(counts.dropped.values()):
            raise self._damaged(f"{in_ledgers:,} records are in its ledgers, not {sum(counts.dropped.values()):,}")
        return {name: seal for name, (seal, _) in footers.items()}


def _counts(outcome: Outcome[Any], kind: type, seconds: float) -> Counts:
    chars_dropped = Counter[str]()
    for item in (item for item in outcome.dropped if item.chars):
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
