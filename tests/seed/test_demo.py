"""The pairs that ship: enough of them, varied, and right in what a test can check."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from statistics import median
from textwrap import dedent

import pytest

from humpback.config import SeedSettings
from humpback.seed import hold_out, read_seed

LINES = (files("humpback.demo") / "demo_seed.jsonl").read_text(encoding="utf-8").splitlines()
ROWS: list[dict[str, str]] = [json.loads(line) for line in LINES]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def test_every_pair_is_taken_as_it_stands() -> None:
    outcome = read_seed(SeedSettings(source="package:demo"), rng_seed=0)
    assert not outcome.dropped
    assert [(pair.instruction, pair.response) for pair in outcome.kept] == [
        (row["instruction"], row["response"]) for row in ROWS
    ]
    assert outcome.kept[0].source == "demo_seed.jsonl#1"


def test_there_are_enough_to_hold_some_out() -> None:
    assert len(ROWS) >= 150
    split = hold_out(
        read_seed(SeedSettings(source="package:demo"), rng_seed=0).kept, SeedSettings(source="package:demo"), rng_seed=0
    )
    assert len(split.heldout) >= 16
    assert len(split.train) >= 130


def test_rows_have_two_fields_and_no_instruction_or_response_twice() -> None:
    assert {tuple(row) for row in ROWS} == {("instruction", "response")}
    assert len({row["instruction"].casefold() for row in ROWS}) == len(ROWS)
    assert len({row["response"].casefold() for row in ROWS}) == len(ROWS)


def test_lengths_are_those_of_documentation_and_of_everyday_answers() -> None:
    asked = [len(row["instruction"]) for row in ROWS]
    answered = [len(row["response"]) for row in ROWS]
    assert min(asked) >= 15
    assert max(asked) <= 400
    assert min(answered) >= 40
    assert max(answered) <= 1500
    assert 500 <= median(answered) <= 700
    assert sum(600 <= length <= 1400 for length in answered) >= 0.4 * len(ROWS)


def test_tasks_are_varied() -> None:
    first_words = [re.findall(r"\w+", row["instruction"].casefold())[0] for row in ROWS]
    assert len(set(first_words)) >= 40
    assert max(map(first_words.count, first_words)) <= 0.1 * len(ROWS)


@pytest.mark.parametrize("key", ["instruction", "response"])
def test_code_is_well_formed(key: str) -> None:
    blocks = 0
    for row in ROWS:
        assert row[key].count("```") == 2 * len(FENCE.findall(row[key])), row["instruction"]
        for _, language, code in FENCE.findall(row[key]):
            if language == "python":
                compile(dedent(code), row["instruction"], "exec")
                blocks += 1
            elif language == "json":
                json.loads(code)
    assert blocks >= 3


def test_no_answer_speaks_of_itself_or_refuses() -> None:
    for row in ROWS:
        assert not re.search(r"\bas an ai\b|\bi cannot\b|\blanguage model,", row["response"].casefold())
