"""Decisions of people: nothing is lost, everything can be undone, files can be merged."""

import json
from pathlib import Path

import pytest

from humpback.data_access.decisions import Decisions, Opinion, read_rulings, rulings_digest
from humpback.errors import InputError


def test_a_later_change_adds_to_an_earlier_one(tmp_path: Path):
    decisions = Decisions(tmp_path)
    decisions.record("anna", ["a", "b"], {"verdict": "approve"})
    decisions.record("anna", ["a"], {"instruction": "Mended?", "tags": ["odd"], "note": "why"})
    assert decisions.opinion("anna", "a") == Opinion("approve", "Mended?", None, ("odd",), "why")
    assert decisions.decided("anna") == {"a": "approve", "b": "approve"}


def test_what_was_undone_can_be_done_again_until_something_else_is_done(tmp_path: Path):
    decisions = Decisions(tmp_path)
    decisions.record("anna", ["a", "b"], {"verdict": "reject"})
    decisions.record("anna", ["a"], {"verdict": "approve"})
    assert decisions.undo("anna")
    assert decisions.opinion("anna", "a").verdict == "reject"
    assert decisions.undo("anna")
    assert decisions.decided("anna") == {}
    assert not decisions.undo("anna")
    assert decisions.redo("anna")
    assert decisions.redo("anna")
    assert decisions.decided("anna") == {"a": "approve", "b": "reject"}
    decisions.undo("anna")
    decisions.record("anna", ["c"], {"verdict": "reject"})
    assert not decisions.redo("anna")
    assert Decisions(tmp_path).decided("anna") == decisions.decided("anna")


def test_another_process_sees_what_is_added(tmp_path: Path):
    mine, theirs = Decisions(tmp_path), Decisions(tmp_path)
    theirs.record("ben", ["a"], {"verdict": "reject"})
    mine.refresh()
    assert mine.decided("ben") == {"a": "reject"}
    assert ("ben", "a") in mine.changed


def test_a_line_that_a_kill_cut_short_is_no_line(tmp_path: Path):
    Decisions(tmp_path).record("anna", ["a"], {"verdict": "reject"})
    path = tmp_path / "anna.jsonl"
    path.write_bytes(path.read_bytes() + b'{"at": "2026-01-01", "by": "an')
    assert Decisions(tmp_path).decided("anna") == {"a": "reject"}
    Decisions(tmp_path).record("anna", ["b"], {"verdict": "approve"})
    assert Decisions(tmp_path).decided("anna") == {"a": "reject", "b": "approve"}


def test_files_that_were_joined_count_each_line_once(tmp_path: Path):
    decisions = Decisions(tmp_path)
    decisions.record("anna", ["a"], {"verdict": "reject"})
    decisions.undo("anna")
    decisions.record("ben", ["a"], {"verdict": "approve"})
    lines = "".join(path.read_text() for path in sorted(tmp_path.glob("*.jsonl")))
    joined = tmp_path / "joined" / "all.jsonl"
    joined.parent.mkdir()
    joined.write_text(lines + lines)
    assert read_rulings(str(joined)) == decisions.rulings()
    assert decisions.rulings()["a"].verdict == "approve"


def test_a_file_that_git_merged_is_read_anew(tmp_path: Path):
    decisions = Decisions(tmp_path)
    decisions.record("anna", ["b"], {"verdict": "approve"})
    path, other = tmp_path / "anna.jsonl", tmp_path / "copy"
    Decisions(other).record("anna", ["a", "b"], {"verdict": "reject"})
    merged = (other / "anna.jsonl").read_bytes() + path.read_bytes()
    (tmp_path / "merged").write_bytes(merged)
    (tmp_path / "merged").replace(path)
    decisions.refresh()
    assert decisions.decided("anna") == {"a": "reject", "b": "reject"}


def test_most_annotators_decide_and_a_tie_decides_nothing(tmp_path: Path):
    decisions = Decisions(tmp_path)
    for name, verdict in (("anna", "approve"), ("ben", "reject")):
        decisions.record(name, ["a"], {"verdict": verdict})
    assert decisions.rulings() == {}
    decisions.record("cleo", ["a"], {"verdict": "reject"})
    assert decisions.rulings()["a"].verdict == "reject"


def test_notes_and_tags_alone_change_no_result(tmp_path: Path):
    decisions = Decisions(tmp_path)
    decisions.record("anna", ["a"], {"note": "look again", "tags": ["odd"]})
    assert rulings_digest(decisions.rulings()) is None
    decisions.record("anna", ["a"], {"response": "Better."})
    assert rulings_digest(decisions.rulings()) is not None


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", json.dumps({"instruction": "x"}), "[]"])
def test_a_line_that_is_no_decision_is_named(tmp_path: Path, line: str):
    (tmp_path / "anna.jsonl").write_text(line + "\n")
    with pytest.raises(InputError, match=r"anna\.jsonl holds a line that is no decision"):
        Decisions(tmp_path)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="name of an annotator"):
        Decisions(tmp_path).record(name, ["a"], {"verdict": "reject"})
    assert not list(tmp_path.parent.glob("*.jsonl"))


def test_an_empty_text_or_another_verdict_is_refused(tmp_path: Path):
    for changes in ({"verdict": "maybe"}, {"instruction": " "}):
        with pytest.raises(InputError, match="no empty text"):
            Decisions(tmp_path).record("anna", ["a"], changes)
