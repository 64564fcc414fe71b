"""Rating pairs and measuring the ratings against labels, from files to figures."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from humpback.cli.main import app
from humpback.errors import ConfigError, InputError
from humpback.evaluation.labels import LabelColumns
from humpback.standalone.labels import agreement_lines, read_labelled

REPLIES = Path(__file__).parents[3] / "shared/data/rated/oasst1_en_validation_replies.jsonl.gz"
LENGTH = ["--model", "fake", "--set", "model.engine=fake", "--set", "curate.scorer=length"]
COLUMNS = ("id", "segment_id", "document_id", "source", "instruction", "response", "model")


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def replies(prompts=20):
    """Three replies to each prompt, the better the longer."""
    return [
        {
            "reply_id": f"r{p}-{n}",
            "prompt_id": f"p{p}",
            "instruction": f"Why {p}?",
            "response": f"{p:02}! " * (9 - n),
            "rank": n,
        }
        for p in range(prompts)
        for n in range(3)
    ]


def rate(*arguments):
    done = CliRunner().invoke(app, ["rate", *map(str, arguments)], catch_exceptions=True)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def figures(path):
    return {figure["name"]: figure for figure in json.loads(path.read_text())["figures"]}


def test_ranks_in_the_file_of_the_pairs(tmp_path):
    pairs = write(tmp_path / "replies.jsonl", replies())
    said = rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", pairs, "--figures", tmp_path / "f.json", *LENGTH)

    assert (
        "60 pairs in 20 groups against 'rank' of replies.jsonl (rank; good is: the best of its group; 20 are)" in said
    )
    assert "left out" not in said
    found = figures(tmp_path / "f.json")
    assert found["pairwise accuracy within groups"]["value"] == 1.0
    assert found["Kendall within groups"]["value"] == pytest.approx(1.0)
    assert found["AUROC"]["value"] == 1.0
    assert found["pairwise accuracy within groups"]["of"] == 20


def test_yes_and_no_in_another_file_joined_by_what_the_pairs_say(tmp_path):
    rows = replies()
    pairs = write(tmp_path / "pairs.jsonl", [{"prompt": r["instruction"], "output": r["response"]} for r in rows])
    labels = [{"prompt": r["instruction"], "output": f" {r['response']}\r\n", "good": r["rank"] == 0} for r in rows]
    write(tmp_path / "labels.jsonl", reversed(labels))
    said = rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", tmp_path / "labels.jsonl", "--at", 20,
                "--figures", tmp_path / "f.json", *LENGTH)  # fmt: skip

    assert "(binary; good is: yes; 20 are)" in said
    found = figures(tmp_path / "f.json")
    assert [found[f"{what} at 20"]["value"] for what in ("precision", "recall")] == [1.0, 1.0]


def test_labels_without_texts_are_joined_by_id(tmp_path):
    pairs = write(tmp_path / "pairs.jsonl", replies())
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["reply_id", "score"])
        table.writerows([r["reply_id"], 3 - r["rank"]] for r in replies())
        table.writerow(["nowhere", 2])
    said = rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", tmp_path / "labels.csv", *LENGTH)

    assert "60 pairs in 20 groups against 'score' of labels.csv (number;" in said
    assert "left out: 1 label of no such pair" in said


def test_candidates_are_joined_by_the_ids_that_they_have(tmp_path):
    rows = [dict.fromkeys(COLUMNS, "") | {"id": f"c{n}", "title_path": [], "log_probability": 0.0} for n in range(6)]
    pairs = write(
        tmp_path / "c.jsonl", [r | {"instruction": "Why?", "response": "x" * (n + 1)} for n, r in enumerate(rows)]
    )
    labels = write(tmp_path / "labels.jsonl", [{"id": f"c{n}", "label": n > 2} for n in range(6)])
    said = rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", labels, *LENGTH)

    assert "6 pairs in 1 groups" in said
    assert "AUROC                             1.000" in said


def test_what_has_no_label_no_partner_or_two_labels_is_counted(tmp_path):
    rows = replies(4)
    pairs = write(tmp_path / "pairs.jsonl", [*rows, rows[0], {"instruction": "Why?", "response": ""}])
    labels = [{"reply_id": r["reply_id"], "label": r["rank"] == 0} for r in rows[:9]]
    write(tmp_path / "labels.jsonl", [*labels, labels[0], {"reply_id": "x", "label": True}])
    said = rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", tmp_path / "labels.jsonl", *LENGTH)

    assert "9 pairs in 3 groups" in said
    assert (
        "left out: 1 duplicate, 1 no response, 1 label of no such pair, 3 rated, without a label, "
        "1 label of a pair that has one" in said
    )


def test_pairs_without_a_score_are_counted_by_state_and_rank_last(tmp_path):
    pairs = write(
        tmp_path / "pairs.jsonl", [{"instruction": f"Why {n}?", "response": f"{n}.", "label": n < 2} for n in range(4)]
    )
    rate(pairs, "--out", tmp_path / "r.jsonl", *LENGTH)
    rated = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    for row, (state, score) in zip(
        rated, [("scored", 2.0), ("scored", 4.0), ("unparsed", None), ("truncated", None)], strict=True
    ):
        row |= {"state": state, "score": score, "scorer": "yes-no"}
    write(tmp_path / "r.jsonl", rated)
    labelled = read_labelled(pairs, pairs, LabelColumns(), [])
    said = "\n".join(agreement_lines(labelled, tmp_path / "r.jsonl", [], None, []))

    assert "2 scored, 1 truncated, 1 unparsed; what has no score counts as worse than all that have one" in said
    assert "AUROC                             1.000" in said
    assert "calibration error                 0.500" in said  # of the two that are scored: 1/4 and 3/4, both good


def test_a_probability_is_checked_against_how_many_are_good(tmp_path):
    rows = [{"instruction": f"Why {n}?", "response": f"{n}.", "label": n % 2} for n in range(40)]
    pairs = write(tmp_path / "pairs.jsonl", rows)
    fake = ["--model", "fake", "--set", "model.engine=fake", "--set", "curate.scorer=yes-no"]
    said = rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", pairs, "--figures", tmp_path / "f.json", *fake)
    found = json.loads((tmp_path / "f.json").read_text())["calibration"]

    assert "scores of 0.0 to 0.1 (as probabilities):" in said
    assert sum(one["pairs"] for one in found["bins"]) == 40
    assert 0 < found["error"]["value"] < 0.6


def test_a_grade_is_no_probability(tmp_path):
    rows = [{"instruction": f"Why {n}?", "response": f"{n}.", "label": n % 2} for n in range(8)]
    pairs = write(tmp_path / "pairs.jsonl", rows)
    fake = ["--model", "fake", "--set", "model.engine=fake", "--set", "curate.scorer=expected-rating"]
    assert "calibration" not in rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", pairs, *fake)


def test_a_mistake_about_labels_is_told_before_anything_is_rated(tmp_path):
    pairs = write(tmp_path / "pairs.jsonl", replies(2))
    strangers = write(tmp_path / "labels.jsonl", [{"reply_id": "x", "label": True}, {"reply_id": "y", "label": False}])

    with pytest.raises(InputError, match=r"no label in .*labels.jsonl belongs to a pair in .*pairs.jsonl"):
        rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", strangers, *LENGTH)
    with pytest.raises(InputError, match="nothing in a column 'gold'"):
        rate(pairs, "--out", tmp_path / "r.jsonl", "--evaluate", pairs, "--label", "gold", *LENGTH)
    same = write(tmp_path / "same.jsonl", [row | {"label": "yes"} for row in replies(2)])
    with pytest.raises(InputError, match=r"the labels 'label' in .*same.jsonl are all the same"):
        rate(same, "--out", tmp_path / "r.jsonl", "--evaluate", same, *LENGTH)
    with pytest.raises(ConfigError, match="name their file with --evaluate"):
        rate(pairs, "--out", tmp_path / "r.jsonl", "--label", "rank", *LENGTH)
    assert not (tmp_path / "r.jsonl").exists()


@pytest.mark.data
@pytest.mark.skipif(not REPLIES.exists(), reason="no data beside the checkout")
def test_people_prefer_long_replies(tmp_path):
    said = rate(
        REPLIES, "--out", tmp_path / "r.jsonl", "--evaluate", REPLIES, "--figures", tmp_path / "f.json", *LENGTH
    )
    found = figures(tmp_path / "f.json")["pairwise accuracy within groups"]

    assert "541 pairs in 187 groups against 'rank'" in said
    assert "left out: 1 duplicate, 26 rated, without a label" in said
    assert found["interval"]["low"] > 0.6
