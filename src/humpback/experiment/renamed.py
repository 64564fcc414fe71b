"""A stage of the method under another name, so that one run folder holds many of its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from humpback.engines.base import Engine
from humpback.runs.stage import Inputs, MapShards, Produce, Shuffle, Stage, Train

R = TypeVar("R")


def renamed(stage: Stage, name: str, does: str, facts: Mapping[str, Any] | None = None) -> Stage:
    """The same work under another name.

    Random numbers that depend on a stage's name still depend on the old one. So stages that are renamed from one name
    draw the same numbers, and differ only in what they read.

    Args:
        stage: The stage of the method.
        name: Its new name.
        does: One line for people.
        facts: What else decides its result, by name, such as a seed that is part of the old name.
    """

    def there(inputs: Inputs) -> Inputs:
        return _Under(inputs, stage.name, name)

    work = stage.work
    if isinstance(work, Produce):
        produce = work.shards
        work = replace(work, shards=lambda inputs, part, committed: produce(there(inputs), part, committed))
    elif isinstance(work, MapShards):
        opened = work.open
        work = replace(work, open=lambda inputs: opened(there(inputs)))
    elif isinstance(work, Train):
        train = work.run
        work = replace(work, run=lambda inputs, folder, scratch, step: train(there(inputs), folder, scratch, step))
    elif isinstance(work, Shuffle):
        pass  # reads nothing by name
    settings = {**stage.settings, **(facts or {})}
    return replace(
        stage,
        name=name,
        does=does,
        settings=settings,
        work=work,
        check=lambda inputs: stage.check(there(inputs)),
    )


@dataclass(frozen=True, slots=True)
class _Under:
    """Inputs in which one stage has another name. It is pickled and sent to the workers."""

    inputs: Inputs
    old: str
    new: str

    def records(self, stage: str, kind: type[R]) -> Iterator[R]:
        """All records of a stage."""
        return self.inputs.records(self._original_name(stage), kind)

    def column(self, stage: str, name: str) -> Iterator[Any]:
        """One column of all records of a stage."""
        return self.inputs.column(self._original_name(stage), name)

    def position(self, stage: str, part: int) -> tuple[int, int]:
        """Where a part of a stage goes on."""
        return self.inputs.position(self._original_name(stage), part)

    def base(self) -> Path:
        """The base model's folder."""
        return self.inputs.base()

    def engine(self, stage: str, *, embeds: bool = False) -> AbstractContextManager[Engine]:
        """An engine for the model of a stage, or for 'base'."""
        return self.inputs.engine(self._original_name(stage), embeds=embeds)

    def _original_name(self, stage: str) -> str:
        return self.new if stage == self.old else stage
