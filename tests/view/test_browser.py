"""The page in a real browser: by keyboard alone, after a kill, without a barrier, and with hostile texts."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from humpback.data_access.decisions import Decisions
from humpback.evaluation.blind import read_key
from humpback.records import Candidate, Curated, Dropped, Outcome, Rating, content_id
from humpback.runs.store import Run
from tests.command import humpback as command
from tests.view.conftest import Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def open_page(chromium: Any) -> Any:
    """Opens a page in a browser of its own, which keeps what goes wrong in it."""
    contexts = []

    def start(link: str, **options: Any) -> Any:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("dialog", lambda dialog: page.faults.append(dialog.message))
        page.on("request", lambda request: page.faults.append(request.url)
                if "127.0.0.1" not in request.url or ":9/" in request.url else None)  # fmt: skip
        page.goto(link)
        return page

    yield start
    for context in contexts:
        context.close()


def press(page: Any, key: str) -> None:
    """Presses a key that leads to another page."""
    with page.expect_navigation():
        page.keyboard.press(key)


def test_twenty_pairs_by_keyboard_alone(serve: Callable[..., Served], folder: Path, open_page: Any):
    page = open_page(serve(folder, annotator="anna").link())
    press(page, "1")
    for number in range(20):
        press(page, "a" if number % 3 else "r")
    decisions = Decisions(folder / "decisions")
    verdicts = list(decisions.decided("anna").values())
    assert (len(verdicts), verdicts.count("reject")) == (20, 7)
    # The instruction of the next one is mended, tagged and noted, all without a mouse.
    page.keyboard.press("e")
    page.keyboard.press("Control+a")
    page.keyboard.type("What is mended?")
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.type("odd, short")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("as I would ask")
    press(page, "Control+Enter")
    assert "What is mended?" in page.inner_text("article h1")
    decisions.refresh()
    mended = [o for id_ in candidate_ids(folder) if (o := decisions.opinion("anna", id_)).edited]
    assert [(o.instruction, o.tags, o.note) for o in mended] == [
        ("What is mended?", ("odd", "short"), "as I would ask")
    ]
    for key, left in (("z", 20), ("z", 19), ("y", 20)):
        press(page, key)
        assert len(Decisions(folder / "decisions").decided("anna")) == left
    assert not page.faults


def candidate_ids(folder: Path) -> list[str]:
    return list(Run(folder).stage("candidates").column("id"))


def test_ten_thousand_results_are_rejected_and_undone(
    serve: Callable[..., Served], finished: Path, tmp_path: Path, open_page: Any
):
    import shutil

    shutil.copytree(finished / "run", tmp_path / "large")
    run, count = Run(tmp_path / "large"), 12_000
    texts = [f"Passage {n} about {'the sea' if n < 10_000 else 'the land'}." for n in range(count)]
    rows = [Candidate(content_id(text), text, "d", "large.md", ("Large",), f"Question {n}?", text, "m", -1.0)
            for n, text in enumerate(texts)]  # fmt: skip
    for stage in ("candidates", "ratings-1", "ratings-2", "curated-1", "curated-2"):
        shutil.rmtree(run.stage(stage).path)
        (run.stage(stage).path / "dropped").mkdir(parents=True)
    run.stage("candidates").commit(0, Outcome(tuple(rows), (), count), Candidate, 0)
    for t in (1, 2):
        ratings = tuple(Rating(row.id, t, "rating", "m", "scored", 3.0, "3", "stop") for row in rows)
        run.stage(f"ratings-{t}").commit(0, Outcome(ratings, (), count), Rating, 0)
        gone = tuple(Dropped(row.id, "below the threshold", "", "", "") for row in rows)
        run.stage(f"curated-{t}").commit(0, Outcome((), gone, count), Curated, 0)
    page = open_page(serve(run.path, annotator="anna").link() + "&then=")
    page.goto(page.url + "0/list?kind=candidate&q=sea")
    assert "10,000 results" in page.inner_text("p.total")
    press(page, "R")
    assert "10,000 rejected." in page.inner_text("[role=status]")
    assert set(Decisions(run.decisions_path).decided("anna").values()) == {"reject"}
    press(page, "z")
    assert not Decisions(run.decisions_path).decided("anna")
    press(page, "y")
    assert len(Decisions(run.decisions_path).decided("anna")) == 10_000


def test_two_annotators_and_their_agreement(serve: Callable[..., Served], folder: Path, open_page: Any):
    served = serve(folder, annotator="anna")
    pages = {"anna": open_page(served.link()), "ben": open_page(served.link())}
    pages["ben"].fill("#annotator", "ben")
    with pages["ben"].expect_navigation():
        pages["ben"].keyboard.press("Enter")
    # Ten in common: both approve 4, both reject 4, and they differ on 2.
    for name, keys in (("anna", "aaaarrrrar"), ("ben", "aaaarrrrra")):
        press(pages[name], "2")
        for key in keys:
            press(pages[name], key)
    page = pages["ben"]
    page.goto(served.url + "/0/agreement")
    text = page.inner_text("main")
    assert re.search(r"Cohen’s kappa of anna and ben\s+0\.60 \(", text)
    assert re.search(r"Krippendorff’s alpha of all\s+0\.62 \(", text)
    assert "10 records in common" in text


def test_a_blind_comparison_to_its_win_rate(serve: Callable[..., Served], folder: Path, tmp_path: Path, open_page: Any):
    paths = tmp_path / "m0.json", tmp_path / "m1.json"
    for path in paths:
        rows = [{"instruction": f"{n}?", "output": f"{path.stem} {n}", "generator": path.stem} for n in range(10)]
        path.write_text(json.dumps(rows))
    served = serve(folder, annotator="anna", outputs=paths)
    page = open_page(served.link())
    page.goto(served.url + "/compare")
    page.select_option("select[name=first]", "answers: m0.json")
    page.select_option("select[name=second]", "answers: m1.json")
    with page.expect_navigation():
        page.click("main button.main")
    for number in range(10):
        better = "m1" if number < 7 else "m0"
        texts = [page.inner_text(f"section[aria-label='Answer {side}'] .body") for side in "AB"]
        press(page, "t" if number == 9 else "a" if texts[0].startswith(better) else "b")
    text = page.inner_text("main")
    assert "m1 against m0: win rate 75.0 %" in text
    assert "win 70.0 %" in text
    blind = folder / "decisions" / "blind"
    assert len(read_key(blind / "m0-vs-m1.key.json")) == 10
    done = command(
        "evaluate", "unblind", blind / "m0-vs-m1.answers" / "anna.jsonl", "--key", blind / "m0-vs-m1.key.json"
    )
    assert "75.0" in done.stdout


def test_decisions_are_there_after_a_kill(folder: Path, open_page: Any):
    command_line = [sys.executable, "-m", "humpback", "view", str(folder), "--port", "0", "--annotator", "anna"]
    for round_ in range(2):
        with subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            page = open_page(server.stdout.readline().split()[1])
            press(page, "2")
            for _ in range(4):
                press(page, "a")
            server.send_signal(signal.SIGKILL)
        assert len(Decisions(folder / "decisions").decided("anna")) == 4 * (round_ + 1)


def test_hostile_texts_do_nothing(serve: Callable[..., Served], folder: Path, open_page: Any):
    hostile = (
        "<script>document.title = 'owned'</script> [a link](javascript:document.title='owned') <svg onload=alert(1)> "
        "\x1b[31mred\x1b[0m and \u202egnitirw desrever\u202c ![picture](http://127.0.0.1:9/x.png) "
        "<a href=javascript:alert(1)>x</a> \"'><img src=x onerror=alert(1)> {{ 7 * 7 }} \ud800"
    )
    stage = Run(folder).stage("candidates")
    first, *others = stage.shard(0, Candidate)
    (stage.path / "manifest.json").unlink()
    spoilt = replace(
        first, instruction=hostile[:-2], response=hostile[:-2], source=hostile[:-2], title_path=(hostile[:-2],)
    )
    stage.commit(0, Outcome((spoilt, *others), (), 1 + len(others)), Candidate, 0)
    served = serve(folder, annotator="anna")
    Decisions(folder / "decisions").record(
        "ben", [first.id], {"verdict": "approve", "note": hostile, "tags": [hostile]}
    )
    Decisions(folder / "decisions").record(
        "anna", [first.id], {"verdict": "reject", "instruction": hostile[:300] + "!"}
    )
    page = open_page(served.link())
    for path in ("/0/list?kind=candidate&q=gnitirw", f"/0/record/candidate/{first.id}", "/0/agreement", "/moved"):
        page.goto(served.url + path)
        assert page.title() != "owned"
        assert not page.query_selector_all("main script, main svg, main img, [onload], [onerror]")
        hrefs = [element.get_attribute("href") or "" for element in page.query_selector_all("a")]
        assert not [href for href in hrefs if href.strip().lower().startswith("javascript")]
        if path != "/moved" and "agreement" not in path:
            text = page.inner_text("main")
            assert "⟨U+202E⟩" in text
            assert "⟨U+001B⟩" in text
        if "/record/" in path:
            assert "{{ 7 * 7 }}" in page.inner_text("main")
    assert page.evaluate("fetch('/0/bulk', {method: 'GET'}).then(answer => answer.status)") == 405
    assert not page.faults


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier(
    serve: Callable[..., Served], folder: Path, tmp_path: Path, open_page: Any, scheme: str, width: int
):
    from axe_playwright_python.sync_playwright import Axe

    outputs = tmp_path / "m0.json", tmp_path / "m1.json"
    for path in outputs:
        path.write_text(json.dumps([{"instruction": "Q?", "output": f"**{path.stem}**", "generator": path.stem}]))
    served = serve(folder, annotator="anna", outputs=outputs)
    decisions, ids = Decisions(folder / "decisions"), candidate_ids(folder)
    decisions.record("ben", ids[:3], {"verdict": "approve", "note": "fine"})
    decisions.record("anna", ids[:1], {"verdict": "reject", "instruction": "Mended?", "tags": ["odd"]})
    page = open_page(served.link(), color_scheme=scheme, viewport={"width": width, "height": 900})
    kinds = ("candidate", "segment", "document", "dropped", "seed", "answer")
    paths = ["/", *(f"/0/list?kind={kind}" for kind in kinds), "/moved", "/compare", "/0/agreement", "/0/list?page=x"]
    page.goto(served.url + "/")
    press(page, "2")
    queue = page.url.removeprefix(served.url)
    press(page, "a")
    page.goto(served.url + "/compare")
    page.select_option("select[name=first]", "answers: m0.json")
    page.select_option("select[name=second]", "answers: m1.json")
    press(page, "b")
    question = page.url.removeprefix(served.url)
    record = f"/0/record/candidate/{ids[0]}"
    for path_ in (*paths, queue, queue.removesuffix("1") + "99", question, record, "answered"):
        if path_ == "answered":
            page.goto(served.url + question)
            press(page, "a")
        else:
            page.goto(served.url + path_)
        found = Axe().run(page).response["violations"]
        assert not [(path_, one["id"], one["nodes"][0]["html"]) for one in found]
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, path_
