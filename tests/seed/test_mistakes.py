"""A mistake of the user is one line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from humpback.config import SeedSettings
from humpback.errors import InputError
from humpback.seed import read_seed

from .reading import (
    DATA,
    read,
    write_bytes,
    write_lines,
)


def a_file(name: str, data: bytes) -> Callable[[Path], str]:
    return lambda folder: str(write_bytes(folder / name, data))


def some_lines(*rows: object) -> Callable[[Path], str]:
    return lambda folder: str(write_lines(folder / "seed.jsonl", *rows))


GOOD = b'{"prompt": "a", "response": "b"}\n'
MISTAKES: dict[str, tuple[Callable[[Path], str], str]] = {
    "missing file": (lambda folder: str(folder / "nothing.jsonl"), "no file or folder .*: check seed.source"),
    "empty setting": (lambda folder: "", "seed.source is empty"),
    "unknown package data": (lambda folder: "package:other", "there is package:demo"),
    "empty folder": (str, "no tables in"),
    "unknown ending": (a_file("seed.docx", GOOD), "use one of .jsonl"),
    "empty file": (a_file("seed.jsonl", b""), "holds no rows"),
    "empty list": (a_file("seed.json", b"[]"), "holds no rows"),
    "bad line": (a_file("seed.jsonl", GOOD + b'{"prompt": "a"'), "row 2 of the file .* not JSON"),
    "bad JSON": (a_file("seed.json", b'{"prompt": '), "cannot read"),
    "no list": (a_file("seed.json", b'"prompt"'), "holds no list of rows"),
    "no object": (a_file("seed.jsonl", b'["a", "b"]\n'), "list, not an object"),
    "too deep": (a_file("seed.jsonl", b"[" * 100_000), "not JSON .maximum recursion"),
    "not UTF-8": (a_file("seed.jsonl", GOOD.replace(b"a", b"\xe9")), "is not UTF-8"),
    "cut gzip": (a_file("seed.jsonl.gz", gzip.compress(GOOD * 999)[:-9]), "cannot read"),
    "no gzip": (a_file("seed.jsonl.gz", GOOD), "cannot read"),
    "cut zstd": (a_file("seed.jsonl.zst", pa.compress(GOOD, codec="zstd", asbytes=True)[:-5]), "cannot read"),
    "no Parquet": (a_file("seed.parquet", GOOD), "cannot read"),
    "loose comma": (a_file("seed.csv", b"prompt,response\nHi, you,Hello\n"), "more fields than"),
    "open quote": (a_file("seed.csv", b'prompt,response\n"Hi,Hello\n'), "cannot read"),
    "no response column": (some_lines({"id": 1, "prompt": "a"}), "for a response .*its columns are id, prompt"),
    "no column that fits": (some_lines({"text": "a"}), "for an instruction .*its columns are text"),
    "no response at all": (
        some_lines({"prompt": "a", "response": ""}, {"prompt": "", "response": "b"}),
        "none of the 2 records .*1 'no response', 1 'no instruction'",
    ),
    "a list for a text": (some_lines({"prompt": ["a", "c"], "response": "b"}), "1 'not text'; .*#1: a list"),
    "a text for a talk": (some_lines({"messages": "hello"}), "1 'unreadable turns'; .*#1: a str"),
    "words for turns": (some_lines({"messages": ["hello"]}), "1 'no response'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_says_what_and_where(tmp_path: Path, mistake: str) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises(InputError, match=message) as caught:
        read_seed(SeedSettings(source=make(tmp_path)), rng_seed=0)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("setting", ["instruction", "input", "response", "messages"])
def test_a_named_column_that_is_not_there_is_a_mistake(setting: str) -> None:
    with pytest.raises(InputError, match=rf"seed\.columns\.{setting} is 'gone', but the columns of .* are instruction"):
        read(DATA / "alpaca.json", columns={setting: "gone"})


@pytest.mark.parametrize("format", ["messages", "sharegpt", "oasst"])
def test_a_format_that_does_not_fit_is_a_mistake(format: str) -> None:
    with pytest.raises(InputError, match="its columns are instruction, input, output"):
        read(DATA / "alpaca.json", format=format)


def test_a_password_in_a_url_is_refused_before_it_is_stored() -> None:
    with pytest.raises(ValueError, match=r"a URL holds a password: set an environment variable"):
        SeedSettings(source="s3://user:secret@bucket/seed.jsonl")
    assert SeedSettings(source="s3://user:${SECRET}@bucket/seed.jsonl").source
