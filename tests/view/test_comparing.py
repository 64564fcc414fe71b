"""Comparing: what moved, and two models' answers blind, in the files that `evaluate blind` writes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from humpback.evaluation.blind import read_key
from humpback.view.blind import all_blind
from tests.command import humpback as command
from tests.view.conftest import Client


@pytest.fixture
def outputs(tmp_path: Path) -> tuple[Path, Path]:
    """Answers of two models to twelve prompts."""
    paths = tmp_path / "m0.json", tmp_path / "m1.json"
    for path in paths:
        rows = [
            {"instruction": f"Question {n}?", "output": f"{path.stem} says {n}. <script>x</script>"} for n in range(12)
        ]
        path.write_text(json.dumps([row | {"generator": path.stem} for row in rows]))
    return paths


def test_what_moved_between_iterations_and_between_runs(serve, folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "again")
    client = Client(serve(folder, tmp_path / "again"))
    page = client.get("/moved?left=0:ratings-1&right=0:ratings-2")
    assert re.search(r"<strong>\d+</strong> rated higher", page)
    assert "→" in page
    same = client.get("/moved?left=0:ratings-2&right=1:ratings-2")
    assert "<strong>0</strong> rated higher, <strong>0</strong> lower" in same
    assert client.get("/moved?left=0:ratings-1&right=1:ratings-2&move=up").count("→") > 0


def test_a_blind_comparison_to_its_win_rate(serve, folder: Path, outputs: tuple[Path, Path]):
    client = Client(serve(folder, outputs=outputs, annotator="anna"))
    page = client.post("/compare", first="answers: m0.json", second="answers: m1.json")
    assert page == "/compare/m0-vs-m1"
    blind = folder / "decisions" / "blind"
    key = read_key(blind / "m0-vs-m1.key.json")
    assert len(key) == 12
    assert sum(question.model_is_a for question in key.values()) == 6
    for number, (id_, question) in enumerate(key.items()):
        # Nine for the model, one for the baseline, a tie and both bad; the ninth is taken back and given again.
        choice = "a" if question.model_is_a == (number < 9) else "b"
        choice = {10: "tie", 11: "both bad"}.get(number, choice)
        client.post(page, id=id_, choice=choice)
        if number == 8:
            assert client.post(page, id=id_, choice="") == f"{page}?id={id_}"
            client.post(page, id=id_, choice=choice)
    text = client.get(page)
    assert "All questions are answered" in text
    assert "win rate <strong>83.3 %</strong>" in text
    assert "win 75.0 %" in text
    done = command(
        "evaluate", "unblind", blind / "m0-vs-m1.answers" / "anna.jsonl", "--key", blind / "m0-vs-m1.key.json"
    )
    assert "83.3" in done.stdout, done.stderr


def test_blind_answers_are_undone_and_done_again(serve, folder: Path, outputs: tuple[Path, Path]):
    served = serve(folder, outputs=outputs, annotator="anna")
    client = Client(served)
    page = client.post("/compare", first="answers: m0.json", second="answers: m1.json")
    (files,) = all_blind(folder / "decisions" / "blind")
    first, second, *_ = files.key()
    for question, choice in ((first, "a"), (second, "b"), (first, "tie")):
        client.post(page, id=question, choice=choice)
    seen = []
    for action in ("undo", "undo", "redo", "redo", "redo", "undo", "undo", "undo", "undo"):
        client.post(f"{page}/{action}")
        seen.append(files.answers("anna"))
    all_three, two, one = {first: "tie", second: "b"}, {first: "a", second: "b"}, {first: "a"}
    assert seen == [two, one, two, all_three, all_three, two, one, {}, {}]
    assert "Nothing to undo." in client.get(page)
    client.post(page, id=second, choice="a")
    assert client.post(f"{page}/redo") == page, "another answer came after it"
    assert files.answers("anna") == {second: "a"}


def test_answers_show_no_names_and_nothing_of_theirs_acts(serve, folder: Path, outputs: tuple[Path, Path]):
    client = Client(serve(folder, outputs=outputs))
    text = client.get(client.post("/compare", first="answers: m0.json", second="answers: m1.json"))
    article = text[text.index("<article>") : text.index("How it stands")]
    assert "generator" not in article
    assert "<script>" not in article
    assert "&lt;script&gt;" in article
    assert "m0 says" in client.get("/0/list?kind=answer")


def test_instructions_of_two_runs_for_the_same_segments(serve, folder: Path, tmp_path: Path):
    from humpback.records import Candidate, Outcome
    from humpback.runs.store import Run

    shutil.copytree(folder, tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / "view", ignore_errors=True)
    stage = Run(tmp_path / "other").stage("candidates")
    (stage.path / "manifest.json").unlink()
    for shard in stage.committed():
        from dataclasses import replace

        rows = tuple(replace(row, instruction=f"Other: {row.instruction}") for row in stage.shard(shard, Candidate))
        stage.commit(shard, Outcome(rows, (), len(rows)), Candidate, 0)
    client = Client(serve(folder, tmp_path / "other"))
    page = client.post("/compare", first="instructions: run", second="instructions: other (1)")
    assert "Other: " in client.get(page)


def test_a_comparison_that_cannot_be_made_is_one_line(serve, folder: Path, outputs: tuple[Path, Path]):
    served = serve(folder, outputs=outputs)
    client = Client(served)
    for first, second in (("answers: m0.json", "answers: m0.json"), ("nothing", "answers: m0.json"),
                          ("instructions: run", "instructions: run")):  # fmt: skip
        status, _, text = client.ask("POST", "/compare", f"first={first}&second={second}".replace(" ", "+"),
                                     origin=served.url)  # fmt: skip
        assert status == 400
        assert "This cannot be shown" in text
    assert client.ask("POST", "/compare/m0-vs-m1", "id=x&choice=a", origin=served.url)[0] == 400
