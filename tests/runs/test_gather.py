"""What only the whole set can tell: the same whatever the shards, passes and workers, and the deaths among them."""

from __future__ import annotations

import pytest

from humpback.runs.shuffle import ApplyJob, MapJob, ReduceJob, ShuffleContext
from tests.runs.songs import carry_out, first_only, firsts, inputs, songs, texts


@pytest.mark.parametrize(("parts", "windows", "rows"), [(2, 1, 1), (2, 9, 5), (8, 3, 30), (40, 5, 11)])
def test_the_first_of_each_word_stays(tmp_path, parts, windows, rows):
    song = songs(parts, windows, rows)
    run = carry_out(tmp_path / "run", song, first_only(song), workers=1)
    assert texts(run, "first") == firsts(texts(run, "songs"))
    counts = run.stage("first").manifest()["counts"]
    assert counts["read"] == counts["kept"] + counts["dropped"].get("again", 0) == len(texts(run, "songs"))
    assert not run.stage("first").work_path.exists(), "what stood between the steps is gone"


def test_little_memory_takes_more_passes_and_gives_the_same(tmp_path):
    song = songs(30, 3, 2000, words=90_000)
    stage = first_only(song, memory_mib=1)
    run = carry_out(tmp_path / "run", song, workers=1)
    of = ShuffleContext(stage, stage.work, inputs(run, song, stage))
    for job in (MapJob(of), ReduceJob(of), ApplyJob(of)):
        tasks = job.pending()
        assert len(tasks) > 3, type(job).__name__
        run.stage("first").path.joinpath("dropped").mkdir(parents=True, exist_ok=True)
        with job.open() as do:
            for task in reversed(tasks):
                do(task)
        assert job.pending() == []
    assert texts(run, "first") == firsts(texts(run, "songs"))
    assert len(texts(run, "first")) > 20_000


def test_several_workers_give_the_same(tmp_path):
    song = songs(12, 4, 500)
    run = carry_out(tmp_path / "run", song, first_only(song), workers=3)
    assert texts(run, "first") == firsts(texts(run, "songs"))


@pytest.mark.kill
def test_a_worker_that_dies_costs_its_task_only(tmp_path):
    song = songs(12, 4, 500)
    fault = tmp_path / "fault"
    fault.touch()
    run = carry_out(tmp_path / "run", song, first_only(song, fault=fault), workers=2)
    assert not fault.exists(), "a worker was killed"
    assert texts(run, "first") == firsts(texts(run, "songs"))
