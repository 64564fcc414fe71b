"""Names and files of strangers: none stops a corpus of others, and none reaches the terminal as it is."""

import json
import os
import re
from pathlib import Path

import pytest

from humpback.errors import harmless
from tests.command import humpback, mistake

HOSTILE = b"bad\xff\x1b[31m\xe2\x80\xaename.md"


def test_a_name_that_is_not_utf8_stops_nothing(documents, tmp_path):
    whole = next(documents.glob("*.md")).read_bytes()
    Path(os.fsdecode(os.fsencode(documents) + b"/" + HOSTILE)).write_bytes(whole.replace(b"For ", b"In "))
    done = humpback("segment", documents, "--out", tmp_path / "out.jsonl", "--dropped", tmp_path / "dropped.jsonl")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["source"] for row in rows} >= {"docs/bread.md", "docs/bad\\udcff\x1b[31m\u202ename.md"}


def test_a_folder_and_a_file_that_cannot_be_read_are_counted(documents, tmp_path, monkeypatch):
    (documents / "closed").mkdir()
    closed, walk_into = str(documents / "closed"), os.scandir

    def scandir(path):
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return walk_into(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (documents / "moss.md").unlink()
    (documents / "moss.md").symlink_to("moss.md")
    done = humpback("segment", documents, "--out", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    assert "passed over: 1 that cannot be read" in done.stdout


@pytest.mark.parametrize("command", [("status",), ("segment", "--out", "x.jsonl"), ("run",), ("verify",), ("plan",)])
def test_what_a_stranger_named_is_printed_harmless(command, tmp_path):
    name = tmp_path / os.fsdecode(HOSTILE)
    line = mistake(command[0], name, *command[1:], "--log-file", tmp_path / "log.txt", cwd=tmp_path)
    logged = (tmp_path / "log.txt").read_text(encoding="utf-8")
    for text in (line, logged):
        assert "bad" in text
        assert not set(text) & set("\x1b\u202e\udcff")
    assert re.search(r"\\(x|u00)1b\[31m\\u202ename", line)


def test_text_in_any_script_stays_as_it_is():
    for text in ("Grüße\taus\nKöln", "می‌خواهم", "नमस्ते", "👨‍👩‍👧", "ภาษาไทย"):
        assert harmless(text) == text
