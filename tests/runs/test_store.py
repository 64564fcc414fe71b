"""The run folder: what is there is whole, what is whole is kept."""

import errno
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from humpback.errors import StoreError
from humpback.records import Dropped, Outcome, Rating, Segment, Usage
from humpback.runs.recipe import Recipe
from humpback.runs.store import Run, write_text
from humpback.runs.store.run import Holder

SEGMENT = Segment("s1", "d1", "guide.md", ("Guide", "Install"), "Run pip.", "en")
UNRATED = Rating("c1", 1, "rating", "forward-0@1", "unparsed", None, "no score here", "stop")
DROP = Dropped("s2", "too short", "12 characters", "guide.md", "Run it.")
RECIPE = Recipe("segments", 1, {"corpus.segment.min_chars": 600}, {"seed": "abc"})


def test_a_committed_shard_reads_back_as_it_was(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    folder.commit(0, Outcome((SEGMENT,), (DROP,), 2, Usage(7, 3)), Segment, 1.5)
    assert folder.shard(0, Segment) == [SEGMENT]
    assert list(folder.dropped()) == [DROP]
    counts = folder.counts()
    assert (counts.read, counts.kept, counts.dropped) == (2, 1, {"too short": 1})
    assert (counts.tokens_read, counts.tokens_written, counts.seconds) == (7, 3, 1.5)


def test_the_characters_of_segments_are_counted_kept_and_dropped(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    unread = Dropped("d2", "http status", "404", "gone.html", "")
    for number in range(2):
        folder.commit(number, Outcome((SEGMENT,), (replace(DROP, chars=12), unread), 3), Segment, 0.0)
    counts = folder.counts()
    assert counts.chars_kept == 2 * len(SEGMENT.text)
    assert counts.chars_dropped == {"too short": 24}


def test_a_ledger_and_counts_of_an_earlier_version_have_no_characters(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    folder.commit(0, Outcome((SEGMENT,), (DROP,), 2), Segment, 1.5)
    for path, columns in (
        (folder.path / "part-00000.parquet", ()),
        (folder.path / "dropped/part-00000.parquet", ["chars"]),
    ):
        table = pq.ParquetFile(path).read()
        facts = json.loads((table.schema.metadata or {}).get(b"humpback.counts", b"{}"))
        facts.pop("chars_kept", None), facts.pop("chars_dropped", None)
        older = table.drop_columns(columns) if columns else table
        pq.write_table(older.replace_schema_metadata({"humpback.counts": json.dumps(facts)}), path)
    assert list(folder.dropped()) == [DROP]
    assert (folder.counts().kept, folder.counts().chars_kept) == (1, 0)


def test_a_missing_score_stays_missing(tmp_path):
    folder = Run(tmp_path).stage("ratings-1")
    folder.start(RECIPE)
    folder.commit(0, Outcome((UNRATED,), (), 1), Rating, 0.0)
    assert folder.shard(0, Rating) == [UNRATED]


def test_an_empty_shard_is_a_shard(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    folder.commit(0, Outcome((), (DROP,), 1), Segment, 0.0)
    assert folder.committed() == [0]
    assert folder.shard(0, Segment) == []


def test_a_record_that_vanishes_is_an_error_and_nothing_is_written(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    with pytest.raises(StoreError, match="3 in, 1 kept, 1 dropped"):
        folder.commit(0, Outcome((SEGMENT,), (DROP,), 3), Segment, 0.0)
    assert folder.committed() == []


def test_half_written_files_are_cleared_at_the_next_start(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    (folder.path / "part-00000.parquet.tmp").write_bytes(b"half")
    (folder.path / "dropped" / "part-00000.parquet.tmp").write_bytes(b"half")
    folder.start(RECIPE)
    assert folder.committed() == []
    assert not list(folder.path.rglob("*.tmp"))


def test_a_changed_setting_is_named(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    other = Recipe("segments", 1, {"corpus.segment.min_chars": 300}, {"seed": "abc"})
    assert other.changes_since(folder.recipe()) == ["corpus.segment.min_chars 600 -> 300"]
    assert other.fingerprint != RECIPE.fingerprint


def test_a_digest_is_told_by_what_it_is_of(tmp_path):
    def read(digest: str, name: str = "") -> Recipe:
        return Recipe(
            "seed", 1, {"seed.content": digest * 32}, {}, {"seed.content": f"seed.source {name}"} if name else {}
        )

    folder = Run(tmp_path).stage("seed")
    folder.start(read("a", "old.jsonl"))
    before = folder.recipe()
    assert read("b", "new.jsonl").changes_since(before) == ["seed.source old.jsonl -> new.jsonl"]
    assert read("b", "old.jsonl").changes_since(before) == ["the content of seed.source old.jsonl changed"]
    assert read("b").changes_since(before) == ["seed.content changed"]
    assert read("a", "new.jsonl").fingerprint == read("a", "old.jsonl").fingerprint == before["fingerprint"]
    del before["origins"]  # a run of an earlier version
    assert read("b", "new.jsonl").changes_since(before) == ["the content of seed.source new.jsonl changed"]


def test_a_changed_upstream_stage_is_named(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    other = Recipe("segments", 1, RECIPE.settings, {"seed": "xyz"})
    assert other.changes_since(folder.recipe()) == ["seed changed"]


def test_a_new_setting_that_is_not_given_makes_nothing_stale():
    newer = Recipe("segments", 1, {**RECIPE.settings, "corpus.segment.new": None}, RECIPE.upstream)
    assert newer.fingerprint == RECIPE.fingerprint


def test_the_manifest_makes_a_stage_done(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    assert folder.manifest() is None
    folder.finish(RECIPE, folder.counts(), {"note": 1})
    manifest = folder.manifest()
    assert manifest["fingerprint"] == RECIPE.fingerprint
    assert manifest["settings"] == {"corpus.segment.min_chars": 600}


def test_a_damaged_manifest_is_one_clear_line(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    (folder.path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match=r"segments: manifest.json is damaged \(.*\): run again with --redo segments"):
        folder.recipe()


def test_a_damaged_shard_is_one_clear_line(tmp_path):
    folder = Run(tmp_path).stage("segments")
    folder.start(RECIPE)
    (folder.path / "part-00000.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(StoreError, match=r"segments: part-00000.parquet is damaged .*--redo segments"):
        folder.shard(0, Segment)


def test_a_second_run_on_one_folder_is_refused_until_the_first_is_killed(tmp_path):
    hold = (
        "import sys, time; from pathlib import Path; from humpback.runs.store import Run\n"
        "with Run(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match=f"in use by process {holder.pid}"), Run(tmp_path).locked():
            pass
        assert Run(tmp_path).holder() == Holder(holder.pid, socket.gethostname())
        holder.kill()
        holder.wait()
    assert Run(tmp_path).holder() is None, "a process that died holds nothing"
    with Run(tmp_path).locked():
        assert Run(tmp_path).holder() == Holder(os.getpid(), socket.gethostname())
    assert Run(tmp_path).holder() is None


def test_a_full_disk_is_one_clear_line_and_the_old_file_stays(tmp_path, monkeypatch):
    target = tmp_path / "config.yaml"
    write_text(target, "old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="the disk is full"):
        write_text(target, "new" * 10_000)
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_the_log_is_one_json_object_a_line(tmp_path):
    run = Run(tmp_path)
    run.log("begin", stage="seed")
    run.log("end", stage="seed", kept=3)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["begin", "end"]
    assert lines[1]["kept"] == 3
