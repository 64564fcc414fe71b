"""Reading, sampling and parting the seed pairs."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.config import ColumnSettings, SeedSettings
from humpback.errors import InputError
from humpback.records import Dropped, Pair, content_id
from humpback.seed import hold_out, read_pairs, read_seed, source_digest
from humpback.seed.pairs import normal_text
from humpback.seed.sources import source_rows

DATA = Path(__file__).parent / "data" / "seed"
PUBLIC = Path(__file__).parents[2] / "shared" / "data" / "seed"
BEES = ("Why do bees dance?", "Bees dance to show where flowers are.")
PRIME = ("Name a prime.", "Seven.")

needs_public_data = pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public data sets are not beside the checkout")


def read(source: Path | str, **settings: Any) -> list[Pair | Dropped]:
    return list(read_pairs(SeedSettings(source=str(source), **settings)))


def texts(records: list[Pair | Dropped]) -> list[tuple[str, str]]:
    return [(record.instruction, record.response) for record in records if isinstance(record, Pair)]


def reasons(records: list[Pair | Dropped]) -> list[str]:
    return [record.reason for record in records if isinstance(record, Dropped)]


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def numbered_pairs(count: int) -> list[Pair]:
    return [Pair(content_id(str(n)), f"What is {n} + {n}?", str(2 * n), "seed", f"sums#{n}") for n in range(count)]


# Layouts


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


def test_of_messages_the_first_exchange_is_taken_without_the_system_turn() -> None:
    records = read(DATA / "messages.jsonl")
    assert texts(records) == [PRIME, ("Name a whale.", "The humpback.")]
    assert reasons(records) == ["no response", "no instruction"]


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
    assert Counter(reasons(records)) == {"other language": 1, "no response": 2, "not approved": 2}
    assert records[0].source == "oasst_flat.jsonl#2"


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


# Files


def test_every_file_format_gives_the_same_pairs(tmp_path: Path) -> None:
    rows = [
        {"instruction": 'Say "hi",\nthen stop.', "response": "hi\u2028é"},
        {"instruction": "Sort.", "response": "a"},
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "a.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "bom.ndjson").write_text(lines + "\n\n", encoding="utf-8-sig")
    (tmp_path / "b.json").write_text(json.dumps({"version": "1", "data": rows}), encoding="utf-8")
    (tmp_path / "lines.json").write_text(lines, encoding="utf-8")
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines.encode()) + gzip.compress(b""))
    (tmp_path / "d.jsonl.zst").write_bytes(pa.compress(lines.encode(), codec="zstd", asbytes=True))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    (tmp_path / "f.parquet.gz").write_bytes(gzip.compress((tmp_path / "e.parquet").read_bytes()))
    with (tmp_path / "g.csv").open("w", newline="", encoding="utf-8-sig") as stream:
        table = csv.DictWriter(stream, ["instruction", "response"])
        table.writeheader()
        table.writerows(rows)
    expected = [(row["instruction"], row["response"]) for row in rows]
    for path in sorted(tmp_path.iterdir()):
        assert texts(read(path)) == expected, path.name
    assert Counter(reasons(read(tmp_path))) == {"duplicate": 2 * 8}


def test_one_conversation_alone_in_a_json_file_is_one_row(tmp_path: Path) -> None:
    row = json.loads((DATA / "sharegpt.jsonl").read_text(encoding="utf-8").splitlines()[0])
    (tmp_path / "one.json").write_text(json.dumps(row, indent=2), encoding="utf-8")
    assert texts(read(tmp_path / "one.json")) == [PRIME]


def test_a_long_csv_field_is_read(tmp_path: Path) -> None:
    (tmp_path / "seed.csv").write_text(f"prompt,response\nRepeat.,{'x' * 200_000}\n", encoding="utf-8")
    assert len(texts(read(tmp_path / "seed.csv"))[0][1]) == 200_000


def test_of_a_folder_data_files_are_read_in_order_of_name(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".cache").mkdir()
    write_lines(tmp_path / "sub" / "b.jsonl", {"prompt": PRIME[0], "response": PRIME[1]})
    write_lines(tmp_path / "a.jsonl", {"prompt": BEES[0], "response": BEES[1]})
    write_lines(tmp_path / ".cache" / "c.jsonl", {"prompt": "Hidden", "response": "yes"})
    (tmp_path / "README.md").write_text("no data", encoding="utf-8")
    (tmp_path / "dataset_infos.json").write_text("{}", encoding="utf-8")
    records = read(tmp_path)
    assert [record.source for record in records] == ["a.jsonl#1", "sub/b.jsonl#1"]


def test_a_saved_data_set_is_read_and_of_several_splits_train(tmp_path: Path) -> None:
    import datasets

    train = datasets.Dataset.from_list([{"instruction": PRIME[0], "output": PRIME[1]}])
    test = datasets.Dataset.from_list([{"instruction": BEES[0], "output": BEES[1]}])
    datasets.disable_progress_bars()
    train.save_to_disk(tmp_path / "one")
    datasets.DatasetDict(train=train, test=test).save_to_disk(tmp_path / "both")
    datasets.DatasetDict(dev=train, test=test).save_to_disk(tmp_path / "neither")
    datasets.enable_progress_bars()
    assert [record.source for record in read(tmp_path / "one")] == ["one#1"]
    assert texts(read(tmp_path / "both")) == [PRIME]
    with pytest.raises(InputError, match="no split 'train', but dev, test"):
        read(tmp_path / "neither")
    (tmp_path / "one" / "data-00000-of-00001.arrow").write_bytes(b"broken")
    with pytest.raises(InputError, match="cannot read the data set saved in"):
        read(tmp_path / "one")


class StubHub:
    """A hub that knows one data set."""

    def __init__(self, commit: str) -> None:
        self.commit = commit

    def revision(self, name: str) -> str:
        return self.commit

    def load(self, name: str, revision: str) -> object:
        return {"train": [{"prompt": PRIME[0], "response": f"{PRIME[1]} ({revision})"}]}


def test_a_hub_data_set_is_read_at_the_commit_its_digest_names() -> None:
    settings = SeedSettings(source="org/name")
    assert texts(list(read_pairs(settings, StubHub("abc")))) == [(PRIME[0], "Seven. (abc)")]
    assert [row.place for row in source_rows("org/name", StubHub("abc"))] == ["org/name#1"]
    assert source_digest(settings, StubHub("abc")) == "org/name@abc"
    assert source_digest(settings, StubHub("")) == "org/name"


# Normalisation


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


# Mistakes


def write_bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def a_file(name: str, data: bytes) -> Callable[[Path], str]:
    return lambda folder: str(write_bytes(folder / name, data))


def some_lines(*rows: object) -> Callable[[Path], str]:
    return lambda folder: str(write_lines(folder / "seed.jsonl", *rows))


GOOD = b'{"prompt": "a", "response": "b"}\n'
MISTAKES: dict[str, tuple[Callable[[Path], str], str]] = {
    "missing file": (lambda folder: str(folder / "nothing.jsonl"), "no seed file or folder"),
    "empty setting": (lambda folder: "", "seed.source is empty"),
    "unknown package data": (lambda folder: "package:other", "seed.source may be package:demo"),
    "empty folder": (str, "holds no data"),
    "unknown ending": (a_file("seed.docx", GOOD), "use one of .jsonl"),
    "empty file": (a_file("seed.jsonl", b""), "holds no rows"),
    "empty list": (a_file("seed.json", b"[]"), "holds no rows"),
    "bad line": (a_file("seed.jsonl", GOOD + b'{"prompt": "a"'), "line 2 of"),
    "bad JSON": (a_file("seed.json", b'{"prompt": '), "cannot read"),
    "no list": (a_file("seed.json", b'"prompt"'), "holds no list of rows"),
    "no object": (a_file("seed.jsonl", b'["a", "b"]\n'), "is a list, not an object"),
    "too deep": (a_file("seed.jsonl", b"[" * 100_000), "cannot read|is not JSON"),
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
    "a list for a text": (some_lines({"prompt": ["a"], "response": "b"}), "not text"),
    "a text for a talk": (some_lines({"messages": "hello"}), "no list of turns"),
    "words for turns": (some_lines({"messages": ["hello"]}), "no list of turns"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_says_what_and_where(tmp_path: Path, mistake: str) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises(InputError, match=message) as caught:
        read_seed(SeedSettings(source=make(tmp_path)), seed=0)
    assert "\n" not in str(caught.value)
    assert caught.value.mend


@pytest.mark.parametrize("setting", ["instruction", "input", "response", "messages"])
def test_a_named_column_that_is_not_there_is_a_mistake(setting: str) -> None:
    with pytest.raises(InputError, match=rf"seed\.columns\.{setting} is 'gone', but the columns of .* are instruction"):
        read(DATA / "alpaca.json", columns={setting: "gone"})


@pytest.mark.parametrize("format", ["messages", "sharegpt", "oasst"])
def test_a_format_that_does_not_fit_is_a_mistake(format: str) -> None:
    with pytest.raises(InputError, match="its columns are instruction, input, output"):
        read(DATA / "alpaca.json", format=format)


# The sample, the held-out part, the digest


def test_every_record_that_came_in_is_kept_or_dropped() -> None:
    outcome = read_seed(SeedSettings(source=str(DATA / "oasst_flat.jsonl")), seed=0)
    assert (outcome.read, len(outcome.kept), len(outcome.dropped)) == (6, 1, 5)


def test_the_limit_takes_a_seeded_sample_and_not_the_first(tmp_path: Path) -> None:
    rows = [{"prompt": pair.instruction, "response": pair.response} for pair in numbered_pairs(100)]
    forwards = SeedSettings(source=str(write_lines(tmp_path / "a.jsonl", *rows)), limit=10)
    backwards = SeedSettings(source=str(write_lines(tmp_path / "b.jsonl", *rows[::-1])), limit=10)
    outcome = read_seed(forwards, seed=1)
    ids = {pair.id for pair in outcome.kept}
    assert len(ids) == 10
    assert ids == {pair.id for pair in read_seed(backwards, seed=1).kept}
    assert ids != {pair.id for pair in read_seed(forwards, seed=2).kept}
    assert [pair.source for pair in outcome.kept] != [f"a.jsonl#{number}" for number in range(1, 11)]
    assert Counter(dropped.reason for dropped in outcome.dropped) == {"not sampled": 90}
    assert outcome.read == 100


def test_the_held_out_part_does_not_depend_on_order() -> None:
    pairs = numbered_pairs(300)
    split = hold_out(pairs, SeedSettings(), seed=3)
    again = hold_out(pairs[::-1], SeedSettings(), seed=3)
    assert len(split.heldout) == 30
    assert {pair.id for pair in split.heldout} == {pair.id for pair in again.heldout}
    assert not {pair.id for pair in split.heldout} & {pair.id for pair in split.train}
    assert [*split.train, *split.heldout] != pairs
    assert sorted(pair.id for pair in (*split.train, *split.heldout)) == sorted(pair.id for pair in pairs)
    assert hold_out(pairs, SeedSettings(), seed=4) != split


def test_new_pairs_leave_the_part_of_the_old_ones_as_it_was() -> None:
    settings = SeedSettings(holdout_share=0.2)
    before = {pair.id for pair in hold_out(numbered_pairs(300), settings, seed=0).heldout}
    after = {pair.id for pair in hold_out(numbered_pairs(310), settings, seed=0).heldout}
    assert len(before & after) >= len(before) - 10


def test_the_held_out_part_has_a_least_size() -> None:
    assert len(hold_out(numbered_pairs(48), SeedSettings(), seed=0).heldout) == 16


@pytest.mark.parametrize(("count", "settings"), [(47, {}), (5, {}), (100, {"holdout_share": 0.9})])
def test_too_few_pairs_to_part_is_a_mistake(count: int, settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"has {count} pairs: with .* fewer than 32: add pairs"):
        hold_out(numbered_pairs(count), SeedSettings(**settings), seed=0)


def test_pairs_with_the_same_instruction_are_not_parted() -> None:
    twins = [Pair(f"{p.id}-2", p.instruction.upper(), f"{p.response}!", "seed", "twins") for p in numbered_pairs(60)]
    split = hold_out([*numbered_pairs(60), *twins], SeedSettings(), seed=0)
    asked = {pair.instruction.casefold() for pair in split.heldout}
    assert len(split.heldout) == 16
    assert not asked & {pair.instruction.casefold() for pair in split.train}


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "seed.jsonl", {"prompt": "a", "response": "b"})
    file, folder = SeedSettings(source=str(path)), SeedSettings(source=str(tmp_path))
    before = source_digest(file), source_digest(folder)
    assert before == (source_digest(file), source_digest(folder))
    write_lines(path, {"prompt": "a", "response": "c"})
    after = source_digest(file), source_digest(folder)
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert len({*before, *after, source_digest(SeedSettings())}) == 5


@pytest.mark.parametrize("source", ["nothing.jsonl", "", "package:other"])
def test_there_is_no_digest_of_nothing(source: str) -> None:
    with pytest.raises(InputError):
        source_digest(SeedSettings(source=source))


# Public data sets


@pytest.mark.data
@needs_public_data
def test_dolly_is_read_whole() -> None:
    outcome = read_seed(SeedSettings(source=str(PUBLIC / "dolly15k.jsonl.gz")), seed=0)
    assert outcome.read == 15015
    assert len(outcome.kept) > 14_900
    assert {dropped.reason for dropped in outcome.dropped} <= {"duplicate", "no response", "no instruction"}
    split = hold_out(outcome.kept, SeedSettings(), seed=0)
    assert len(split.heldout) == pytest.approx(0.1 * len(outcome.kept), abs=5)


@pytest.mark.data
@needs_public_data
@pytest.mark.parametrize(
    ("name", "rows"), [("oasst1_en_validation_top.jsonl.gz", 186), ("self_instruct_seed175.jsonl", 175)]
)
def test_other_public_seeds_are_read_whole(name: str, rows: int) -> None:
    outcome = read_seed(SeedSettings(source=str(PUBLIC / name)), seed=0)
    assert (outcome.read, len(outcome.kept)) == (rows, rows)
