import csv
import json

import pytest
from typer.testing import CliRunner

from humpback.cli.main import app
from humpback.data_access.rows import file_rows
from humpback.errors import InputError
from humpback.evaluation.blind import blind, blind_result, read_key, unblind, write_key, write_sheet
from humpback.evaluation.comparisons import Comparison, read_comparisons
from humpback.standalone.blind import unblind_files


def pairs(count=40):
    return [Comparison(f"Do {n}.", f"base says {n}", f"ours says {n}", "base", "ours", index=n) for n in range(count)]


def fill_in(sheet, choose):
    rows = [row for _, row in file_rows(sheet)]
    for row in rows:
        row["choice"] = choose(row)
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def for_ours(row):
    return "A" if row["answer_a"].startswith("ours") else "B"


@pytest.fixture
def written(tmp_path):
    questions = blind(pairs(), rng_seed=3)
    write_sheet(tmp_path / "blind.csv", questions)
    write_key(tmp_path / "key.json", questions)
    return tmp_path / "blind.csv", tmp_path / "key.json"


def test_the_order_is_random_seeded_and_each_side_has_each_model_in_half():
    questions = blind(pairs(), rng_seed=3)
    assert sum(question.model_is_a for question in questions) == 20
    assert [q.comparison.index for q in questions] != list(range(40))
    assert sorted(q.comparison.index for q in questions) == list(range(40))
    assert questions == blind(pairs(), rng_seed=3)
    assert [q.comparison.index for q in questions] != [q.comparison.index for q in blind(pairs(), rng_seed=4)]


def test_fewer_pairs_and_never_two_equal_answers():
    same = [Comparison("Do it.", "x", "x", "base", "ours")] * 5
    assert len(blind(same + pairs(10), count=4)) == 4
    assert len(blind(same + pairs(10))) == 10


def test_the_sheet_names_no_model(tmp_path):
    rows = [Comparison(f"Do {n}.", f"first {n}", f"second {n}", "base-model", "our-model") for n in range(9)]
    for name in ("blind.csv", "blind.jsonl"):
        write_sheet(tmp_path / name, blind(rows))
        assert "model" not in (tmp_path / name).read_text()
        assert len(list(file_rows(tmp_path / name))) == 9


def test_people_who_prefer_the_model_make_it_win(written):
    sheet, key = written
    fill_in(sheet, for_ours)
    found = unblind(read_key(key), sheet)
    result = blind_result(found)
    assert (result.rate.n_wins, result.rate.n_wins_base, result.rate.win_rate) == (40, 0, 100.0)
    assert {one.annotator for one in found} == {"human"}
    (_, win, bounds), *_ = result.shares
    assert win == 1.0
    assert 0.9 < bounds.low < 0.95


def test_people_who_always_choose_a_say_nothing(written):
    sheet, key = written
    fill_in(sheet, lambda _: "a")
    assert blind_result(unblind(read_key(key), sheet)).rate.win_rate == 50.0


def test_ties_and_what_is_left_open(written):
    sheet, key = written
    fill_in(sheet, lambda row: {0: "", 1: "tie"}.get(int(row["instruction"][3:-1]) % 4, for_ours(row)))
    result = blind_result(unblind(read_key(key), sheet))
    assert (result.rate.n_wins, result.rate.n_draws, result.rate.unjudged) == (20, 10, 10)
    assert [round(share, 3) for _, share, _ in result.shares] == [0.667, 0.333, 0.0]


def test_a_sheet_that_nobody_filled_in_gives_no_figures(written):
    sheet, key = written
    lines = unblind_files(sheet, key, None, 0)
    assert lines[1:] == ["  0 wins, 0 ties, 0 losses, 40 without a verdict"]
    fill_in(sheet, lambda row: for_ours(row) if row["id"] == next(iter(read_key(key))) else "")
    text = "\n".join(unblind_files(sheet, key, None, 0))
    assert "100.00 % (no interval: one prompt)" in text
    assert "nan" not in text


def test_several_people_on_one_question_are_drawn_together(tmp_path, written):
    sheet, key = written
    fill_in(sheet, lambda row: for_ours(row) if int(row["instruction"][3:-1]) % 2 else "tie")
    rows = [row for _, row in file_rows(sheet)]
    many = [{"id": row["id"], "choice": row["choice"], "annotator": name} for row in rows for name in "pqrs"]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in many))
    one, four = (blind_result(unblind(read_key(key), path)).rate for path in (sheet, tmp_path / "many.jsonl"))
    assert four.n_total == 160
    assert four.win_rate == one.win_rate
    assert four.interval == one.interval


def test_mistakes_in_a_sheet(tmp_path, written):
    _, key = written
    known = next(iter(read_key(key)))
    for row, message in (({"id": known, "choice": "the first"}, "says 'the first'"), ({"id": "x"}, "no id of the key")):
        (tmp_path / "answers.jsonl").write_text(json.dumps(row) + "\n")
        with pytest.raises(InputError, match=message):
            unblind(read_key(key), tmp_path / "answers.jsonl")
    with pytest.raises(InputError, match="is not of a key"):
        read_key(written[0])


def test_no_text_is_a_formula_for_a_spreadsheet(tmp_path):
    row = Comparison("=cmd|' /C calc'!A0", " +1", "@SUM(A1)", "base", "ours")
    write_sheet(tmp_path / "blind.csv", blind([row]))
    ((_, found),) = file_rows(tmp_path / "blind.csv")
    assert found["instruction"] == "'=cmd|' /C calc'!A0"
    assert {found["answer_a"], found["answer_b"]} == {"' +1", "'@SUM(A1)"}


def test_by_commands(tmp_path):
    for name in ("base", "ours"):
        rows = [{"instruction": f"Do {n}.", "output": f"{name} says {n}", "generator": name} for n in range(20)]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    sheet, key, out = tmp_path / "blind.csv", tmp_path / "key.json", tmp_path / "annotations.json"
    words = ["evaluate", "blind", str(tmp_path / "ours.json"), str(tmp_path / "base.json"), "--out", str(sheet)]
    shown = CliRunner().invoke(app, [*words, "--key", str(key), "--count", "12"])
    assert shown.exit_code == 0, shown.output
    fill_in(sheet, for_ours)
    shown = CliRunner().invoke(app, ["evaluate", "unblind", str(sheet), "--key", str(key), "--out", str(out)])
    assert "win 100.0% (75.8% to 100.0%, Wilson)" in shown.output
    assert {one.preference for one in read_comparisons(out)} == {2.0}
