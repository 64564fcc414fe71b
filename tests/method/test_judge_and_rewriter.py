"""A rewriter and a judge in a run: what they ask, what is kept of it, and what a run says of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from humpback import models, open_run
from humpback.augment.rewrite import rewrite
from humpback.config import Config, RewriteSettings
from humpback.data_access.decisions import Decisions, Opinion
from humpback.deliver.exporting import write_export
from humpback.engines.fake import FakeEngine
from humpback.method.plan import plan
from humpback.prompts import rewrite_messages
from humpback.records import Curated, Rewritten
from humpback.requests import Completion
from humpback.runs.status import recipes
from humpback.runs.store import Run
from humpback.view.site import Site
from humpback.view.story import story
from tests.command import humpback, mistake
from tests.engines.loopback import Handler, Loopback, reply, serving


def asked_in(body: dict[str, Any]) -> str:
    return body["messages"][-1]["content"]


def topic_of(asked: str) -> str:
    return re.findall(r"For (\w+)", asked)[-1]


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Rewrites with a new beginning, but no texts on the topic it is first asked of; prefers the longer answer."""

    def respond(handler: Handler, body: dict[str, Any]) -> None:
        asked = asked_in(body)
        if "Verdict:" in asked:
            first, second = (len(text) for text in re.findall(r"<response>\n(.*?)\n</response>", asked, re.DOTALL))
            verdict = f"Verdict: {'A' if first > second else 'B'}" if it.verdicts else "I cannot say."
            handler.send_json(200, reply(f"Length.\n{verdict}"))
        elif topic_of(asked) == it.refused.setdefault("topic", topic_of(asked)):
            handler.send_json(400, {"error": {"message": "no thanks"}})
        else:
            text = re.search(r"<text>\n(.*)\n</text>", asked, re.DOTALL)
            assert text
            handler.send_json(
                200, reply(f"Sure! Here is the reply:\n\nIn short: {text[1]}\n\nLet me know if it helps!")
            )

    it = Loopback(respond)
    it.verdicts, it.refused = True, {}
    with serving(it):
        yield it


@pytest.fixture
def named(settings: dict, server: Loopback) -> dict:
    """The settings of a dry run with both."""
    model = {"name": "big", "engine": "openai", "server": {"base_url": server.url, "retries": 1}}
    return settings | {"models": {"rewriter": model, "judge": model}, "evaluate": {"winrate": {"limit": 4}}}


def run(settings: dict, folder: Path, *options: str) -> Any:
    path = folder / "named.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return humpback("run", path, "--out", folder / "run", *options)


def viewed(folder: Run, row: Rewritten) -> str:
    """The page of a candidate in `humpback view`."""
    site = Site([folder])
    shown = {"static": True, "annotator": "", "notice": "", "here": "", "number": None, "index": site.indexes[0]}
    told = {"story": story(site.indexes[0], "candidate", row.id), "mine": Opinion(), "others": {}, "queue": ()}
    return site.render("record.html", **shown, **told)


def test_a_whole_run_rewrites_compares_and_says_so(named, server, tmp_path):
    server.verdicts = False
    failed = run(named, tmp_path)
    assert failed.returncode == 2
    assert "winrate: the judge gave no verdict on 4 of 4 answers: take another judge, or raise" in failed.stderr
    server.verdicts = True
    before = len(server.bodies)
    done = run(named, tmp_path, "--redo", "winrate")
    assert done.returncode == 0, done.stderr
    judging = [re.findall(r"<instruction>\n(.*?)\n</instruction>", asked_in(it))[0] for it in server.bodies[before:]]
    assert len(judging) == 8, "four pairs, each in both orders, and nothing else is asked again"
    assert set(Counter(judging).values()) == {2}
    heldout = (tmp_path / "run/export/dataset/alpaca/validation.jsonl").read_text()
    assert all(instruction in heldout for instruction in judging)

    folder = Run(tmp_path / "run")
    curated = list(folder.stage("curated-2").records(Curated))
    rows = list(folder.stage("rewritten-2").records(Rewritten))
    assert [(row.id, row.instruction, row.original) for row in rows] == [
        (row.id, row.instruction, row.response) for row in curated
    ]
    refused = [row for row in rows if topic_of(row.original) == server.refused["topic"]]
    for row in rows:
        assert row.response == (row.original if row in refused else f"In short: {row.original}")
        assert (row.fault, bool(row.rewritten_by)) == (("no answer", False) if row in refused else ("", True))
    assert "rewritten-1" not in folder.saved_stage_names(), "rewriting is paid for each pair, and once"

    rewriting = f"big rewrote {len(rows) - len(refused)} of {len(rows)} curated responses."
    pages = [humpback("status", tmp_path / "run").stdout, (tmp_path / "run/report.html").read_text()]
    pages += [(tmp_path / "run/export/dataset/README.md").read_text()]
    for page in pages:
        assert rewriting in page
        assert "big prefers the answers of M₂ to those of M₀ on" in page
        assert "It gave no verdict on 0 of 4 (0 %)" in page
        assert re.search(r"Answers of M₂ have \d+ characters on average, those of M₀ \d+\.", page)
    assert "| responses rewritten by | `big` |" in pages[2]
    assert json.loads(humpback("status", tmp_path / "run", "--json").stdout)["findings"][0].startswith(rewriting)

    exported = (tmp_path / "run/export/dataset/alpaca/train.jsonl").read_text().splitlines()
    outputs = {row["id"]: row for row in map(json.loads, exported)}
    for row in rows:
        assert outputs[row.id]["output"] == row.response
        assert outputs[row.id]["original_response"] == (None if row in refused else row.original)
    assert len(open_run(tmp_path / "run").rewritten()) == len(rows)
    taken = next(row for row in rows if row not in refused)
    page = viewed(folder, taken)
    assert '<h2 id="rewritten">Rewritten response</h2>' in page
    assert f"In short: {taken.original[:30]}" in page
    assert "Not rewritten: no answer" in viewed(folder, refused[0])

    Decisions(tmp_path / "run" / "decisions").record("anna", [taken.id], {"response": "Mended by Anna."})
    write_export(folder)
    mended = (tmp_path / "run/export/dataset/alpaca/train.jsonl").read_text().splitlines()
    assert {row["output"] for row in map(json.loads, mended)} == {"Mended by Anna."} | {
        row.response for row in rows if row is not taken
    }


def test_a_changed_check_of_rewrites_asks_for_none_again(named, server, tmp_path):
    done = run(named, tmp_path, "--until", "rewritten-2")
    assert done.returncode == 0, done.stderr
    rows = {row.id: row for row in Run(tmp_path / "run").stage("rewritten-2").records(Rewritten)}
    taken, refused = ([row.id for row in rows.values() if bool(row.fault) is has_fault] for has_fault in (False, True))
    assert taken
    assert refused
    before = len(server.bodies)
    stricter = named | {"rewrite": {"longest": 1.0}}
    assert "--redo rewritten-2" in run(stricter, tmp_path, "--until", "rewritten-2").stderr
    done = run(stricter, tmp_path, "--until", "rewritten-2", "--redo", "rewritten-2")
    assert done.returncode == 0, done.stderr
    again = {row.id: row for row in Run(tmp_path / "run").stage("rewritten-2").records(Rewritten)}
    assert {again[name].fault for name in taken} == {"much longer"}
    assert len(server.bodies) == before + len(refused), "only those that had no answer"

    before = len(server.bodies)
    assert run(stricter, tmp_path, "--until", "rewritten-2", "--redo", "rewritten-2").returncode == 0
    assert len(server.bodies) == before + len(rows), "nothing has changed, so other answers are wanted"


def test_neither_makes_an_older_run_stale_and_what_is_not_named_is_not_there(settings, named):
    without, with_both = (Config.model_validate(values) for values in (settings, named))
    old, new = (recipes(plan(config, models.identify(config.model))) for config in (without, with_both))
    changed = {name for name in old if old[name].fingerprint != new[name].fingerprint}
    assert changed == {"forward-2", "evaluation"}, "it is trained on what was rewritten"
    assert set(new) - set(old) == {"rewritten-2", "prompts", "answers-0", "answers-2", "winrate"}


def test_a_judge_has_nothing_to_compare_where_nothing_is_trained(named, tmp_path):
    model = named["models"]["judge"]
    roles = {"writer": model, "rater": model, "judge": model}
    path = tmp_path / "wrong.yaml"
    path.write_text(
        yaml.safe_dump(named | {"models": roles, "run": {"iterations": 1, "train": "none"}}), encoding="utf-8"
    )
    assert "models.judge compares models that are trained, and run.train is none" in mistake("plan", path)


def test_without_m_0_the_base_is_compared_with(named):
    model = named["models"]["judge"]
    roles = {"writer": model, "rater": model, "judge": model, "rewriter": model}
    changes = {"models": roles, "run": {"iterations": 1, "train": "last"}, "curate": {"scorer": "rating"}}
    stages = [stage.name for stage in plan(Config.model_validate(named | changes), "base")]
    assert stages[-7:] == ["rewritten-1", "forward-1", "evaluation", "prompts", "answers-base", "answers-1", "winrate"]


SOURCE = (
    "Soak 250 grams of beans in cold water for eight hours. Drain them, cover them with 1,500 ml of fresh water and "
    "let them simmer until they are soft. Add salt at the end only, for it keeps the skins hard."
)
GOOD = (
    "1. Soak 250 g of beans for 8 hours in cold water.\n2. Drain them and cover them with 1500 ml of fresh water.\n"
    "3. Let them simmer until soft, and add salt at the end."
)
REPLIES = [
    (GOOD, ""),
    (f"Certainly! {GOOD}\n\nI hope this helps!", ""),
    (f"**Rewritten response:**\n\n{GOOD}\n\nNote: I kept to the original text.", ""),
    (f"```markdown\n{GOOD}\n```", ""),
    (f"<response>\n{GOOD}\n</response>", ""),
    (f"<think>Beans, 300 of them.</think>{GOOD}", ""),
    (f"## Beans\n\n{GOOD}", ""),
    ("", "nothing written"),
    ("I'm sorry, but I cannot help with that request of yours, whatever it may be about, today.", "refusal"),
    (json.dumps({"response": GOOD}), "JSON in place of a text"),
    (f"According to the text, this is done: {GOOD}", "speaks of its source"),
    (f"The salt is not mentioned. {GOOD}", "speaks of its source"),
    (f"How do I cook beans?\n\n{GOOD}", "repeats the instruction"),
    (GOOD + "\nStir the beans well.\nStir the beans well.", "repeats itself"),
    ("Man weicht die Bohnen über Nacht in kaltem Wasser ein, gießt sie ab und kocht sie, bis sie weich sind.",
     "another language"),
    ("Замочите фасоль в холодной воде на ночь, слейте воду и варите до мягкости.", "another language"),
    (GOOD.replace("250", "300"), "a number that is not in its source"),
    (GOOD.replace("8 hours", "8.5 hours"), "a number that is not in its source"),
    ("Soak and simmer them.", "much shorter"),
    (f"{GOOD}\n\nBeans are good with rice, and with bread. They please old and young, in summer and in winter, at home "
     "and away; a guest who eats them once asks for them again, and many a cook has grown fond of their plain ways. "
     "Whoever has time makes more of them than needed and keeps a bowl for tomorrow, when they taste better still.",
     "much longer"),
]  # fmt: skip


def curated(response: str) -> Curated:
    return Curated("c", "s", "d", "doc", (), "How do I cook beans?", response, "m", 5.0, 1, "rating", "r")


def rewritten(answer: str | Completion, source: str = SOURCE) -> Rewritten:
    from humpback.corpus.judging.language import identify

    engine = FakeEngine("big", reply=lambda request: answer)
    (row,) = rewrite([curated(source)], engine, RewriteSettings(), identify).kept
    return row


@pytest.mark.parametrize(("text", "fault"), REPLIES)
def test_a_rewrite_is_taken_or_the_original_stays_with_the_reason(text, fault):
    row = rewritten(text)
    assert row.fault == fault
    assert row.original == SOURCE
    assert row.response == (SOURCE if fault else f"## Beans\n\n{GOOD}" if text.startswith("##") else GOOD)
    assert row.rewritten_by == ("" if fault else "big")
    assert row.reply.endswith(text.rpartition("</think>")[2])


def test_an_answer_that_failed_or_was_cut_off_leaves_the_original():
    cut_off = Completion("c", GOOD, "length", 9, 9, 0.0)
    for answer, fault in ((replace(cut_off, error="too long"), "no answer"), (cut_off, "cut off by the token limit")):
        row = rewritten(answer)
        assert (row.fault, row.response) == (fault, SOURCE)
    assert {**asdict(curated(SOURCE)), "response": row.response}.items() <= asdict(row).items()


def test_what_the_source_has_itself_is_no_fault():
    code = (
        '{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6} is the text to send; what is not specified stays as it was.'
    )
    assert rewritten(code.replace("to send", "you send"), code).fault == ""


def test_words_of_documents_are_not_taken_for_talk_of_the_source():
    code = (
        "Set the timeout in the source file. If it is not set, the server waits for thirty seconds and then gives up."
    )
    text = "Set the timeout in the source file; if none is specified, the server waits for thirty seconds and gives up."
    assert rewritten(text, code).fault == ""


def test_the_response_is_never_cut_to_fit():
    (message,) = rewrite_messages("How?", SOURCE)
    assert SOURCE in [part.text for part in message.parts]
    assert not any(part.cut for part in message.parts)
