"""Deciding: what people say is written down, can be undone, and counts in what follows."""

from __future__ import annotations

import json
from pathlib import Path

import fsspec
import pytest

import humpback
from humpback.data_access.decisions import Decisions
from humpback.evaluation.labels import LabelColumns
from humpback.records import Candidate, Curated
from humpback.runs.store import Run, path_of
from humpback.standalone.labels import read_labelled
from humpback.view.query import Query
from tests.command import humpback as command
from tests.view.conftest import Client


def candidates(folder: Path) -> list[Candidate]:
    return list(Run(folder).stage("candidates").records(Candidate))


def kept(folder: Path) -> list[str]:
    return list(Run(folder).stage("curated-2").column("id"))


def test_a_decision_an_edit_a_tag_and_a_note(serve, folder: Path):
    client, row = Client(serve(folder, annotator="anna")), candidates(folder)[0]
    client.post("/0/decide", id=row.id, verdict="approve", instruction="Better?", response=row.response, tags="a, b,a",
                note=" fine ", back="/")  # fmt: skip
    opinion = Decisions(folder / "decisions").opinion("anna", row.id)
    assert (opinion.verdict, opinion.instruction, opinion.response) == ("approve", "Better?", None)
    assert (opinion.tags, opinion.note) == (("a", "b"), "fine")
    page = client.get(f"/0/record/candidate/{row.id}")
    assert "<ins>Better" in page
    assert row.id in client.get("/0/list?decided=edited&tag=b")
    assert row.id not in client.get("/0/list?decided=none")
    client.post("/0/undo", back="/")
    assert not Decisions(folder / "decisions").opinion("anna", row.id).verdict


def test_a_queue_stays_put_while_labels_change_it(serve, folder: Path):
    client = Client(serve(folder, annotator="anna"))
    start = client.post("/0/queue", decided="none", sort="doubt").removesuffix("1")
    count = len(candidates(folder))
    first = Client.get(client, start + "1")
    client.post("/0/bulk", decided="none", verdict="reject", back="/")
    page = client.get(start + "2")
    assert f"<strong>2</strong> of {count} in the queue, {count} decided" in page
    assert client.get(start + "1").split("<article>")[1][:200] == first.split("<article>")[1][:200]
    assert "The end of the queue" in client.get(f"{start}{count + 1}")


def test_others_are_hidden_until_ones_own_is_given(serve, folder: Path):
    served, row = serve(folder), candidates(folder)[0]
    anna, ben = Client(served), Client(served)
    anna.name("anna")
    ben.name("ben")
    anna.post("/0/decide", id=row.id, verdict="reject", note="off topic", back="/")
    page = ben.get(f"/0/record/candidate/{row.id}")
    assert "off topic" not in page
    assert "shown when you have decided" in page
    assert row.id in ben.get("/0/list?decided=others")
    ben.post("/0/decide", id=row.id, verdict="approve", back="/")
    assert "off topic" in ben.get(f"/0/record/candidate/{row.id}")
    assert "1 record in common" in ben.get("/0/agreement")


def test_nobody_decides_on_what_is_no_candidate(serve, folder: Path):
    served = serve(folder)
    client = Client(served)
    status, _, text = client.ask("POST", "/0/decide", "id=nothing&verdict=reject", origin=served.url)
    assert status == 400
    assert "has no candidate" in text


def decide(folder: Path) -> tuple[Decisions, str, str]:
    """One that is kept is rejected, and one that is not is brought back with another instruction."""
    decisions, rejected = Decisions(folder / "decisions"), kept(folder)[0]
    brought_back = next(row.id for row in Run(folder).stage("curated-2").dropped())
    decisions.record("anna", [rejected], {"verdict": "reject"})
    decisions.record("anna", [brought_back], {"verdict": "approve", "instruction": "Mended?"})
    return decisions, rejected, brought_back


def test_plan_says_what_decisions_make_stale(finished: Path, folder: Path):
    config = finished / "run.yaml"
    Decisions(folder / "decisions").record("anna", [kept(folder)[0]], {"note": "only a note"})
    assert "stale" not in command("plan", config, "--out", folder).stdout
    decide(folder)
    assert "the decisions of people" in command("plan", config, "--out", folder).stdout


def test_export_obeys_at_once(folder: Path):
    decisions, rejected, _ = decide(folder)
    exported = humpback.open_run(folder).export()["data set"]
    lines = (exported / "alpaca" / "train.jsonl").read_text()
    assert rejected not in lines
    assert "Mended?" in lines
    assert "1 approved, 1 rejected and left out, 1 mended" in (exported / "README.md").read_text()

    decisions.undo("anna")
    decisions.undo("anna")
    lines = (humpback.open_run(folder).export()["data set"] / "alpaca" / "train.jsonl").read_text()
    assert "Mended?" not in lines
    assert rejected in lines


@pytest.mark.slow
def test_a_run_that_goes_on_selects_by_them(finished: Path, folder: Path):
    config, rows = finished / "run.yaml", candidates(folder)
    _, rejected, brought_back = decide(folder)
    humpback.run(str(config), folder, redo=["curated-1"])
    curated = {row.id: row for row in Run(folder).stage("curated-2").records(Curated)}
    assert rejected not in curated
    assert curated[brought_back].instruction == "Mended?"
    assert len(curated) in (len(rows) // 2, len(rows) // 2 + 1), "the next best moved up"
    reasons = {row.id: row.reason for row in Run(folder).stage("curated-2").dropped()}
    assert reasons[rejected] == "rejected by people"
    assert "stale" not in command("plan", config, "--out", folder).stdout
    exported = humpback.open_run(folder).export()["data set"]
    assert (exported / "alpaca" / "train.jsonl").read_text().count("\n") == len(curated)


def test_select_and_rate_take_decisions(folder: Path, tmp_path: Path):
    run = humpback.open_run(folder)
    pairs, ratings, out = tmp_path / "pairs.jsonl", tmp_path / "ratings.jsonl", tmp_path / "curated.jsonl"
    run.candidates().save(pairs)
    run.ratings(2).save(ratings)
    ids = [row.id for row in run.candidates()]
    decisions = Decisions(folder / "decisions")
    decisions.record("anna", ids[::2], {"verdict": "reject"})
    decisions.record("anna", ids[1::2], {"verdict": "approve"})
    settings = ("--set", f"curate.decisions={folder / 'decisions'}", "--set", "curate.select.top_n=1")
    assert command("select", pairs, ratings, "--out", out, *settings).returncode == 0
    assert sorted(json.loads(line)["id"] for line in out.read_text().splitlines()) == sorted(ids[1::2])
    labelled = read_labelled(pairs, folder / "decisions", LabelColumns(), [])
    goodness = [label.good for label in labelled.labels.rows if label]
    assert dict(zip(labelled.ids, goodness, strict=True)) == {id_: id_ in ids[1::2] for id_ in ids}
    decisions.record("anna", ids[1:2], {"instruction": "Mended?"})
    labelled = read_labelled(pairs, folder / "decisions", LabelColumns(), [])
    assert ids[1] not in labelled.ids
    assert labelled.left_out["approved only once mended"] == 1


def test_a_run_that_lies_elsewhere_is_looked_at_and_not_decided_on(serve, finished: Path):
    storage = fsspec.filesystem("memory")
    for path in (path for path in (finished / "run").rglob("*") if path.is_file()):
        storage.pipe(f"/looked-at/run/{path.relative_to(finished / 'run')}", path.read_bytes())
    served = serve(path_of("memory://looked-at/run"))
    client = Client(served)
    assert "result" in client.get("/0/list?kind=candidate")
    for method, path, body in (("POST", "/0/bulk", "verdict=reject"), ("GET", "/compare", "")):
        status, _, text = client.ask(method, path, body, origin=served.url)
        assert status == 400
        assert "not on this machine" in text


@pytest.mark.parametrize("fields", [{}, {"q": "bees"}])
def test_all_results_of_a_filter_are_decided_and_undone_as_one(serve, folder: Path, fields: dict[str, str]):
    served = serve(folder, annotator="anna")
    client = Client(served)
    ids = Query(served.site.indexes[0], "anna", fields).ids()
    client.post("/0/bulk", **fields, verdict="reject", back="/")
    assert f"{len(ids)} rejected." in client.get("/")
    assert Decisions(folder / "decisions").decided("anna") == dict.fromkeys(ids, "reject")
    client.post("/0/undo", back="/")
    assert Decisions(folder / "decisions").decided("anna") == {}
