"""No command overwrites by surprise what is there."""

import json

import pytest

from humpback.config import Config
from humpback.errors import InputError, StoreError
from humpback.evaluation.answers import Answering
from humpback.standalone.answer import answer_files
from humpback.standalone.blind import blind_files
from humpback.standalone.rate import rate_files
from humpback.standalone.segment import segment_files
from humpback.standalone.work import How

FORCE = How(force=True)
LENGTH = Config.model_validate({"model": {"name": "fake", "engine": "fake"}, "curate": {"scorer": "length"}})
RANDOM = Config.model_validate({"model": {"name": "fake", "engine": "fake"}, "curate": {"scorer": "random"}})


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"instruction": f"What is {n} plus {n}?", "response": f"It is {2 * n}, as {n} twice."} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def of_responses(pairs):
    return Config.model_validate({"corpus": {"documents": [str(pairs)], "text_column": "response"}})


def test_input_and_output_are_not_the_same_file(pairs, tmp_path):
    before = pairs.read_bytes()
    (tmp_path / "sub").mkdir()
    for call in (
        lambda: rate_files(pairs, LENGTH, pairs, how=FORCE),
        lambda: rate_files(pairs, LENGTH, tmp_path / "sub" / ".." / "pairs.jsonl", how=FORCE),
        lambda: segment_files(of_responses(pairs), pairs, how=FORCE),
        lambda: answer_files(pairs, "fake", pairs, "", Answering(), ["model.engine=fake"], FORCE),
    ):
        with pytest.raises(InputError, match="is read by this command and would be overwritten"):
            call()
    assert pairs.read_bytes() == before


def test_records_and_ledger_are_not_the_same_file(pairs, tmp_path):
    out = tmp_path / "out.jsonl"
    with pytest.raises(InputError, match="would be written twice"):
        segment_files(of_responses(pairs), out, out)


def test_a_file_of_unknown_origin_stays(pairs, tmp_path):
    out = tmp_path / "ratings.jsonl"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match=r"is there already, and nothing says what made it: choose .* --force"):
        rate_files(pairs, LENGTH, out)
    assert out.read_text() == "mine"
    rate_files(pairs, LENGTH, out, how=FORCE)
    assert len(out.read_text().splitlines()) == 20


def test_what_made_the_file_is_said(pairs, tmp_path):
    out = tmp_path / "ratings.jsonl"
    rate_files(pairs, LENGTH, out)
    before = out.read_bytes()
    with pytest.raises(StoreError, match=r'made with other settings: curate.scorer "length" -> "random"'):
        rate_files(pairs, RANDOM, out)
    assert out.read_bytes() == before
    assert not (tmp_path / ".ratings.jsonl.work" / "stages" / "ratings-1").exists()


def test_another_input_is_another_command(pairs, tmp_path):
    out = tmp_path / "ratings.jsonl"
    rate_files(pairs, LENGTH, out)
    lines = pairs.read_text(encoding="utf-8").splitlines(keepends=True)
    pairs.write_text("".join(lines[:10]), encoding="utf-8")
    with pytest.raises(StoreError, match="made with other settings: content"):
        rate_files(pairs, LENGTH, out)


def test_a_file_that_was_changed_by_hand_stays(pairs, tmp_path):
    out = tmp_path / "ratings.jsonl"
    rate_files(pairs, LENGTH, out)
    out.write_text(out.read_text(encoding="utf-8").upper(), encoding="utf-8")
    with pytest.raises(StoreError, match="was changed after it was written"):
        rate_files(pairs, LENGTH, out)


def test_a_sheet_that_people_fill_in_stays(pairs, tmp_path):
    for seed in (1, 2):
        answer_files(pairs, "fake", tmp_path / f"{seed}.json", f"m-{seed}", Answering(seed), ["model.engine=fake"])
    sheet, key = tmp_path / "blind.csv", tmp_path / "key.json"
    outputs = (tmp_path / "2.json", tmp_path / "1.json")
    blind_files(*outputs, sheet, key, None, 0)
    sheet.write_text(sheet.read_text(encoding="utf-8-sig") + "filled in", encoding="utf-8-sig")
    with pytest.raises(StoreError, match="was changed after it was written"):
        blind_files(*outputs, sheet, key, None, 0)
    assert "filled in" in sheet.read_text(encoding="utf-8-sig")


def test_a_name_that_cannot_be_written_is_said_before_any_work(pairs, tmp_path):
    with pytest.raises(InputError, match=r"end its name with \.jsonl or \.parquet"):
        rate_files(pairs, LENGTH, tmp_path / "ratings.csv")
    assert not list(tmp_path.glob(".*"))
