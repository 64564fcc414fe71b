"""Processes that share the tasks: the same records, no task lost with a worker, none left behind by a killed parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from humpback.errors import StageError
from humpback.records import Segment
from humpback.runs.store.files import read_record, write_record
from tests.runs.songs import carry_out, shouted, songs, texts


def test_the_work_is_shared_and_the_records_are_the_same(tmp_path):
    song = songs(16, 4, 20)
    alone = carry_out(tmp_path / "alone", song, shouted(song), workers=1)
    shared = carry_out(tmp_path / "shared", song, shouted(song, slow=0.25), workers=2)
    assert texts(shared, "songs") == texts(alone, "songs")
    assert texts(shared, "shouted") == texts(alone, "shouted")
    by = {row.document_id for row in shared.stage("shouted").records(Segment)}
    assert len(by) == 2
    assert str(os.getpid()) not in by


def test_a_part_goes_on_after_its_last_committed_shard(tmp_path):
    song = songs(8, 4, 20)
    run = carry_out(tmp_path / "run", song, workers=1)
    whole = texts(run, "songs")
    folder = run.stage("songs")
    (folder.path / "manifest.json").unlink()
    lost = [index for index in folder.committed() if index % 1_000_000 > 1]
    assert lost
    for index in lost:
        (folder.path / f"part-{index:05d}.parquet").unlink()
        (folder.path / "ended" / f"part-{index // 1_000_000:05d}").unlink(missing_ok=True)
    kept = {path: path.stat().st_mtime_ns for path in folder.path.glob("part-*.parquet")}
    again = carry_out(tmp_path / "run", song, workers=2)
    assert texts(again, "songs") == whole
    assert all(path.stat().st_mtime_ns == moment for path, moment in kept.items())


def test_the_number_of_workers_counts_where_the_system_does_not_tell_its_cores(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    song = songs(16, 4, 20)
    run = carry_out(tmp_path / "alone", song, shouted(song), workers=1)
    assert {row.document_id for row in run.stage("shouted").records(Segment)} == {str(os.getpid())}


def test_shards_of_parts_that_were_made_otherwise_are_thrown_away(tmp_path):
    song = songs(8, 4, 20)
    run = carry_out(tmp_path / "run", song, workers=1)
    whole, folder = texts(run, "songs"), run.stage("songs")
    (folder.path / "manifest.json").unlink()
    started = read_record(folder.path / "started.json")
    for parts, again in ((8, False), (None, True), (4, True)):
        write_record(folder.path / "started.json", started | {"parts": parts})
        first = folder.path / f"part-{folder.committed()[0]:05d}.parquet"
        before = first.stat().st_mtime_ns
        assert texts(carry_out(tmp_path / "run", song, workers=1), "songs") == whole
        assert (first.stat().st_mtime_ns != before) is again
        (folder.path / "manifest.json").unlink()


@pytest.mark.kill
def test_a_worker_that_dies_costs_its_task_only(tmp_path):
    song = songs(16, 4, 20)
    fault = tmp_path / "fault"
    fault.touch()
    run = carry_out(tmp_path / "run", song, shouted(song, fault), workers=2)
    assert not fault.exists(), "a worker was killed"
    assert [text.lower() for _, text in texts(run, "shouted")] == [text for _, text in texts(run, "songs")]


class AlwaysThere:
    """A fault that no death takes away."""

    def unlink(self) -> None:
        pass


@pytest.mark.kill
def test_workers_that_die_again_and_again_end_the_stage_with_one_line(tmp_path):
    song = songs(16, 4, 20)
    with pytest.raises(StageError, match=r"die again and again.*out of memory"):
        carry_out(tmp_path / "run", song, shouted(song, AlwaysThere()), workers=2)


@pytest.mark.kill
def test_a_killed_parent_leaves_no_worker_behind(tmp_path):
    script = (
        "import sys; from pathlib import Path; from tests.runs.songs import carry_out, shouted, songs\n"
        "if __name__ == '__main__':\n"
        "    song = songs(16, 4, 20); carry_out(Path(sys.argv[1]), song, shouted(song, slow=30), workers=2)"
    )
    root = Path(__file__).parents[2]
    parent = psutil.Popen([sys.executable, "-c", script, str(tmp_path / "run")], cwd=root, stderr=subprocess.DEVNULL)
    has_work = tmp_path / "run" / "stages" / "shouted" / "started.json"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (has_work.exists() and len(parent.children(recursive=True)) >= 4):
        time.sleep(0.05)
    family = parent.children(recursive=True)
    assert len(family) >= 4, "a server of forks, its tracker and two workers"
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
