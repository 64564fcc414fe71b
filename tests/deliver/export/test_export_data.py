"""The data set that others load."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from humpback.deliver.export import LAYOUTS, CardFacts, data_card, export_data
from humpback.deliver.export import data as data_module
from humpback.errors import StageError, StoreError
from humpback.records import Curated, Dropped, Pair, Rating, content_id
from humpback.seed.pairs import normal_text
from tests.seed.reading import read, reasons

NAMES = [layout.name for layout in LAYOUTS]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def folder(
    tmp_path: Path, curated: list[Curated], seed_pairs: list[Pair], ratings: list[Rating], facts: CardFacts
) -> Path:
    out = tmp_path / "export" / "dataset"

    def of(record_id: str) -> list[Rating]:
        return sorted((rating for rating in ratings if rating.id == record_id), key=lambda rating: rating.iteration)

    export_data(iter(curated), iter(seed_pairs), of, out, data_card(facts))
    return out


def load(folder: Path, name: str | None, cache: Path) -> list[dict]:
    from datasets import load_dataset

    return load_dataset(str(folder), name, split="train", cache_dir=str(cache)).to_list()


def test_held_out_pairs_are_the_validation_split_of_every_layout(
    tmp_path: Path, curated: list[Curated], seed_pairs: list[Pair], facts: CardFacts
) -> None:
    from datasets import load_dataset

    out, card = tmp_path / "dataset", data_card(replace(facts, heldout=2))
    export_data(curated, seed_pairs[2:], lambda item: (), out, card, seed_pairs[:2])
    for name in NAMES:
        loaded = load_dataset(str(out), name, cache_dir=str(tmp_path / "cache"))
        assert [row["id"] for row in loaded["validation"]] == ["p0", "p1"]
        assert "p0" not in loaded["train"]["id"]
        assert len((out / name / "validation.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_llama_factory_and_axolotl_find_files_and_columns(folder: Path, tmp_path: Path, facts: CardFacts) -> None:
    index = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    assert list(index) == ["humpback"]
    row = json.loads((folder / index["humpback"]["file_name"]).read_text(encoding="utf-8").splitlines()[0])
    assert set(index["humpback"]["columns"].values()) <= set(row)
    snippets = data_card(replace(facts, heldout=2)).split("```yaml\n")[1:]
    factory, axolotl = (yaml.safe_load(snippet.split("```")[0]) for snippet in snippets)
    assert factory["eval_dataset"] == "humpback_validation"
    assert axolotl["datasets"][0]["path"].endswith("messages/train.jsonl")
    assert axolotl["test_datasets"][0]["path"].endswith("messages/validation.jsonl")
    assert "validation" not in data_card(facts)


def test_layouts_each_load_offline_by_name(folder: Path, tmp_path: Path, curated: list[Curated]) -> None:
    loaded = {name: load(folder, name, tmp_path / "cache") for name in NAMES}
    assert {name: len(rows) for name, rows in loaded.items()} == {
        name: 28 if name == "training" else 23 for name in NAMES
    }
    for place, row in enumerate(curated):
        x, y = row.instruction, row.response
        turns = [{"role": "user", "content": x}, {"role": "assistant", "content": y}]
        assert loaded["messages"][place]["messages"] == turns
        assert loaded["training"][place + 5]["messages"] == turns
        both = loaded["prompt_completion"][place]
        assert both["prompt"] + both["completion"] == turns
        alpaca = loaded["alpaca"][place]
        assert (alpaca["instruction"], alpaca["input"], alpaca["output"]) == (x, "", y)
        assert loaded["sharegpt"][place]["conversations"] == [
            {"from": "human", "value": x},
            {"from": "gpt", "value": y},
        ]


def test_without_a_name_the_messages_are_loaded(folder: Path, tmp_path: Path) -> None:
    assert load(folder, None, tmp_path / "a") == load(folder, "messages", tmp_path / "b")


@pytest.mark.parametrize("name", NAMES)
def test_rows_say_where_they_come_from(folder: Path, curated: list[Curated], name: str) -> None:
    row = pq.read_table(folder / name / "train.parquet").to_pylist()[-1]
    last = curated[-1]
    assert (row["id"], row["source"], row["document_id"]) == (last.id, last.source, last.document_id)
    assert (row["segment_id"], row["title_path"]) == (last.segment_id, list(last.title_path))
    assert (row["backward_model"], row["rated_by"]) == (last.model, last.rated_by)
    assert (row["kept_in_iteration"], row["score"], row["scorer"]) == (2, 4.5, "rating")
    assert row["ratings"] == [
        {"iteration": 1, "scorer": "rating", "model": "m0", "state": "truncated", "score": None},
        {"iteration": 2, "scorer": "rating", "model": "m1", "state": "scored", "score": 4.5},
    ]


@pytest.mark.parametrize("name", NAMES)
def test_both_files_hold_the_same_rows(folder: Path, name: str) -> None:
    text = (folder / name / "train.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    assert rows == pq.read_table(folder / name / "train.parquet").to_pylist()


def test_training_has_seed_pairs_first_and_only_there(folder: Path) -> None:
    rows = pq.read_table(folder / "training" / "train.parquet").to_pylist()
    assert [row["origin"] for row in rows] == ["seed"] * 5 + ["augmented"] * 23
    assert rows[0]["messages"][1] == {"role": "assistant", "content": "Answer 0"}
    assert (rows[0]["id"], rows[0]["score"], rows[0]["ratings"]) == ("p0", None, [])
    assert "origin" not in pq.read_schema(folder / "messages" / "train.parquet").names


def test_rows_are_written_in_groups(tmp_path: Path, curated: list[Curated]) -> None:
    many = (curated[place % 23] for place in range(2 * data_module.ROW_GROUP + 1))
    export_data(many, (), lambda item: (), tmp_path / "d", "card")
    file = pq.ParquetFile(tmp_path / "d" / "alpaca" / "train.parquet")
    assert [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)] == [1000, 1000, 1]
    file.close()


def test_no_rows_leave_no_folder(tmp_path: Path, seed_pairs: list[Pair]) -> None:
    with pytest.raises(StageError, match="no curated pairs"):
        export_data((), seed_pairs, lambda item: (), tmp_path / "d", "card")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_on_the_way_leaves_what_was_there(tmp_path: Path, curated: list[Curated]) -> None:
    def broken() -> Iterator[Curated]:
        yield from curated[:3]
        raise RuntimeError("the disk is gone")

    out = tmp_path / "d"
    export_data(curated[:1], (), lambda item: (), out, "old card")
    with pytest.raises(RuntimeError, match="gone"):
        export_data(broken(), (), lambda item: (), out, "new card")
    assert (out / "README.md").read_text() == "old card"
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_second_export_replaces_the_first_and_what_a_kill_left(tmp_path: Path, curated: list[Curated]) -> None:
    out = tmp_path / "d"
    export_data(curated, (), lambda item: (), out, "old card")
    (out / "stray.txt").write_text("x")
    (tmp_path / ".d.99-ab.tmp").mkdir()
    (tmp_path / ".d.99-ab.tmp" / "half").write_text("x")
    export_data(curated[:2], (), lambda item: (), out, "new card")
    assert (out / "README.md").read_text() == "new card"
    assert not (out / "stray.txt").exists()
    assert pq.read_table(out / "messages" / "train.parquet").num_rows == 2
    assert [path.name for path in tmp_path.iterdir()] == ["d"]


def test_a_file_in_the_way_is_refused(tmp_path: Path, curated: list[Curated]) -> None:
    (tmp_path / "d").write_text("mine")
    with pytest.raises(StoreError, match="is a file"):
        export_data(curated, (), lambda item: (), tmp_path / "d", "card")
    assert (tmp_path / "d").read_text() == "mine"


def test_the_same_rows_give_the_same_bytes(tmp_path: Path, curated: list[Curated]) -> None:
    for name in ("a", "b"):
        export_data(curated, (), lambda item: (), tmp_path / name, "card")
    for path in sorted((tmp_path / "a").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_every_layout_reads_back_as_a_seed(folder: Path) -> None:
    """What there is no text in or twice is left out, and nothing else."""
    for name in NAMES:
        for ending in ("jsonl", "parquet"):
            source = folder / name / f"train.{ending}"
            rows = {(pair.instruction, pair.response) for pair in read(source) if isinstance(pair, Pair)}
            alpaca = pq.read_table(folder / "alpaca" / "train.parquet").to_pylist()
            exported = {(normal_text(row["instruction"]), normal_text(row["output"])) for row in alpaca}
            assert exported <= rows, source
            assert set(reasons(read(source))) <= {"no instruction", "no response", "duplicate"}, source


def test_a_conversation_of_the_seed_is_trained_on_elsewhere_as_here(
    tmp_path: Path, curated: list[Curated], facts: CardFacts
) -> None:
    talk = Pair(
        content_id("Be brief.\n\nName one.", "Seven.", "More?", "Nine."),
        "Be brief.\n\nName one.", "Seven.", "seed", "a", system="Be brief.", later=("More?", "Nine."),
    )  # fmt: skip
    export_data(curated, [talk], lambda item: (), tmp_path / "out", data_card(facts), [talk])
    for split, layouts in (("train", ["training"]), ("validation", ["messages", "sharegpt", "training"])):
        for name in layouts:
            for ending in ("jsonl", "parquet"):
                source = tmp_path / "out" / name / f"{split}.{ending}"
                first = next(item for item in read(source, turns="all") if isinstance(item, Pair))
                assert replace(first, source="a") == talk, source


def test_preferences_read_back_as_what_was_asked_and_chosen(
    tmp_path: Path, curated: list[Curated], facts: CardFacts
) -> None:
    out = tmp_path / "out"
    export_data(curated[:1], [], lambda item: (), out, data_card(facts), rejected=lambda row: ["Another?"])
    left, pair = read(out / "preference" / "train.parquet")
    assert isinstance(pair, Pair)
    assert isinstance(left, Dropped)
    assert (pair.response, left.reason) == (normal_text(curated[0].instruction), "rejected answer")
