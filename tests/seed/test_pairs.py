"""Normalising, sampling and parting the pairs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.config import DecontaminateSettings, SeedSettings
from humpback.errors import InputError
from humpback.records import Dropped, Pair
from humpback.seed import hold_out, read_seed
from humpback.seed.pairs import normal_text
from humpback.text.contamination import read_contamination

from .reading import (
    DATA,
    PRIME,
    PUBLIC,
    needs_public_data,
    numbered_pairs,
    read,
    reasons,
    texts,
    write_lines,
)


def test_texts_are_stripped_composed_and_have_unix_line_ends(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "seed.jsonl", {"prompt": " Cafe\u0301?\r\n", "response": "\n1\r\n2\r3\n"})
    assert texts(read(path)) == [("Café?", "1\n2\n3")]


@given(st.text(st.characters(exclude_categories=())))
def test_normal_text_is_stable_and_can_be_stored(text: str) -> None:
    once = normal_text(text)
    assert normal_text(once) == once
    assert once.encode("utf-8").decode("utf-8") == once


def test_empty_and_repeated_records_are_dropped_with_a_reason(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "seed.jsonl",
        {"prompt": PRIME[0], "response": PRIME[1]},
        {"prompt": " \n", "response": "Yes."},
        {"prompt": "Why?", "response": None},
        {"prompt": f" {PRIME[0]}", "response": PRIME[1]},
        {"prompt": "What is the score?", "response": float("nan")},
        {"prompt": "What is 6 * 7?", "response": 42},
        {"response": "No prompt at all."},
    )
    records = read(path)
    assert texts(records) == [PRIME, ("What is 6 * 7?", "42")]
    assert reasons(records) == ["no instruction", "no response", "duplicate", "no response", "no instruction"]
    assert records[3].source == "seed.jsonl#4"
    assert isinstance(records[3], Dropped)
    assert records[3].detail == "of seed.jsonl#1"
    assert len({record.id for record in records}) == len(records)


def test_every_record_that_came_in_is_kept_or_dropped() -> None:
    outcome = read_seed(SeedSettings(source=str(DATA / "oasst_flat.jsonl")), rng_seed=0)
    assert (outcome.read, len(outcome.kept), len(outcome.dropped)) == (7, 1, 6)


def test_the_limit_takes_a_seeded_sample_and_not_the_first(tmp_path: Path) -> None:
    rows = [{"prompt": pair.instruction, "response": pair.response} for pair in numbered_pairs(100)]
    forwards = SeedSettings(source=str(write_lines(tmp_path / "a.jsonl", *rows)), limit=10)
    backwards = SeedSettings(source=str(write_lines(tmp_path / "b.jsonl", *rows[::-1])), limit=10)
    outcome = read_seed(forwards, rng_seed=1)
    ids = {pair.id for pair in outcome.kept}
    assert len(ids) == 10
    assert ids == {pair.id for pair in read_seed(backwards, rng_seed=1).kept}
    assert ids != {pair.id for pair in read_seed(forwards, rng_seed=2).kept}
    assert [pair.source for pair in outcome.kept] != [f"a.jsonl#{number}" for number in range(1, 11)]
    assert Counter(dropped.reason for dropped in outcome.dropped) == {"not sampled": 90}
    assert outcome.read == 100


def test_pairs_that_hold_an_evaluation_prompt_are_dropped_before_the_sample_is_taken(tmp_path: Path) -> None:
    asked = "Which of these two bridges would you cross with a cart full of glass?"
    rows = [{"prompt": f"Tell me: {asked}", "response": "The lower one."}, {"prompt": "Name one.", "response": asked}]
    rows += [{"prompt": asked, "response": "A lower one.", "history": [["Hi.", "Hello."]]}]  # type: ignore[dict-item]
    rows += [{"prompt": pair.instruction, "response": pair.response} for pair in numbered_pairs(20)]
    against = write_lines(tmp_path / "eval.jsonl", {"prompt": asked})
    contamination = read_contamination(DecontaminateSettings(against=(str(against),)))
    settings = SeedSettings(source=str(write_lines(tmp_path / "seed.jsonl", *rows)), limit=20, turns="all")
    outcome = read_seed(settings, 0, contamination)
    assert (outcome.read, len(outcome.kept)) == (23, 20)
    assert [dropped.source for dropped in outcome.dropped] == ["seed.jsonl#1", "seed.jsonl#2", "seed.jsonl#3"]
    assert {dropped.reason for dropped in outcome.dropped} == {"holds an evaluation prompt"}
    assert outcome.dropped[0].detail == "eval.jsonl#1: 7 of 7 8-grams"
    assert len({dropped.id for dropped in outcome.dropped}) == 3


def test_a_seed_that_is_all_evaluation_prompts_is_a_mistake(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "seed.jsonl", {"prompt": "How long does a loaf bake?", "response": "An hour."})
    contamination = read_contamination(DecontaminateSettings(against=(str(path),)))
    with pytest.raises(InputError, match="1 'holds an evaluation prompt'"):
        read_seed(SeedSettings(source=str(path)), 0, contamination)


def test_the_held_out_part_does_not_depend_on_order() -> None:
    pairs = numbered_pairs(300)
    split = hold_out(pairs, SeedSettings(), rng_seed=3)
    again = hold_out(pairs[::-1], SeedSettings(), rng_seed=3)
    assert len(split.heldout) == 30
    assert {pair.id for pair in split.heldout} == {pair.id for pair in again.heldout}
    assert not {pair.id for pair in split.heldout} & {pair.id for pair in split.train}
    assert [*split.train, *split.heldout] != pairs
    assert sorted(pair.id for pair in (*split.train, *split.heldout)) == sorted(pair.id for pair in pairs)
    assert hold_out(pairs, SeedSettings(), rng_seed=4) != split


def test_new_pairs_leave_the_part_of_the_old_ones_as_it_was() -> None:
    settings = SeedSettings(holdout_share=0.2)
    before = {pair.id for pair in hold_out(numbered_pairs(300), settings, rng_seed=0).heldout}
    after = {pair.id for pair in hold_out(numbered_pairs(310), settings, rng_seed=0).heldout}
    assert len(before & after) >= len(before) - 10


def test_the_held_out_part_has_a_least_size() -> None:
    assert len(hold_out(numbered_pairs(48), SeedSettings(), rng_seed=0).heldout) == 16


@pytest.mark.parametrize(("count", "settings"), [(47, {}), (5, {}), (100, {"holdout_share": 0.9})])
def test_too_few_pairs_to_part_is_a_mistake(count: int, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"has {count} pairs: with .* fewer than 32: add pairs"):
        hold_out(numbered_pairs(count), SeedSettings(**settings), rng_seed=0)


def test_pairs_with_the_same_instruction_are_not_parted() -> None:
    twins = [Pair(f"{p.id}-2", p.instruction.upper(), f"{p.response}!", "seed", "twins") for p in numbered_pairs(60)]
    split = hold_out([*numbered_pairs(60), *twins], SeedSettings(), rng_seed=0)
    asked = {pair.instruction.casefold() for pair in split.heldout}
    assert len(split.heldout) == 16
    assert not asked & {pair.instruction.casefold() for pair in split.train}


@pytest.mark.data
@needs_public_data
def test_dolly_is_read_whole() -> None:
    outcome = read_seed(SeedSettings(source=str(PUBLIC / "dolly15k.jsonl.gz")), rng_seed=0)
    assert outcome.read == 15015
    assert len(outcome.kept) > 14_900
    assert {dropped.reason for dropped in outcome.dropped} <= {"duplicate", "no response", "no instruction"}
    split = hold_out(outcome.kept, SeedSettings(), rng_seed=0)
    assert len(split.heldout) == pytest.approx(0.1 * len(outcome.kept), abs=5)


@pytest.mark.data
@needs_public_data
@pytest.mark.parametrize(
    ("name", "rows"), [("oasst1_en_validation_top.jsonl.gz", 186), ("self_instruct_seed175.jsonl", 175)]
)
def test_other_public_seeds_are_read_whole(name: str, rows: int) -> None:
    outcome = read_seed(SeedSettings(source=str(PUBLIC / name)), rng_seed=0)
    assert (outcome.read, len(outcome.kept)) == (rows, rows)


@pytest.mark.data
@needs_public_data
def test_of_a_seed_that_alpaca_eval_was_made_of_hardly_a_pair_stays() -> None:
    against = (str(PUBLIC.parent / "eval" / "alpaca_eval_prompts.jsonl.gz"),)
    contamination = read_contamination(DecontaminateSettings(against=against))
    outcome = read_seed(SeedSettings(source=str(PUBLIC / "oasst1_en_validation_top.jsonl.gz")), 0, contamination)
    assert (outcome.read, len(outcome.kept)) == (186, 4)
    assert max(len(pair.instruction.split()) for pair in outcome.kept) <= 4  # too short to be looked for
    outcome = read_seed(SeedSettings(source=str(PUBLIC / "self_instruct_seed175.jsonl")), 0, contamination)
    assert len(outcome.kept) == 175
