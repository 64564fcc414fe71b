"""The table of curator quality, on a model of two layers: every scorer has a row, and a stopped run goes on."""

import importlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from humpback.records import Candidate, Segment, content_id

pytestmark = pytest.mark.benchmark

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SENTENCES = (
    "The bay lies open to the east, and fishing boats leave it before the sun has risen over the hills.",
    "A long wall of grey stone keeps the winter storms away from the houses on the quay.",
    "Every spring the nets are mended by hand, because the ropes have grown hard in the salt.",
    "In summer visitors come for the whales, which pass within sight of the lighthouse.",
    "The harbour master writes down each arrival in a book that goes back two hundred years.",
)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.jsonl"
    pairs = [
        {
            "instruction": f"Tell me about bay number {number} and the people who live beside it.",
            "response": " ".join((*SENTENCES[number % 5 :], *SENTENCES[: number % 5])).replace("bay", f"bay {number}"),
            "flag": number % 2 == 0,
        }
        for number in range(16)
    ]
    file.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    return file


def test_every_scorer_has_a_row_and_a_second_call_scores_nothing_again(good: Path, tiny_model: Path, tmp_path: Path):
    def run() -> str:
        command = [
            sys.executable, BENCHMARKS / "curation_quality.py",
            "--work", tmp_path / "work", "--json", tmp_path / "found.json",
            "--model", tiny_model, "--backward", tiny_model, "--scorers", "length", "stored-gain", "ensemble",
            "--good", good, "--flagged", f"{good}#flag", "--pairs", "3", "--flags", "4",
            "--set", 'curate.ensemble={"length": 1, "stored-gain": 2}', "--set", "model.max_tokens=3000",
        ]  # fmt: skip
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout

    first, second = run(), run()

    found = json.loads((tmp_path / "found.json").read_text())
    assert [row["scorer"] for row in found["results"]] == ["length", "stored-gain", "ensemble"]
    assert found["sets"]["good"] == {"kind": "faults", "pairs": 3 * 14}
    assert all(row["states"] == {"scored": row["states"]["scored"]} for row in found["results"])
    assert "M_yx: 32 of" in first
    assert " of " not in second.replace(" of 0", "")
    assert first[first.index("| model") :] == second[second.index("| model") :]


def test_pairs_that_teach_to_rate_are_good_ones_each_beside_a_faulty_twin(good: Path, tmp_path: Path):
    command = [sys.executable, BENCHMARKS / "teaching_pairs.py", "--good", good, "--count", "20",
               "--out", tmp_path / "teaching.jsonl"]  # fmt: skip
    subprocess.run(list(map(str, command)), check=True)

    rows = [json.loads(line) for line in (tmp_path / "teaching.jsonl").read_text().splitlines()]
    assert Counter(row["response"] for row in rows) == {"Good: Yes": 10, "Good: No": 10}
    assert len({row["instruction"] for row in rows}) == 20
    assert all("Say whether the response would be a good reply" in row["instruction"] for row in rows)


def test_a_label_meets_its_segment_by_id_and_others_stay_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    labelled_sets = importlib.import_module("labelled_sets")
    segments = [Segment(name, "doc", "blog#1", ("Nets",), f"Salt hardens them ({name}).", "en") for name in "abc"]
    made = {"instruction": "Why do nets wear out?", "log_probability": -1.0, "gain": 0.5, "writer": "w"}
    label = made | {"draw": "judged", "corpus": "blog", "asks": True, "answers": False, "good": False, "unsure": True}
    for name, rows in (
        ("segments/blog", map(asdict, segments)),
        ("labels", [{"segment": name, **label} for name in ("c", "x", "a")]),
    ):
        file = tmp_path / f"{name}.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    labelled = labelled_sets.labelled_candidates(tmp_path / "segments", tmp_path / "labels.jsonl")
    (judged,) = labelled_sets.candidate_sets(tmp_path / "segments", tmp_path / "labels.jsonl")

    assert [one.candidate.response for one in labelled] == ["Salt hardens them (c).", "Salt hardens them (a)."]
    assert labelled[0].candidate.id == content_id("c", made["instruction"])
    assert (labelled[0].candidate.log_probability, labelled[0].candidate.gain, labelled[0].asks) == (-1.0, 0.5, True)
    assert (judged.name, {item.run for item in judged.items}) == ("candidates, judged", {"w"})


def test_candidates_of_several_runs_are_ranked_within_their_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    quality, labelled_sets = map(importlib.import_module, ("curation_quality", "labelled_sets"))
    pairs = [Candidate(name, "s", "d", "", (), "Why?", "So.", "m", -1.0) for name in "abcd"]
    runs = ("sure", "sure", "shy", "shy")
    items = [labelled_sets.Item(pair, pair.id, 0.0, False, run=run) for pair, run in zip(pairs, runs, strict=True)]
    several = labelled_sets.LabelledSet("candidates", "flag", tuple(items))
    scores = {name: {"score": score} for name, score in zip("abcd", (-0.1, -0.2, -3.0, None), strict=True)}

    assert quality.within_runs(several, scores) == {"a": 0.75, "b": 0.25, "c": 0.5, "d": None}
    one = labelled_sets.LabelledSet("candidates", "flag", tuple(items[:2]))
    assert quality.within_runs(one, scores) == {"a": -0.1, "b": -0.2}


def test_the_labels_that_ship_are_whole():
    lines = (BENCHMARKS / "planted" / "candidate_labels.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({(row["segment"], row["instruction"]) for row in rows}) == len(rows) >= 900
    assert Counter(row["draw"] for row in rows) == {"chosen on": 328, "judged": 607}
    assert all(row["good"] <= (row["asks"] and row["answers"]) for row in rows)
    assert len({(row["corpus"], row["writer"]) for row in rows}) == 9
