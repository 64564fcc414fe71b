"""The stages that ask a model, with a model that is there at once: nothing is trained."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from humpback.config import Config
from humpback.method.loop import self_augment
from humpback.method.rating import rate
from humpback.records import Outcome, Segment
from humpback.runs.executor import execute
from humpback.runs.stage import Inputs, MapShards, Produce, Stage, Train, Trained
from humpback.runs.store import Run
from tests.corpus_fixtures import TOPICS, paragraph


def instructed_and_rated(folder: Path, model: Path, executor: str) -> Run:
    """Instructions for eight segments in four shards, and their ratings; `opened` tells who held an engine."""
    config = Config.model_validate(
        {
            "model": {"engine": "transformers", "device": "cpu", "max_tokens": 2000},
            # A model of two layers writes noise: give it room, so that something is left to rate.
            "augment": {"max_new_tokens": 60, "per_segment": 3},
            "curate": {"scorer": "expected-rating"},
            "run": {"executor": executor},
        }
    )
    backward, forward = taken("backward", model), taken("forward-0", model)
    segments = written(shards=4, rows=2)
    candidates = self_augment(config, segments, by=backward)[-1]
    (ratings,) = rate(config, 1, candidates, segments, by=forward)
    (folder / "opened").mkdir(parents=True)
    plan = (segments, backward, forward, *(read_note(stage, folder / "opened") for stage in (candidates, ratings)))
    run = Run(folder / "run")
    with run.locked():
        execute(plan, run, config)
    return run


def taken(name: str, model: Path) -> Stage:
    """A stage whose model is a copy of one that is there."""

    def run(inputs: Inputs, out: Path, work: Path, step: object) -> Trained:
        shutil.copytree(model, out, dirs_exist_ok=True)
        return Trained(1, 1, {}, 0, {})

    return Stage(name, "take a model", (), {}, Train(run))


def written(shards: int, rows: int) -> Stage:
    """So many shards of so many segments."""

    def made(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[Segment]]:
        for shard in range(done, shards):
            topics = TOPICS[shard * rows : (shard + 1) * rows]
            yield Outcome(tuple(Segment(t, t, "here", (t,), paragraph(t, 1)[:400], "en") for t in topics), (), rows)

    return Stage("segments", "write", (), {}, Produce(made), Segment)


def read_note(stage: Stage, folder: Path) -> Stage:
    """The same stage, leaving a file with its name and the process whenever what it needs is opened."""
    work = stage.work
    assert isinstance(work, MapShards)

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[object]:
        (folder / f"{stage.name} {os.getpid()}").touch(exist_ok=False)
        with work.open(inputs) as step:
            yield step

    return replace(stage, work=MapShards(work.over, opened))
