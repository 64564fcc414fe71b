"""Tokenised pairs on the disk: found again by content, and never all in memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from humpback.config import TagSettings
from humpback.models.template import Example, Template
from humpback.records import Dropped, Pair
from humpback.training.tokens import Rendered, open_tokens, tokenise, write_tokens
from tests.killing import Fork

from .rendering import build_examples

_TAGS = TagSettings()


@pytest.fixture
def tokenizer(tiny_model: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_model)


class Counted:
    """Pairs that know how often they were gone through."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.pairs, self.times = pairs, 0

    def __iter__(self) -> Iterator[Pair]:
        self.times += 1
        return iter(self.pairs)


def test_what_lies_on_the_disk_is_what_the_renderer_makes(pairs: list[Pair], tokenizer: Any) -> None:
    talk = replace(pairs[0], id="talk", later=("And then?", "Nothing."), system="Be brief.")
    some = [
        *pairs,
        talk,
        replace(talk, unlearnt=(0,)),
        Pair("empty", "What?", " ", "seed", "test"),
        Pair("long", "What?", "word " * 500, "seed", "test"),
    ]
    expected = build_examples(some, "forward", Template(tokenizer), _TAGS, 200)
    found = tokenise(some, "forward", tokenizer, _TAGS, 200)
    assert [found.example(index) for index in range(len(found))] == list(expected.kept)
    assert found.lengths.tolist() == [len(example.ids) for example in expected.kept]
    assert found.targets.tolist() == [example.targets for example in expected.kept]
    assert found.from_seed.tolist() == [pair.origin == "seed" for pair in some[:-2]]
    assert (found.read, found.dropped) == (24, {"no target": 1, "too long": 1})


def test_the_same_pairs_are_tokenised_once(pairs: list[Pair], tokenizer: Any) -> None:
    counted = Counted(pairs)
    first = tokenise(counted, "forward", tokenizer, _TAGS, 200)  # type: ignore[arg-type]
    again = tokenise(counted, "forward", tokenizer, _TAGS, 200)  # type: ignore[arg-type]
    assert counted.times == 3  # twice to be named, once to be rendered
    assert first.folder == again.folder


def test_whatever_decides_the_tokens_decides_the_name(pairs: list[Pair], tokenizer: Any, tiny_chat_model: Path) -> None:
    chat = AutoTokenizer.from_pretrained(tiny_chat_model)
    changed = dataclasses.replace(pairs[0], instruction=pairs[0].instruction + "?")
    ways: list[tuple[list[Pair], Any, Any, TagSettings, int]] = [
        (pairs, "forward", tokenizer, _TAGS, 200),
        (pairs, "backward", tokenizer, _TAGS, 200),
        (pairs, "forward", chat, _TAGS, 200),
        (pairs, "forward", tokenizer, TagSettings(enabled=False), 200),
        (pairs, "forward", tokenizer, _TAGS, 150),
        (pairs[::-1], "forward", tokenizer, _TAGS, 200),
        ([changed, *pairs[1:]], "forward", tokenizer, _TAGS, 200),
    ]
    assert len({tokenise(*way).content for way in ways}) == len(ways)


def test_a_text_that_moves_between_the_fields_is_another_pair(tokenizer: Any) -> None:
    one, other = Pair("1", "ab", "c", "seed", "t"), Pair("1", "a", "bc", "seed", "t")
    contents = {tokenise([pair], "forward", tokenizer, _TAGS, 200).content for pair in (one, other)}
    assert len(contents) == 2


def test_a_training_that_is_tried_again_does_not_tokenise_again(train: Any, pairs: list[Pair]) -> None:
    counted = Counted(pairs)
    train("first", data=counted)
    assert counted.times == 2
    train("second", data=counted, learning_rate=1e-4, final_learning_rate=1e-5)
    assert counted.times == 3


def test_pairs_that_can_be_gone_through_once_are_trained_on_all_the_same(train: Any, pairs: list[Pair]) -> None:
    assert train(data=iter(pairs)).examples == len(pairs)


def test_what_was_not_used_for_longest_makes_room(pairs: list[Pair], tokenizer: Any) -> None:
    sizes = []
    for room_for in (150, 160, 170):
        found = tokenise(pairs, "forward", tokenizer, _TAGS, room_for)
        sizes.append((found.folder / "tokens.arrow").stat().st_size)
    last = tokenise(pairs, "backward", tokenizer, _TAGS, 200, cache_bytes=sum(sizes) + 10)
    left = {folder.name for folder in last.folder.parent.iterdir()}
    assert last.folder.name in left
    assert tokenise(pairs, "forward", tokenizer, _TAGS, 150).folder.name not in left
    assert len(left) < 4


def test_a_hundred_thousand_examples_are_read_without_being_held(tmp_path: Path) -> None:
    """In a process of its own: writing and reading 80 MB of tokens takes little memory of the process's own."""

    def own() -> int:
        with Path("/proc/self/status").open() as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

    def work() -> None:
        before = own()
        examples = (Example(tuple(range(n % 7, n % 7 + 200)), 50) for n in range(100_000))
        write_tokens((Rendered(example, True) for example in examples), tmp_path)
        tokens = open_tokens(tmp_path)
        total = sum(tokens.example(index).ids[0] for index in range(0, 100_000, 100))
        print((own() - before) // 1024, len(tokens), total)

    printed, _ = Fork(work).communicate()
    grown, count, total = map(int, printed.split())
    assert (count, total) == (100_000, sum(n % 7 for n in range(0, 100_000, 100)))
    assert (tmp_path / "tokens.arrow").stat().st_size > 80_000_000
    assert grown < 60


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    write_tokens([Rendered(Dropped("1", "too long", "", "t", ""), True)], tmp_path)
    found = open_tokens(tmp_path)
    assert (len(found), found.read, found.dropped) == (0, 1, {"too long": 1})
    assert (found.lengths.dtype, found.from_seed.dtype) == (np.int32, np.bool_)


def test_tokens_beyond_sixteen_bits_survive(tmp_path: Path) -> None:
    example = Example((0, 262_143, 65_536), 1)
    write_tokens([Rendered(example, from_seed=True)], tmp_path)
    assert open_tokens(tmp_path).example(0) == example
