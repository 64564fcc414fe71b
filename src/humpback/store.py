"""The run folder: the only place that knows its layout.

    RUN/  config.yaml  run.lock  log.jsonl  report.html  export/
          stages/<stage>/  started.json  part-00000.parquet ...  dropped/part-00000.parquet ...  manifest.json
          stages/<stage>/  started.json  work/  trained.json  model/  manifest.json        (a finetuned model)

A shard is committed by one rename, its drop ledger before it; a manifest is written last. Whatever is there under its
own name is therefore whole, and work that is there is never done again.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from humpback.errors import StoreError
from humpback.provenance import Counts, Recipe
from humpback.records import Dropped, Outcome
from humpback.tables import read_records, table_of

Record = TypeVar("Record")

_COUNTS = b"humpback.counts"


class StageFolder:
    """What one stage has left on disk.

    Args:
        path: `RUN/stages/<stage>`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    @property
    def model_path(self) -> Path:
        """Where a finetuned model stands once it is whole."""
        return self.path / "model"

    @property
    def work_path(self) -> Path:
        """Where a training keeps its checkpoints."""
        return self.path / "work"

    def recipe(self) -> dict[str, Any] | None:
        """The recipe that the content was made by, finished or not; None where nothing is there."""
        for name in ("manifest.json", "started.json"):
            try:
                content: dict[str, Any] = json.loads((self.path / name).read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except ValueError:
                raise StoreError(f"{self.path / name} is damaged", f"run again with --redo {self.name}") from None
            return content
        return None

    def manifest(self) -> dict[str, Any] | None:
        """What the finished stage wrote of itself; None while it is not finished."""
        return self.recipe() if (self.path / "manifest.json").exists() else None

    def begun(self) -> bool:
        """Whether there is anything that would be lost: a shard, a checkpoint, a finished training."""
        return bool(self.committed()) or self.work_path.exists() or (self.path / "trained.json").exists()

    def start(self, recipe: Recipe) -> None:
        """Claims the folder for a recipe; one that has work in it already stays as it is."""
        (self.path / "dropped").mkdir(parents=True, exist_ok=True)
        for left in (*self.path.glob("*.tmp"), *(self.path / "dropped").glob("*.tmp")):
            left.unlink()
        if not self.begun():
            write_json(self.path / "started.json", {**asdict(recipe), "fingerprint": recipe.fingerprint})

    def committed(self) -> list[int]:
        """Indices of the shards that are done, ascending."""
        return sorted(int(path.stem.removeprefix("part-")) for path in self.path.glob("part-*.parquet"))

    def commit(self, index: int, outcome: Outcome[Any], kind: type, seconds: float) -> Counts:
        """Writes one shard so that it is there whole or not at all.

        Raises:
            StoreError: A record was lost on the way, or the disk is full.
        """
        if outcome.read != len(outcome.kept) + len(outcome.dropped):
            lost = f"{outcome.read} in, {len(outcome.kept)} kept, {len(outcome.dropped)} dropped"
            raise StoreError(f"{self.name}: records went missing in shard {index} ({lost})", "this is a bug: report it")
        counts = Counts(
            outcome.read,
            len(outcome.kept),
            dict(Counter(item.reason for item in outcome.dropped)),
            outcome.usage.read,
            outcome.usage.written,
            seconds,
        )
        name = f"part-{index:05d}.parquet"
        _write_parquet(self.path / "dropped" / name, outcome.dropped, Dropped, None)
        _write_parquet(self.path / name, outcome.kept, kind, counts)
        return counts

    def counts(self) -> Counts:
        """The sum over all committed shards, read from their footers."""
        import pyarrow.parquet as pq

        total = Counts()
        for index in self.committed():
            metadata = pq.read_schema(self._part(index)).metadata or {}
            total += Counts(**json.loads(metadata[_COUNTS]))
        return total

    def shard(self, index: int, kind: type[Record]) -> list[Record]:
        """The records of one shard, in order."""
        return list(read_records(self._part(index), kind))

    def records(self, kind: type[Record]) -> Iterator[Record]:
        """All records, shard by shard."""
        for index in self.committed():
            yield from read_records(self._part(index), kind)

    def column(self, name: str) -> Iterator[Any]:
        """One column of all records: cheap where the whole record is not needed."""
        import pyarrow.parquet as pq

        for index in self.committed():
            yield from pq.read_table(self._part(index), columns=[name]).column(name).to_pylist()

    def dropped(self) -> Iterator[Dropped]:
        """The drop ledger."""
        for path in sorted((self.path / "dropped").glob("part-*.parquet")):
            yield from read_records(path, Dropped)

    def trained(self) -> dict[str, Any] | None:
        """What a training said of itself when it ended; None where it has not ended."""
        try:
            facts: dict[str, Any] = json.loads((self.path / "trained.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return facts

    def keep_trained(self, facts: Mapping[str, Any]) -> None:
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

    def clear(self) -> None:
        """Throws the stage away, its manifest first."""
        (self.path / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)

    def _part(self, index: int) -> Path:
        return self.path / f"part-{index:05d}.parquet"


class Run:
    """A run folder.

    Args:
        path: The folder; made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def existing(cls, path: Path) -> Run:
        """A run folder that is there.

        Raises:
            StoreError: It is not there.
        """
        if not (path / "config.yaml").is_file():
            raise StoreError(f"no run in {path}", "give the folder that 'humpback run' wrote")
        return cls(path)

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def export_path(self) -> Path:
        """Where data set and model are delivered."""
        return self.path / "export"

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def stage(self, name: str) -> StageFolder:
        """The folder of one stage, whether or not it is there."""
        return StageFolder(self.path / "stages" / name)

    def save_config(self, text: str) -> None:
        """Keeps the resolved configuration."""
        write_text(self.config_path, text)

    def log(self, event: str, **values: Any) -> None:
        """Adds one line to `log.jsonl`."""
        line = json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "event": event, **values}, default=str)
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder against a second run; a killed process lets go of it by itself.

        Raises:
            StoreError: Another run holds it, or the folder cannot be written.
        """
        try:
            (self.path / "stages").mkdir(parents=True, exist_ok=True)
            file = (self.path / "run.lock").open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(f"cannot write to {self.path} ({error.strerror})", "choose another run folder") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise StoreError(
                    f"{self.path} is in use by process {holder}", "wait for it, or choose another run folder"
                ) from None
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def write_text(path: Path, text: str) -> None:
    """Writes a file so that it is there whole or not at all.

    Raises:
        StoreError: The disk is full.
    """
    temporary = path.with_name(path.name + ".tmp")
    with _disk(path):
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file so that it is there whole or not at all."""
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")


def _write_parquet(path: Path, records: Sequence[Any], kind: type, counts: Counts | None) -> None:
    import pyarrow.parquet as pq

    table = table_of(records, kind)
    if counts is not None:
        table = table.replace_schema_metadata({_COUNTS: json.dumps(asdict(counts))})
    temporary = path.with_name(path.name + ".tmp")
    with _disk(path):
        with temporary.open("wb") as file:
            pq.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"the disk is full, writing {path}", "free some space and run again: finished work is kept"
            ) from None
        raise
