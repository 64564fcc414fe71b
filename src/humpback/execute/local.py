"""Carries out a plan in this process, stage after stage, so that a kill at any moment costs one shard at most."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TypeVar

from humpback import models
from humpback.config import Config
from humpback.engines.base import Engine
from humpback.engines.open import open_engine
from humpback.errors import HumpbackError, StageError, StoreError
from humpback.execute.status import StageStatus, recipes, status
from humpback.provenance import Counts, Recipe
from humpback.records import Outcome
from humpback.stage import Produce, Stage, Train
from humpback.store import Run, StageFolder

R = TypeVar("R")

_LIBRARIES = ("humpback-align", "torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "pyarrow")


class Watcher(Protocol):
    """Whom to tell how far the work is."""

    def begin(self, stage: Stage, done: int, total: int | None) -> None:
        """A stage starts; `total` shards or steps, None where it is not known."""
        ...

    def advance(self, done: int, total: int | None, note: str) -> None:
        """So many shards or steps are done now."""
        ...

    def end(self, stage: Stage, counts: Counts) -> None:
        """A stage is done."""
        ...


class Silence:
    """Tells nobody."""

    def begin(self, stage: Stage, done: int, total: int | None) -> None:
        """Says nothing."""

    def advance(self, done: int, total: int | None, note: str) -> None:
        """Says nothing."""

    def end(self, stage: Stage, counts: Counts) -> None:
        """Says nothing."""


def execute(
    plan: Sequence[Stage], run: Run, config: Config, redo: Sequence[str] = (), watcher: Watcher | None = None
) -> None:
    """Brings every stage of a plan to 'done'. What is done already is left alone.

    Args:
        plan: The stages in order.
        run: The run folder; locked by the caller.
        config: The settings that the plan was made from.
        redo: Stages to throw away first, with all that stands on them.
        watcher: Whom to tell.

    Raises:
        StoreError: Something is stale and not named in `redo`, or the disk is full.
        StageError: A stage left nothing, or too many failures.
    """
    refuse_stale(plan, run, redo)
    made = recipes(plan)
    inputs = RunInputs(run, config, made)
    for item in status(plan, run):
        if item.state == "done":
            continue
        run.log("begin", stage=item.stage.name, shards=item.shards)
        try:
            _carry_out(item.stage, item.recipe, inputs, watcher or Silence())
        except HumpbackError as error:
            run.log("failed", stage=item.stage.name, error=str(error))
            raise


def refuse_stale(plan: Sequence[Stage], run: Run, redo: Sequence[str]) -> None:
    """Throws away what is to be done again, and refuses what is stale besides; changes nothing else in the folder.

    Raises:
        StoreError: Something is stale and not named in `redo`, or `redo` names no stage.
    """
    _clear(plan, run, redo)
    stale = [item for item in status(plan, run) if item.state == "stale"]
    if stale:
        raise StoreError(_staleness(stale), f"run again with --redo {stale[0].stage.name}, or into a new folder")


class RunInputs:
    """What the stages of one run may read.

    Args:
        run: The run folder.
        config: The run's settings.
        made: The recipe of every stage, by name.
    """

    def __init__(self, run: Run, config: Config, made: dict[str, Recipe]) -> None:
        self.run = run
        self._config = config
        self._made = made

    def records(self, stage: str, kind: type[R]) -> Iterator[R]:
        """All records of a stage."""
        return self.run.stage(stage).records(kind)

    def column(self, stage: str, name: str) -> Iterator[Any]:
        """One column of all records of a stage."""
        return self.run.stage(stage).column(name)

    def base(self) -> Path:
        """The base model's folder."""
        return self._base.path

    @cached_property
    def _base(self) -> models.ModelFolder:
        return models.resolve(self._config.model)

    @contextmanager
    def engine(self, stage: str) -> Iterator[Engine]:
        """An engine for the model of a stage, or for 'base'; the only one open at a time."""
        if stage == "base":
            path, identity = self._base.path, f"base@{self._base.identity[:12]}"
        else:
            path = self.run.stage(stage).model_path
            identity = f"{stage}@{self._made[stage].fingerprint[:12]}"
        with open_engine(self._config.model, path, identity) as engine:
            yield engine


def _clear(plan: Sequence[Stage], run: Run, redo: Sequence[str]) -> None:
    """Throws away the named stages and whatever stands on them."""
    known = [stage.name for stage in plan]
    for name in redo:
        if name not in known:
            raise StoreError(f"--redo {name}: no such stage", f"the stages are {', '.join(known)}")
    doomed = set(redo)
    for stage in plan:
        if doomed.intersection(stage.needs):
            doomed.add(stage.name)
    for name in (name for name in reversed(known) if name in doomed):
        run.stage(name).clear()
        run.log("cleared", stage=name)


def _staleness(stale: Sequence[StageStatus]) -> str:
    first = stale[0]
    others = f" (and with it {', '.join(item.stage.name for item in stale[1:])})" if stale[1:] else ""
    return f"{first.stage.name} was made with other settings{others}: {'; '.join(first.why)}"


def _carry_out(stage: Stage, recipe: Recipe, inputs: RunInputs, watcher: Watcher) -> None:
    folder = inputs.run.stage(stage.name)
    folder.start(recipe)
    started = time.monotonic()
    if isinstance(stage.work, Train):
        counts, facts = _train(stage.work, stage, folder, inputs, watcher)
    else:
        work = _produce if isinstance(stage.work, Produce) else _map_shards
        work(stage, folder, inputs, watcher)
        counts, facts = folder.counts(), {}
        if counts.kept == 0:
            reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(counts.dropped.items(), key=lambda i: -i[1]))
            folder.clear()
            raise StageError(f"{stage.name} kept none of {counts.read} ({reasons or 'nothing came in'})", stage.mend)
    stage.check(inputs)
    session = round(time.monotonic() - started, 1)
    folder.finish(
        recipe, counts, {"machine": _machine(), "libraries": _versions(), "session_seconds": session, **facts}
    )
    inputs.run.log("end", stage=stage.name, kept=counts.kept, read=counts.read, seconds=round(counts.seconds, 1))
    watcher.end(stage, counts)


def _produce(stage: Stage, folder: StageFolder, inputs: RunInputs, watcher: Watcher) -> None:
    work: Any = stage.work
    done = len(folder.committed())
    watcher.begin(stage, done, work.total)
    since = time.monotonic()
    for index, outcome in enumerate(work.shards(inputs, done), done):
        _commit(folder, index, outcome, stage, since)
        watcher.advance(index + 1, work.total, "")
        since = time.monotonic()


def _map_shards(stage: Stage, folder: StageFolder, inputs: RunInputs, watcher: Watcher) -> None:
    work: Any = stage.work
    every = inputs.run.stage(work.over[0][0]).committed()
    left = [index for index in every if index not in set(folder.committed())]
    watcher.begin(stage, len(every) - len(left), len(every))
    if not left:
        return
    with work.open(inputs) as step:
        for position, index in enumerate(left, len(every) - len(left) + 1):
            since = time.monotonic()
            outcome = step(*(inputs.run.stage(name).shard(index, kind) for name, kind in work.over))
            _commit(folder, index, outcome, stage, since)
            watcher.advance(position, len(every), "")


def _commit(folder: StageFolder, index: int, outcome: Outcome[Any], stage: Stage, since: float) -> None:
    if stage.makes is None:
        raise TypeError(f"{stage.name} makes no records")
    folder.commit(index, outcome, stage.makes, time.monotonic() - since)


def _train(
    work: Train, stage: Stage, folder: StageFolder, inputs: RunInputs, watcher: Watcher
) -> tuple[Counts, dict[str, Any]]:
    """Trains into a folder that appears under its name when it is whole; checkpoints stay until then."""
    watcher.begin(stage, 0, None)
    out = folder.work_path / "out"
    facts = folder.trained()
    if facts is None:
        since = time.monotonic()
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        trained = work.run(
            inputs, out, folder.work_path, lambda step, steps, loss: watcher.advance(step, steps, f"loss {loss:.3f}")
        )
        counts = Counts(trained.read, trained.kept, trained.dropped, trained.tokens, 0, time.monotonic() - since)
        facts = {"counts": asdict(counts), "training": dict(trained.facts)}
        folder.keep_trained(facts)
    if out.exists():
        shutil.rmtree(folder.model_path, ignore_errors=True)
        out.rename(folder.model_path)
    shutil.rmtree(folder.work_path, ignore_errors=True)
    return Counts(**facts["counts"]), {"training": facts["training"]}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
