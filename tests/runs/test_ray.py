"""The same stages on a Ray cluster on this machine: several workers, one of them killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from humpback.config import Config
from humpback.errors import InputError, StageError
from humpback.method.plan import plan_corpus
from humpback.records import Candidate, Rating, Segment
from humpback.runs.executor import execute
from humpback.runs.stage import Stage, Train, Trained
from humpback.runs.store import Run
from humpback.runs.workers.ray import RayWorkers
from humpback.standalone.rate import rate_files
from tests.runs.models import instructed_and_rated
from tests.runs.songs import carry_out, first_only, firsts, shouted, songs, texts

pytestmark = pytest.mark.ray

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Three workers, and two devices that Ray takes for GPUs: what holds a model gets one of them."""
    ray.init(num_cpus=3, num_gpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def test_the_work_is_shared_and_the_records_are_the_same(tmp_path):
    song = songs(10, 4, 20)
    alone = carry_out(tmp_path / "alone", song, shouted(song), workers=1)
    run = carry_out(tmp_path / "spread", song, shouted(song, slow=0.5), executor="ray")
    assert texts(run, "songs") == texts(alone, "songs")
    assert texts(run, "shouted") == texts(alone, "shouted")
    by = {row.document_id for row in run.stage("shouted").records(Segment)}
    assert len(by) > 1
    assert str(os.getpid()) not in by


@pytest.mark.slow
def test_a_worker_that_dies_costs_one_shard(tmp_path):
    song = songs(10, 4, 20)
    fault = tmp_path / "fault"
    carry_out(tmp_path / "run", song, executor="ray")
    fault.touch()
    run = carry_out(tmp_path / "run", song, shouted(song, fault, slow=0.1), executor="ray")
    assert not fault.exists(), "a worker was killed"
    assert [text.lower() for _, text in texts(run, "shouted")] == [text for _, text in texts(run, "songs")]


@pytest.mark.slow
def test_what_the_whole_set_tells_is_the_same_with_a_worker_killed_on_the_way(tmp_path):
    song = songs(12, 4, 500)
    fault = tmp_path / "fault"
    fault.touch()
    run = carry_out(tmp_path / "run", song, first_only(song, fault=fault), executor="ray", workers=2)
    assert not fault.exists(), "a worker was killed"
    assert texts(run, "first") == firsts(texts(run, "songs"))


@pytest.mark.slow
def test_workers_that_die_again_and_again_end_the_stage_with_one_line(tmp_path):
    song = songs(10, 4, 20)
    with pytest.raises(StageError, match=r"Ray workers die again and again.*out of memory"):
        carry_out(tmp_path / "run", song, shouted(song, AlwaysThere()), executor="ray", workers=2)


@pytest.mark.slow
def test_what_is_wrong_on_a_worker_is_heard_here(tmp_path):
    song = songs(10, 4, 20)
    with pytest.raises(InputError, match="no such voice"):
        carry_out(tmp_path / "run", song, shouted(song, Unreadable()), executor="ray", workers=1)


class Unreadable:
    """A fault that is a mistake of the user."""

    def unlink(self) -> None:
        raise InputError("no such voice", "take another")


@pytest.mark.slow
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


def test_a_single_command_is_shared_too_and_writes_the_same_file(seed_file, tmp_path):
    settings = {"model": {"engine": "fake"}, "curate": {"scorer": "expected-rating"}, "run": {"shard_rows": 2}}
    config = Config.model_validate(settings)
    on_ray = config.model_copy(update={"run": config.run.model_copy(update={"executor": "ray"})})
    near, far = tmp_path / "near.jsonl", tmp_path / "far.jsonl"
    rate_files(seed_file, config, near)
    rate_files(seed_file, on_ray, far)
    assert far.read_bytes() == near.read_bytes()
    assert near.read_text(encoding="utf-8").count("\n") == 24


@pytest.mark.slow
def test_models_on_actors_make_the_records_that_one_makes_here(tiny_chat_model, tmp_path):
    near, far = (instructed_and_rated(tmp_path / executor, tiny_chat_model, executor) for executor in ("local", "ray"))
    for stage, kind, numbers in (
        ("candidates", Candidate, ("log_probability", "gain")),
        ("ratings-1", Rating, ("score",)),
    ):
        ours, theirs = (list(run.stage(stage).records(kind)) for run in (far, near))
        # Sums in another order, with another number of threads, differ in their last digits.
        for number in numbers:
            assert [getattr(row, number) for row in ours] == pytest.approx(
                [getattr(row, number) for row in theirs], abs=1e-5
            )
        without = dict.fromkeys(numbers, 0)
        assert [replace(row, **without) for row in ours] == [replace(row, **without) for row in theirs]
        assert list(far.stage(stage).dropped()) == list(near.stage(stage).dropped())
    assert {rating.state for rating in far.stage("ratings-1").records(Rating)} == {"scored"}

    opened = [path.name.split() for path in (tmp_path / "ray" / "opened").iterdir()]
    for stage in ("candidates", "ratings-1"):
        actors = [pid for name, pid in opened if name == stage]
        assert len(actors) == len(set(actors)) == 2, "one engine on each device, opened once for all shards"
        assert str(os.getpid()) not in actors


@dataclass(frozen=True)
class Noting:
    """A job that leaves a file for each task done."""

    folder: Path
    min_parallel_tasks: int = 1

    @contextmanager
    def open(self):
        yield lambda task: (self.folder / str(task)).touch()


@pytest.mark.slow
def test_no_more_tasks_are_handed_out_than_the_actors_can_soon_do(tmp_path):
    """Who carries on slowly, say because a disk is slow, is waited for."""
    done = RayWorkers(workers=2).run(Noting(tmp_path), range(60), model=False)
    first = next(done)
    time.sleep(2)
    assert 1 <= len(list(tmp_path.iterdir())) <= 4
    assert sorted([first, *done]) == list(range(60))
    assert len(list(tmp_path.iterdir())) == 60


@pytest.mark.slow
def test_a_training_finds_the_devices_free(tmp_path):
    """Ray keeps devices and cores from others for as long as an actor lives."""
    free: list[dict[str, float]] = []

    def map(*_: object) -> Trained:
        until = time.monotonic() + 20
        while ray.available_resources() != ray.cluster_resources() and time.monotonic() < until:
            time.sleep(0.1)
        free.append({name: ray.available_resources().get(name, 0) for name in ("CPU", "GPU")})
        return Trained(1, 1, {}, 0, {})

    song = songs(4, 2, 10)
    asking = replace(shouted(song), model=True)
    carry_out(tmp_path / "run", song, asking, Stage("model", "train", (), {}, Train(map)), executor="ray")
    assert free == [{"CPU": 3, "GPU": 2}]


class AlwaysThere:
    """A fault that no death takes away."""

    def unlink(self) -> None:
        pass
