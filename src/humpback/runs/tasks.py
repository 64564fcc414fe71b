"""The work of a stage as tasks that any worker can do: each is a number, and each commits what it made by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from humpback.records import Outcome
from humpback.runs.inputs import RunInputs
from humpback.runs.stage import MapShards, Produce, Stage
from humpback.runs.store import StageFolder, shard_of

Do = Callable[[int], None]


class Job(Protocol):
    """Tasks of one kind. Travels to the workers, so it holds what they need and nothing that is open."""

    @property
    def min_parallel_tasks(self) -> int:
        """The number of tasks from which starting processes for them pays."""
        ...

    def open(self) -> AbstractContextManager[Do]:
        """Makes a worker ready. Yields a function that runs one task; it is never called for a finished task."""
        ...


@dataclass(frozen=True, slots=True)
class ProduceJob:
    """A part of the stage is a task."""

    stage: Stage
    work: Produce
    inputs: RunInputs
    min_parallel_tasks: int = 2

    def pending(self) -> list[int]:
        """The parts that are not done."""
        ended = self.inputs.run.stage(self.stage.name).ended()
        return [part for part in range(self.work.parts) if part not in ended]

    @contextmanager
    def open(self) -> Iterator[Do]:
        """There is nothing to open."""
        folder = self.inputs.run.stage(self.stage.name)
        inputs = self.inputs.of_stage(self.stage.name)

        def do(part: int) -> None:
            committed = folder.windows(part)
            since = time.monotonic()
            for window, outcome in enumerate(self.work.shards(inputs, part, committed), committed):
                commit(self.stage, folder, shard_of(part, window), outcome, since)
                # Only now: until the shard is on the disk, its answers are all that a kill would leave.
                inputs.lay_aside_answers()
                since = time.monotonic()
            folder.end(part)

        yield do


@dataclass(frozen=True, slots=True)
class MapShardsJob:
    """A shard of the stage it stands on is a task."""

    stage: Stage
    work: MapShards
    inputs: RunInputs
    min_parallel_tasks: int = 8

    def pending(self) -> list[int]:
        """The shards that are not done."""
        committed = set(self.inputs.run.stage(self.stage.name).committed())
        return [index for index in self.inputs.run.stage(self.work.over[0][0]).committed() if index not in committed]

    @contextmanager
    def open(self) -> Iterator[Do]:
        """Opens what the work needs."""
        folder = self.inputs.run.stage(self.stage.name)
        inputs = self.inputs.of_stage(self.stage.name)
        with self.work.open(inputs) as step:
            committed = 0.0

            def do(index: int) -> None:
                nonlocal committed
                since = time.monotonic()
                folders = ((inputs.run.stage(name), kind) for name, kind in self.work.over)
                needs = self.stage.needs
                outcome = step(*(at.shard(index, kind) for at, kind in folders if at.name in needs or at.has(index)))
                # Shards that wait for a server together share the time.
                commit(self.stage, folder, index, outcome, max(since, committed))
                committed = time.monotonic()
                inputs.lay_aside_answers()

            yield do


def commit(stage: Stage, folder: StageFolder, index: int, outcome: Outcome[Any], since: float) -> None:
    """Commits a shard of a stage that makes records."""
    if stage.makes is None:
        raise TypeError(f"{stage.name} makes no records")
    folder.commit(index, outcome, stage.makes, time.monotonic() - since)


def chunks(numbers: Sequence[int], size: int) -> list[list[int]]:
    """Cuts a list into lists of `size` numbers."""
    return [list(numbers[at : at + size]) for at in range(0, len(numbers), size)]
