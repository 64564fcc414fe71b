"""Small stages that ask for no model: lines of a song, and what all of them have in common."""

from __future__ import annotations

import os
import signal
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from humpback.config import Config
from humpback.records import Dropped, Outcome, Segment
from humpback.runs.executor import execute
from humpback.runs.inputs import RunInputs
from humpback.runs.stage import Inputs, MapShards, Produce, Shuffle, Stage
from humpback.runs.store import Run


def songs(parts: int, windows: int, rows: int, words: int = 40) -> Stage:
    """A stage of parts with up to so many shards of so many lines, each one of so many words."""

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[Segment]]:
        for window in range(done, (part * 7) % (windows + 1)):
            names = [f"{part} {window} {row}" for row in range(rows)]
            texts = [f"word{zlib.crc32(name.encode()) % words}" for name in names]
            kept = tuple(Segment(n, "", "song", (), t, "en") for n, t in zip(names, texts, strict=True))
            yield Outcome(kept, (), rows)

    return Stage("songs", "sing", (), {"rows": rows}, Produce(shards, parts), Segment)


def first_only(song: Stage, memory_mib: int = 1024, fault: Path | None = None) -> Stage:
    """Keeps the first line of each word. A file `fault` kills the worker that finds it."""

    def map(records: Sequence[Segment], first: int) -> pa.Table:
        die_once(fault)
        keys = np.array([zlib.crc32(r.text.encode()) for r in records], np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        places = np.arange(first, first + len(records), dtype=np.uint64)
        return pa.table({"key": pa.array(keys, pa.uint64()), "place": pa.array(places, pa.uint64())})

    def reduce(rows: pa.Table) -> pa.Table:
        keys, places = (rows.column(name).to_numpy() for name in ("key", "place"))
        assert (keys[1:] >= keys[:-1]).all(), "rows come sorted by key"
        later = np.flatnonzero(keys[1:] == keys[:-1]) + 1
        return pa.table({"place": pa.array(places[later], pa.uint64())})

    def apply(records: Sequence[Segment], first: int, reduced: pa.Table) -> Outcome[Segment]:
        gone = {place - first for place in reduced.column("place").to_pylist()}
        assert all(0 <= place < len(records) for place in gone), "only what concerns the shard"
        kept = tuple(record for at, record in enumerate(records) if at not in gone)
        dropped = tuple(Dropped(r.id, "again", "", r.source, r.text) for at, r in enumerate(records) if at in gone)
        return Outcome(kept, dropped, len(records))

    work = Shuffle((song.name, Segment), map, reduce, apply, memory_mib)
    return Stage("first", "drop what was sung", (song.name,), {}, work, Segment)


def shouted(song: Stage, fault: Path | None = None, slow: float = 0.0) -> Stage:
    """Every line in capitals, shard by shard; the document's id tells the process that did it."""

    class Opened:
        def __enter__(self):
            return self.step

        def __exit__(self, *error: object) -> None:
            pass

        def step(self, records: Sequence[Segment]) -> Outcome[Segment]:
            die_once(fault)
            time.sleep(slow)
            kept = tuple(Segment(r.id, str(os.getpid()), r.source, (), r.text.upper(), "en") for r in records)
            return Outcome(kept, (), len(records))

    return Stage("shouted", "shout", (song.name,), {}, MapShards(((song.name, Segment),), lambda _: Opened()), Segment)


def die_once(fault: Path | None) -> None:
    """Kills this process with SIGKILL where the file is there, and takes the file away before."""
    try:
        if fault is None:
            return
        fault.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def carry_out(folder: Path, *stages: Stage, **settings: object) -> Run:
    """Carries out stages in a run folder."""
    run = Run(folder)
    with run.locked():
        execute(stages, run, Config.model_validate({"run": settings}))
    return run


def inputs(run: Run, *stages: Stage) -> RunInputs:
    """What the stages may read."""
    return RunInputs(run, Config(), stages)


def texts(run: Run, stage: str) -> list[tuple[str, str]]:
    """Names and texts of a stage's records, in order."""
    return [(row.id, row.text) for row in run.stage(stage).records(Segment)]


def firsts(lines: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What `first_only` is to give, the plain way."""
    first = {text: name for name, text in reversed(lines)}
    return [(name, text) for name, text in lines if first[text] == name]
