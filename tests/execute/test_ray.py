"""The same stages on a Ray cluster on this machine: several workers, one of them killed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from humpback.config import Config
from humpback.errors import InputError, StageError
from humpback.execute.run import execute
from humpback.pipeline import plan_corpus
from humpback.records import Segment
from humpback.store import Run
from tests.execute.songs import carry_out, first_only, firsts, shouted, songs, texts

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Three workers."""
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_the_work_is_shared_and_the_records_are_the_same(tmp_path):
    song = songs(10, 4, 20)
    alone = carry_out(tmp_path / "alone", song, shouted(song), workers=1)
    spread = carry_out(tmp_path / "spread", song, shouted(song, slow=0.5), executor="ray")
    assert texts(spread, "songs") == texts(alone, "songs")
    assert texts(spread, "shouted") == texts(alone, "shouted")
    by = {row.document_id for row in spread.stage("shouted").records(Segment)}
    assert len(by) > 1
    assert str(os.getpid()) not in by


def test_a_worker_that_dies_costs_one_shard(tmp_path):
    song = songs(10, 4, 20)
    fault = tmp_path / "fault"
    carry_out(tmp_path / "run", song, executor="ray")
    fault.touch()
    run = carry_out(tmp_path / "run", song, shouted(song, fault, slow=0.1), executor="ray")
    assert not fault.exists(), "a worker was killed"
    assert [text.lower() for _, text in texts(run, "shouted")] == [text for _, text in texts(run, "songs")]


def test_what_the_whole_set_tells_is_the_same_with_a_worker_killed_on_the_way(tmp_path):
    song = songs(12, 4, 500)
    fault = tmp_path / "fault"
    fault.touch()
    run = carry_out(tmp_path / "run", song, first_only(song, fault=fault), executor="ray", workers=2)
    assert not fault.exists(), "a worker was killed"
    assert texts(run, "first") == firsts(texts(run, "songs"))


def test_workers_that_die_again_and_again_end_the_stage_with_one_line(tmp_path):
    song = songs(10, 4, 20)
    with pytest.raises(StageError, match=r"Ray workers die again and again.*out of memory"):
        carry_out(tmp_path / "run", song, shouted(song, AlwaysThere()), executor="ray", workers=2)


def test_what_is_wrong_on_a_worker_is_heard_here(tmp_path):
    song = songs(10, 4, 20)
    with pytest.raises(InputError, match="no such voice"):
        carry_out(tmp_path / "run", song, shouted(song, Unreadable()), executor="ray", workers=1)


class Unreadable:
    """A fault that is a mistake of the user."""

    def unlink(self) -> None:
        raise InputError("no such voice", "take another")


def test_documents_become_the_same_segments_as_on_this_machine(settings, tmp_path):
    near, far = (Run(tmp_path / name) for name in ("near", "far"))
    for run, executor in ((near, "local"), (far, "ray")):
        corpus = settings["corpus"] | {"part_mib": 1}
        config = Config.model_validate(settings | {"corpus": corpus, "run": {"shard_rows": 2, "executor": executor}})
        with run.locked():
            execute(plan_corpus(config), run, config)
    for stage in ("segments", "lines", "unique"):
        assert list(far.stage(stage).records(Segment)) == list(near.stage(stage).records(Segment))
        assert list(far.stage(stage).dropped()) == list(near.stage(stage).dropped())
    assert list(far.stage("unique").records(Segment))


class AlwaysThere:
    """A fault that no death takes away."""

    def unlink(self) -> None:
        pass
