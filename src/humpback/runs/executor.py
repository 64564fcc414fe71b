"""Carries out a plan, stage after stage, so that a kill at any moment costs the shards in hand at most."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from functools import cache
from importlib import metadata
from typing import Any

from humpback.config import Config
from humpback.data_access.atomic import sync, sync_tree
from humpback.engines.answer_files import AnswerFolders
from humpback.errors import HumpbackError, StageError, StoreError
from humpback.runs.inputs import RunInputs
from humpback.runs.progress import Meter, NoProgress, Progress
from humpback.runs.recipe import Counts, Recipe, in_words
from humpback.runs.shuffle import ApplyJob, MapJob, ReduceJob, ShuffleContext
from humpback.runs.stage import MapShards, Produce, Shuffle, Stage, Train
from humpback.runs.status import StageStatus, status, with_dependents
from humpback.runs.store import Run, StageFolder
from humpback.runs.store.files import put_folder
from humpback.runs.store.seals import folder_seals
from humpback.runs.tasks import MapShardsJob, ProduceJob
from humpback.runs.workers.base import Workers

_LIBRARIES = ("humpback-align", "torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "pyarrow")

_NAMED = 12
"""Stages that a message lists; a run of two iterations has no more, an experiment may have hundreds."""


def execute(
    plan: Sequence[Stage], run: Run, config: Config, redo: Sequence[str] = (), progress: Progress | None = None
) -> None:
    """Brings every stage of a plan to 'done'. What is done already is left alone.

    Args:
        plan: The stages in order.
        run: The run folder; locked by the caller.
        config: The settings that the plan was made from.
        redo: Stages to throw away first, with all that stands on them.
        progress: Is told of each stage and task.

    Raises:
        StoreError: Something is stale and not named in `redo`, or the disk is full.
        StageError: A stage kept no record, or has too many failures.
    """
    refuse_stale(plan, run, redo)
    inputs = RunInputs(run, config, plan)
    workers = workers_of(config)
    progress = progress or NoProgress()
    meter = Meter(run, progress, cost=lambda: inputs.spending.total[1])
    inputs.on_answer, inputs.on_batches = meter.answered, meter.under_way
    runner = _StageRunner(inputs, workers, meter)
    pending = [item for item in status(plan, run) if item.state != "done"]
    progress.prepare(len(plan), len(plan) - len(pending))
    try:
        for item in pending:
            with run.recorded(item.stage.name, shards=item.shards):
                runner.carry_out(item.stage, item.recipe)
    finally:
        meter.close()
        workers.release()


def workers_of(config: Config) -> Workers:
    """The workers that the settings ask for.

    Raises:
        ConfigError: There is no Ray, or its cluster does not answer.
    """
    if config.run.executor == "ray":
        from humpback.runs.workers.ray import RayWorkers

        return RayWorkers(config.run.workers, config.model.engine_spec.devices(config.model))
    from humpback.runs.workers.processes import ProcessWorkers

    return ProcessWorkers(config.run.workers)


def refuse_stale(plan: Sequence[Stage], run: Run, redo: Sequence[str]) -> None:
    """Throws away what is to be done again, and refuses what is stale besides; changes nothing else in the folder.

    Raises:
        StoreError: Something is stale and not named in `redo`, or `redo` names no stage.
    """
    run.refuse_newer()
    _clear(plan, run, redo)
    stale = [item for item in status(plan, run) if item.state in ("stale", "damaged")]
    if stale:
        raise StoreError(_staleness(stale), f"run again with --redo {stale[0].stage.name}, or into a new folder")


class _StageRunner:
    """Carries out one stage at a time.

    Args:
        inputs: What the stages may read.
        workers: Who does the tasks.
        meter: Is told of each task and step.
    """

    def __init__(self, inputs: RunInputs, workers: Workers, meter: Meter) -> None:
        self._inputs = inputs
        self._workers = workers
        self._meter = meter

    def carry_out(self, stage: Stage, recipe: Recipe) -> None:
        """Brings a stage to 'done'."""
        folder = self._inputs.run.stage(stage.name)
        folder.start(recipe, stage.work.parts if isinstance(stage.work, Produce) else 1)
        started = time.monotonic()
        facts = stage.facts
        if isinstance(stage.work, Train):
            counts, facts = self._train(stage.work, stage, folder)
        else:
            for _ in self._tasks(stage):
                pass
            counts = folder.counts()
            # An empty result is never passed on: the next stage would fail with a message about something else.
            if counts.kept == 0:
                folder.clear()
                raise StageError(f"{stage.name} kept none of {counts.read} ({_reasons(counts)})", stage.hint)
        stage.check(self._inputs)
        session = round(time.monotonic() - started, 1)
        folder.finish(
            recipe, counts, {"machine": _machine(), "libraries": _versions(), "session_seconds": session, **facts}
        )
        self._inputs.answers(stage.name).keep_all()
        folder.clear_work()
        self._inputs.run.log(
            "end", stage=stage.name, kept=counts.kept, read=counts.read, seconds=round(counts.seconds, 1)
        )
        self._meter.end(stage, counts)

    def _tasks(self, stage: Stage) -> Iterator[int]:
        """Does what is left of a stage, task by task."""
        if isinstance(stage.work, Shuffle):
            context = ShuffleContext(stage, stage.work, self._inputs)
            steps: tuple[Any, ...] = (MapJob(context), ReduceJob(context), ApplyJob(context))
        elif isinstance(stage.work, Produce):
            steps = (ProduceJob(stage, stage.work, self._inputs),)
        elif isinstance(stage.work, MapShards):
            steps = (MapShardsJob(stage, stage.work, self._inputs),)
        else:
            raise TypeError(f"{stage.name} has no tasks")
        self._meter.begin(stage)
        for job in steps:
            pending = job.pending()
            unit = f"{type(job).__name__.removesuffix('Job').lower()} tasks" if len(steps) > 1 else ""
            with closing(self._workers.run(job, pending, model=stage.model, waits=stage.waits)) as finished:
                for completed, task in enumerate(finished, 1):
                    self._meter.advance(completed, len(pending), unit=unit)
                    yield task

    def _train(self, work: Train, stage: Stage, folder: StageFolder) -> tuple[Counts, dict[str, Any]]:
        """Trains into a folder that appears under its name when it is whole; checkpoints stay until then."""
        self._meter.begin(stage)
        # A worker that still holds a model would leave no room on the device.
        self._workers.release()
        scratch = self._inputs.scratch(stage.name)
        model_folder = scratch / "out"
        facts = folder.trained()
        # A kill between the end of the training and the manifest must not train again. A cut of power may have lost the
        # model from both folders that its rename changes.
        if facts is None or not (model_folder.exists() or folder.model_path.exists()):
            since = time.monotonic()
            shutil.rmtree(model_folder, ignore_errors=True)
            model_folder.mkdir(parents=True)
            try:
                trained = work.run(self._inputs, model_folder, scratch, self._step)
            except HumpbackError:
                shutil.rmtree(model_folder)
                with suppress(OSError):  # checkpoints stay: to train those steps again would cost the most
                    scratch.rmdir()
                raise
            counts = Counts(trained.read, trained.kept, trained.dropped, trained.tokens, 0, time.monotonic() - since)
            seals = {f"model/{name}": seal for name, seal in folder_seals(model_folder).items()}
            facts = {"counts": asdict(counts), "training": dict(trained.facts), "seals": seals}
            sync_tree(model_folder)  # before the note that it is there
            sync(scratch)
            folder.write_trained(facts)
        if model_folder.exists():
            put_folder(model_folder, folder.model_path)
        shutil.rmtree(scratch, ignore_errors=True)
        return Counts.of(facts.pop("counts")), facts

    def _step(self, step: int, steps: int, loss: float) -> None:
        self._meter.advance(step, steps, loss=loss)


def _clear(plan: Sequence[Stage], run: Run, redo: Sequence[str]) -> None:
    """Throws away the named stages and whatever stands on them.

    What a server was paid for is used again where something has changed: then the same questions have the same answers.
    A stage that is named though nothing has changed is to have others.
    """
    stage_names = [stage.name for stage in plan]
    for name in redo:
        if name not in stage_names:
            raise StoreError(f"--redo {name}: no such stage", f"the stages are {', '.join(stage_names)}")
    doomed = with_dependents(plan, redo)
    unchanged = {item.stage.name for item in status(plan, run) if item.state in ("done", "begun")} if redo else set()
    for name in (name for name in reversed(stage_names) if name in doomed):
        folder, fingerprint = run.stage(name), ""
        with suppress(StoreError):  # a damaged record says nothing of who made it
            fingerprint = (folder.recipe() or {}).get("fingerprint", "")
        answers = AnswerFolders(run.scratch_path(name, fingerprint) / "answers", run.answers_path(name))
        answers.discard() if name in redo and name in unchanged else answers.reuse()
        folder.clear()
        run.log("cleared", stage=name)


def _staleness(stale: Sequence[StageStatus]) -> str:
    first = stale[0]
    names = [item.stage.name for item in stale[1:]]
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    dependents = f" (and with it {', '.join(names)})" if names else ""
    if first.state == "damaged":
        return f"{first.stage.name} is damaged: {in_words(first.why)}"
    return f"{first.stage.name} was made with other settings{dependents}: {in_words(first.why)}"


def _reasons(counts: Counts) -> str:
    ordered = sorted(counts.dropped.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} {reason}" for reason, count in ordered) or "nothing came in"


@cache
def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
