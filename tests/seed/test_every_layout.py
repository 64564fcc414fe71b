"""One table of the layouts that people have: what each row becomes, and what of it is left out and why."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from humpback.data_access.record_tables import records_of
from humpback.reasons import REASONS
from humpback.records import Pair
from humpback.seed.turns import Unusable, turns_of

from .reading import PRIME, read, reasons, texts, write_lines

ASKED, ANSWERED = PRIME
USER, BOT = {"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}
SYSTEM = {"role": "system", "content": "Be brief."}
MORE = [{"role": "user", "content": "And one more?"}, {"role": "assistant", "content": "Eleven."}]
BRIEF = (f"Be brief.\n\n{ASKED}", ANSWERED)

ONE_PAIR: dict[str, dict[str, Any]] = {
    "query and response": {"query": ASKED, "response": ANSWERED},
    "problem and solution": {"problem": ASKED, "solution": ANSWERED, "answer": "7"},
    "question and answers": {"question": ASKED, "answers": [ANSWERED]},
    "SQuAD": {"question": ASKED, "answers": {"text": [ANSWERED, ANSWERED], "answer_start": [3, 3]}},
    "xP3": {"inputs": ASKED, "targets": ANSWERED},
    "input and output": {"input": ASKED, "output": ANSWERED},
    "Alpaca without input": {"instruction": ASKED, "input": "<noinput>", "output": ANSWERED},
    "N/A": {"instruction": ASKED, "input": "N/A", "output": ANSWERED},
    "None": {"instruction": ASKED, "input": "None", "context": "nan", "output": ANSWERED},
    "no input needed": {"instruction": ASKED, "input": "No input required.", "output": ANSWERED},
    "empty columns": {"query": ASKED, "output": ANSWERED, "system": "", "history": [], "tools": "[]", "image": []},
    "columns empty in this row": {"instruction": None, "question": ASKED, "output": " ", "answer": ANSWERED},
    "conversation where the pair is empty": {"prompt": "", "response": None, "messages": [USER, BOT]},
    "HF UltraChat": {"prompt": ASKED, "prompt_id": "1", "messages": [USER, BOT]},
    "UltraChat": {"id": "1", "data": [ASKED, ANSWERED]},
    "ShareGPT": {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}]},
    "chatgpt": {"conversations": [{"from": "human ", "value": ASKED}, {"from": "ChatGPT", "value": ANSWERED}]},
    "GPT-4o": {"conversations": [{"from": "Human:", "value": ASKED}, {"from": "GPT-4o", "value": ANSWERED}]},
    "ai": {"conversation": [{"from": "user", "value": ASKED}, {"from": "ai", "value": ANSWERED}]},
    "Cohere": {"messages": [{"role": "User", "message": ASKED}, {"role": "CHATBOT", "message": ANSWERED}]},
    "Gemini": {
        "contents": [{"role": "user", "parts": [{"text": ASKED}]}, {"role": "model", "parts": [{"text": ANSWERED}]}]
    },
    "turns as columns": {"messages": {"role": ["user", "assistant"], "content": [ASKED, ANSWERED]}},
    "exchanges": {"conversation": [{"human": ASKED, "assistant": ANSWERED}]},
    "XTuner": {"conversation": [{"system": "", "input": ASKED, "output": ANSWERED}]},
    "lists of two": {"conversations": [[ASKED, ANSWERED]]},
    "roles in lists": {"conversations": [["human", ASKED], ["gpt", ANSWERED]]},
    "JSON in a text": {"messages": json.dumps([USER, BOT])},
    "Python in a text": {"messages": str([USER, BOT])},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}, BOT]},
    "Parquet's empty fields": {"messages": [USER | {"tool_calls": None, "weight": None}, BOT | {"images": []}]},
    "two turns of one speaker": {"messages": [USER | {"content": "Name"}, USER | {"content": "it."}, BOT]},
    "TRL prompt and completion": {"prompt": [USER], "completion": [BOT]},
    "TRL as JSON": {"prompt": json.dumps([USER]), "completion": json.dumps([BOT])},
    "one turn alone": {"prompt": USER, "completion": BOT},
    "KTO": {"prompt": [USER], "completion": [BOT], "label": True},
    "prompt of one text in a list": {"prompt": [ASKED], "response": ANSWERED},
    "weight of one": {"messages": [USER, BOT | {"weight": 1, "train": True}]},
    "split": {"question": ASKED, "answer": ANSWERED, "split": "train", "deleted": False},
}  # fmt: skip
SPECIAL = {"two turns of one speaker": ("Name\n\nit.", ANSWERED)}


@pytest.mark.parametrize("layout", ONE_PAIR)
def test_a_layout_gives_its_pair_and_leaves_nothing_out(tmp_path: Path, layout: str) -> None:
    records = read(write_lines(tmp_path / "seed.jsonl", ONE_PAIR[layout]))
    assert texts(records) == [SPECIAL.get(layout, PRIME)]
    assert reasons(records) == []


@dataclass
class Case:
    """A row, the pair it becomes where it does, and what is left out."""

    row: dict[str, Any]
    pair: tuple[str, str] | None
    left: tuple[str, ...] = ()


WITH_MORE: dict[str, Case] = {
    "a system turn": Case({"messages": [SYSTEM, USER, BOT]}, BRIEF),
    "a developer's turn": Case({"messages": [SYSTEM | {"role": "developer"}, USER, BOT]}, BRIEF),
    "a system column": Case({"system_prompt": "Be brief.", "question": ASKED, "response": ANSWERED}, BRIEF),
    "a system column beside turns": Case({"system": "Be brief.", "conversations": [USER, BOT]}, BRIEF),
    "Gemini's system": Case({"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [USER, BOT]}, BRIEF),
    "a system turn in a prompt": Case({"prompt": [SYSTEM, USER], "completion": [BOT]}, BRIEF),
    "input and context": Case(
        {"instruction": "Sum up.", "input": "A tale.", "context": "Of a fox.", "output": "Fox."},
        ("Sum up.\n\nA tale.\n\nOf a fox.", "Fox."),
    ),
    "passages": Case(
        {"question": "Who?", "contexts": ["A fox.", "A hen."], "answer": "Both."}, ("Who?\n\nA fox.\n\nA hen.", "Both.")
    ),
    "a context beside turns": Case({"messages": [USER, BOT], "context": "Be brief."}, BRIEF),
    "later turns": Case({"messages": [USER, BOT, *MORE]}, PRIME, ("later turns",)),
    "history": Case(
        {"instruction": "And one more?", "input": "", "output": "Eleven.", "history": [[ASKED, ANSWERED]]},
        PRIME, ("later turns",),
    ),
    "reasoning in the answer": Case(
        {"messages": [USER, BOT | {"content": f"<think>\nSmall.\n</think>\n\n{ANSWERED}"}]}, PRIME, ("reasoning",)
    ),
    "reasoning in a response": Case(
        {"prompt": ASKED, "response": f"<think>Small.</think>{ANSWERED}"}, PRIME, ("reasoning",)
    ),
    "reasoning beside the answer": Case(
        {"messages": [USER, BOT | {"reasoning_content": "Small."}]}, PRIME, ("reasoning",)
    ),
    "reasoning as a part": Case(
        {"messages": [USER, BOT | {"content": [{"type": "thinking", "thinking": "Small."}, {"text": ANSWERED}]}]},
        PRIME, ("reasoning",),
    ),
    "a preference": Case({"prompt": ASKED, "chosen": ANSWERED, "rejected": "Nine."}, PRIME, ("rejected answer",)),
    "a preference of turns": Case(
        {"prompt": [USER], "chosen": [BOT], "rejected": [BOT | {"content": "Nine."}]}, PRIME, ("rejected answer",)
    ),
    "a preference without prompt": Case(
        {"chosen": [USER, BOT], "rejected": [USER, MORE[1]]}, PRIME, ("rejected answer",)
    ),
    "UltraFeedback": Case(
        {"prompt": ASKED, "chosen": [USER, BOT], "rejected": [USER, MORE[1]], "score_chosen": 9.0},
        PRIME, ("rejected answer",),
    ),
    "LLaMA-Factory's ranking": Case(
        {"conversations": [{"from": "human", "value": ASKED}], "chosen": {"from": "gpt", "value": ANSWERED},
         "rejected": {"from": "gpt", "value": "Nine."}}, PRIME, ("rejected answer",),
    ),
    "Anthropic's transcripts": Case(
        {"chosen": f"\n\nHuman: {ASKED}\n\nAssistant: {ANSWERED}", "rejected": "\n\nHuman: What?\n\nAssistant: Nine."},
        PRIME, ("rejected answer",),
    ),
    "a transcript as prompt": Case(
        {"prompt": f"\n\nHuman: {ASKED}\n\nAssistant:", "chosen": f" {ANSWERED}", "rejected": " Nine."},
        PRIME, ("rejected answer",),
    ),
    "several answers": Case({"question": ASKED, "answers": [ANSWERED, "Five."]}, PRIME, ("other answers",)),
    "a picture as a part": Case(
        {"messages": [USER | {"content": [{"type": "image_url", "image_url": "a.png"}, {"text": ASKED}]}, BOT]},
        None, ("has a picture or file",),
    ),
    "a sound as a part": Case(
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x"}}]}, BOT]},
        None, ("has a picture or file",),
    ),
    "a picture's place": Case(
        {"instruction": f"<image>\n{ASKED}", "output": ANSWERED}, None, ("has a picture or file",)
    ),
    "pictures of a turn": Case({"messages": [USER | {"images": ["a.png"]}, BOT]}, None, ("has a picture or file",)),
    "tool calls": Case(
        {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
                      {"role": "tool", "content": "7"}, BOT]}, None, ("uses tools",),
    ),
    "ShareGPT's function calls": Case(
        {"conversations": [USER, {"from": "function_call", "value": "{}"}, {"from": "observation", "value": "7"}, BOT]},
        None, ("uses tools",),
    ),
    "a tool call later": Case(
        {"messages": [USER, BOT, MORE[0], {"role": "tool", "content": "7"}, MORE[1]]}, PRIME, ("later turns",)
    ),
    "a turn of no weight": Case({"messages": [USER, BOT | {"weight": 0}, *MORE]}, None, ("not to be learnt",)),
    "a turn not trained on": Case({"messages": [USER, BOT | {"train": False}]}, None, ("not to be learnt",)),
    "a turn without loss": Case({"messages": [USER, BOT | {"loss": "false"}]}, None, ("not to be learnt",)),
    "a row of no weight": Case({"prompt": ASKED, "completion": ANSWERED, "weight": 0.0}, None, ("not to be learnt",)),
    "KTO's other label": Case({"prompt": ASKED, "completion": ANSWERED, "label": False}, None, ("not to be learnt",)),
    "a deleted row": Case({"prompt": ASKED, "completion": ANSWERED, "deleted": True}, None, ("not approved",)),
    "a row for testing": Case({"prompt": ASKED, "completion": ANSWERED, "split": "Test"}, None, ("another split",)),
    "an earlier answer in a prompt": Case(
        {"prompt": [USER, BOT, MORE[0]], "completion": [MORE[1]]}, None, ("not to be learnt",)
    ),
    "another speaker": Case(
        {"messages": [USER, {"role": "narrator", "content": "Later."}, BOT]}, None, ("unknown role",)
    ),
    "a prompt of two texts": Case({"prompt": [ASKED, "Why?"], "response": ANSWERED}, None, ("not text",)),
    "an object for a text": Case({"prompt": {"a": 1}, "response": ANSWERED}, None, ("not text",)),
    "a number for turns": Case({"messages": 7}, None, ("unreadable turns",)),
    "no output": Case({"prompt": ASKED, "response": "<nooutput>"}, None, ("no response",)),
    "numbered picture": Case({"messages": [USER | {"content": "<|image_1|>"}, BOT]}, None, ("has a picture or file",)),
    "nothing behind the reasoning": Case({"prompt": ASKED, "response": "<think>Hm"}, None, ("no response",)),
}  # fmt: skip


@pytest.mark.parametrize("layout", WITH_MORE)
def test_what_a_pair_depends_on_is_kept_or_left_out_with_a_reason(tmp_path: Path, layout: str) -> None:
    case = WITH_MORE[layout]
    # A good pair beside it, in the same columns: an odd row costs itself alone.
    records = read(
        write_lines(tmp_path / "seed.jsonl", case.row, {"prompt": "Good?", "response": "Good.", "messages": []})
    )
    assert texts(records) == [*([case.pair] if case.pair else []), ("Good?", "Good.")]
    assert tuple(reasons(records)) == case.left
    assert set(case.left) <= REASONS.keys()
    # What was left out of a record stands before its pair: whoever goes by its place has the pair last.
    assert isinstance(records[-2], Pair) == bool(case.pair)


@pytest.mark.parametrize(
    ("reason", "column"),
    [
        *(
            ("has a picture or file", name)
            for name in ("image", "Images", "image_url", "image_id", "video", "audio_path")
        ),
        *(("uses tools", name) for name in ("tools", "functions", "tool_calls")),
        *(("has choices", name) for name in ("choices", "options")),
    ],
)
def test_a_column_that_a_pair_cannot_hold_costs_the_rows_that_fill_it(tmp_path: Path, reason: str, column: str) -> None:
    row = {"prompt": ASKED, "response": ANSWERED}
    records = read(write_lines(tmp_path / "seed.jsonl", row | {column: ["x"]}, row | {column: None}))
    assert (reasons(records), texts(records)) == ([reason], [PRIME])


def test_a_text_that_only_looks_like_turns_stays_text(tmp_path: Path) -> None:
    rows = [('[{"type": "object"}]', "{'role': x}"), ("Human: who is it?", '{"role": "admin"}'), ("Sort: N/A", "None")]
    path = write_lines(tmp_path / "seed.jsonl", *({"prompt": asked, "response": said} for asked, said in rows))
    assert texts(read(path)) == rows


def test_raters_want_what_is_marked_as_not_to_be_learnt(tmp_path: Path) -> None:
    from humpback.standalone.tables import read_candidates

    path = write_lines(tmp_path / "pairs.jsonl", {"prompt": ASKED, "completion": ANSWERED, "label": False})
    assert [item.source for item in read_candidates(path)] == ["pairs.jsonl#1"]
    assert read(path)[0].reason == "not to be learnt"  # type: ignore[union-attr]


TALK = [USER, BOT | {"weight": 0}, *MORE, {"role": "user", "content": "Thanks."}]


@pytest.mark.parametrize(
    ("turns", "talk", "pair"),
    [
        ("all", [USER, BOT, *MORE], {"later": ("And one more?", "Eleven."), "unlearnt": (), "stands_alone": True}),
        ("last", [USER, BOT, *MORE], {"later": ("And one more?", "Eleven."), "unlearnt": (0,), "stands_alone": True}),
        ("all", TALK, {"later": ("And one more?", "Eleven."), "unlearnt": (0,), "stands_alone": False}),
        ("last", TALK, {"later": ("And one more?", "Eleven."), "unlearnt": (0,), "stands_alone": False}),
        ("all", [USER, BOT, MORE[0], MORE[1] | {"weight": 0}], {"later": (), "unlearnt": (), "stands_alone": True}),
        ("all", [SYSTEM, USER, BOT], {"system": "Be brief.", "later": ()}),
        ("all", [USER, BOT, SYSTEM, *MORE], {"later": ("Be brief.\n\nAnd one more?", "Eleven."), "system": ""}),
    ],
)  # fmt: skip
def test_a_conversation_is_kept_as_a_setting_says(
    tmp_path: Path, turns: str, talk: list[Any], pair: dict[str, Any]
) -> None:
    *_, record = read(write_lines(tmp_path / "seed.jsonl", {"messages": talk}), turns=turns)
    assert isinstance(record, Pair)
    assert {name: getattr(record, name) for name in pair} == pair
    assert (record.instruction.removeprefix("Be brief.\n\n"), record.response) == PRIME


def test_a_prompt_of_turns_is_read_and_its_completion_learnt(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "seed.jsonl", {"prompt": [USER, BOT, MORE[0]], "completion": [MORE[1]]})
    (record,) = read(path, turns="all")
    assert isinstance(record, Pair)
    assert (record.later, record.unlearnt, record.stands_alone) == (("And one more?", "Eleven."), (0,), False)


def test_the_words_of_the_system_can_be_ignored(tmp_path: Path) -> None:
    records = read(write_lines(tmp_path / "seed.jsonl", {"messages": [SYSTEM, USER, BOT]}), system="ignore")
    assert texts(records) == [PRIME]


def test_turns_survive_csv_and_parquet(tmp_path: Path) -> None:
    talk = [USER | {"weight": None}, BOT | {"weight": 0}, MORE[0] | {"weight": None}, MORE[1] | {"weight": 1}]
    pq.write_table(pa.Table.from_pylist([{"messages": talk}]), tmp_path / "seed.parquet")
    with (tmp_path / "seed.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["messages"], [str(talk)]])
    for name in ("seed.parquet", "seed.csv"):
        (record,) = read(tmp_path / name, turns="all")
        assert isinstance(record, Pair)
        assert (record.later, record.unlearnt) == (("And one more?", "Eleven."), (0,)), name


def test_what_is_no_conversation_says_what_it_is() -> None:
    for value in ("hello", [7], [{"a": 1}], 3.5):
        with pytest.raises(Unusable) as caught:
            turns_of(value)
        assert caught.value.args[0] == "unreadable turns"


def test_pairs_that_were_stored_before_there_were_conversations_are_read() -> None:
    pair = Pair("1", *PRIME, "seed", "a.jsonl#1")
    stored = {name: [getattr(pair, name)] for name in ("id", "instruction", "response", "origin", "source")}
    assert list(records_of(pa.table(stored), Pair)) == [pair]
