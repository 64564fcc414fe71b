"""Every layout gives the same kind of pair."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from humpback.config import ColumnSettings
from humpback.records import Dropped, Pair, content_id

from .reading import (
    BEES,
    DATA,
    PRIME,
    read,
    reasons,
    texts,
    write_lines,
)


@pytest.mark.parametrize(
    ("instruction", "response"),
    [("instruction", "response"), ("instruction", "output"), ("prompt", "completion"), ("question", "answer")],
)
def test_the_usual_names_of_pairs_are_found(tmp_path: Path, instruction: str, response: str) -> None:
    path = write_lines(tmp_path / "seed.jsonl", {"id": 1, instruction: PRIME[0], response: PRIME[1]})
    assert texts(read(path)) == [PRIME]


def test_names_are_found_in_any_case(tmp_path: Path) -> None:
    assert texts(read(write_lines(tmp_path / "seed.jsonl", {"Question": PRIME[0], "Answer": PRIME[1]}))) == [PRIME]


def test_a_pair_knows_its_place_its_origin_and_its_content() -> None:
    pair = read(DATA / "alpaca.json")[1]
    assert pair == Pair(content_id(*PRIME), *PRIME, "seed", "alpaca.json#2")


def test_alpaca_input_is_put_behind_the_instruction() -> None:
    assert texts(read(DATA / "alpaca.json")) == [("Sort the words.\n\npear, apple", "apple, pear"), PRIME]


def test_an_input_that_first_comes_late_is_not_overlooked(tmp_path: Path) -> None:
    plain = [{"instruction": f"Say {n}.", "output": str(n)} for n in range(1500)]
    path = write_lines(tmp_path / "seed.jsonl", *plain, {"instruction": "Sort.", "input": "b a", "output": "a b"})
    assert texts(read(path))[-1] == ("Sort.\n\nb a", "a b")


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "seed.jsonl", {"task": "Sort.", "material": "b a", "gold": "a b", "output": "no"})
    columns = ColumnSettings(instruction="task", input="material", response="gold")
    assert texts(read(path, columns=columns)) == [("Sort.\n\nb a", "a b")]


def test_a_column_used_as_instruction_is_not_context_as_well(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "seed.jsonl", {"input": PRIME[0], "output": PRIME[1]})
    assert texts(read(path, columns=ColumnSettings(instruction="input"))) == [PRIME]


def test_rows_with_context_can_be_left_out() -> None:
    records = read(DATA / "alpaca.json", without_context=True)
    assert texts(records) == [PRIME]
    assert reasons(records) == ["has context"]


def test_of_messages_the_first_exchange_is_taken_with_the_words_of_the_system() -> None:
    records = read(DATA / "messages.jsonl")
    assert texts(records) == [("You are terse.\n\nName a prime.", "Seven."), ("Name a whale.", "The humpback.")]
    assert reasons(records) == ["later turns", "no response", "no instruction"]


def test_of_sharegpt_a_conversation_without_its_beginning_is_dropped() -> None:
    records = read(DATA / "sharegpt.jsonl")
    assert texts(records) == [PRIME]
    assert [(r.reason, r.detail) for r in records if isinstance(r, Dropped)] == [
        ("no instruction", "the conversation begins with the assistant")
    ]


def test_a_conversation_may_stand_in_a_cell_as_json(tmp_path: Path) -> None:
    talk = json.dumps([{"from": "human", "value": PRIME[0]}, {"from": "gpt", "value": PRIME[1]}])
    assert texts(read(write_lines(tmp_path / "seed.jsonl", {"chat": talk}), columns={"messages": "chat"})) == [PRIME]


def test_format_decides_where_two_layouts_fit(tmp_path: Path) -> None:
    talk = [{"role": "user", "content": PRIME[0]}, {"role": "assistant", "content": PRIME[1]}]
    path = write_lines(tmp_path / "seed.jsonl", {"prompt": BEES[0], "response": BEES[1], "messages": talk})
    assert texts(read(path)) == [BEES]
    assert texts(read(path, format="messages")) == [PRIME]


def test_open_assistant_messages_give_the_best_first_reply() -> None:
    records = read(DATA / "oasst_flat.jsonl")
    assert texts(records) == [BEES]
    assert Counter(reasons(records)) == {"later turns": 1, "other language": 1, "no response": 2, "not approved": 2}
    assert records[0].source == "oasst_flat.jsonl#2"


def test_of_open_assistants_trees_the_best_replies_are_the_conversation(tmp_path: Path) -> None:
    def said(text: str, *replies: dict[str, object], rank: int | None = None) -> dict[str, object]:
        role = "prompter" if rank is None else "assistant"
        return {"message_id": text, "text": text, "role": role, "rank": rank, "replies": list(replies)}

    best = said("Seven.", said("Deleted.") | {"deleted": True}, said("More?", said("Eleven.", rank=0)), rank=0)
    tree = said("Name a prime.", said("Nine.", rank=1), best)

    def flat(message: dict[str, object], parent: object = None) -> Iterator[dict[str, object]]:
        yield {name: value for name, value in message.items() if name != "replies"} | {"parent_id": parent}
        for reply in message["replies"]:  # type: ignore[attr-defined]
            yield from flat(reply, message["message_id"])

    for name, rows in (("tree.jsonl", [{"prompt": tree}]), ("flat.jsonl", list(flat(tree)))):
        (pair,) = read(write_lines(tmp_path / name, *rows), turns="all")
        assert isinstance(pair, Pair)
        assert (pair.instruction, pair.response, pair.later) == (*PRIME, ("More?", "Eleven."))


def test_open_assistant_trees_give_the_best_first_reply() -> None:
    records = read(DATA / "oasst_trees.jsonl")
    assert texts(records) == [BEES]
    assert reasons(records) == ["other language", "no response", "not approved"]


@pytest.mark.parametrize("name", ["oasst_flat.jsonl", "oasst_trees.jsonl"])
def test_open_assistant_in_another_language_or_in_all(name: str) -> None:
    spanish = ("¿Qué es una ballena?", "Un mamífero marino.")
    assert texts(read(DATA / name, language="es")) == [spanish]
    assert texts(read(DATA / name, language="")) == [BEES, spanish]


def test_open_assistant_as_csv_where_every_value_is_a_word(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (DATA / "oasst_flat.jsonl").read_text(encoding="utf-8").splitlines()]
    with (tmp_path / "seed.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    records = read(tmp_path / "seed.csv")
    assert texts(records) == [BEES]
