"""Models on a server write and rate, and a run trains what is left, or nothing."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import Any

import pytest
import yaml

from humpback.augment import Examples, instruct
from humpback.config import AugmentSettings, Config, ExampleSettings
from humpback.engines.fake import FakeEngine
from humpback.errors import InputError
from humpback.method.plan import plan
from humpback.records import Pair, Rating, Segment
from humpback.runs.store import Run
from tests.command import humpback, mistake
from tests.engines.loopback import Handler, Loopback, choice, reply, serving
from tests.engines.test_openai import places


def respond(handler: Handler, body: dict[str, Any]) -> None:
    """Writes an instruction that names what a text is about, and rates by the length of the pair."""
    asked = body["messages"][-1]["content"]
    if "Score:" in asked:
        handler.send_json(200, reply(f"It reads well.\nScore: {4 + len(asked) % 2}"))
    else:
        topic = re.findall(r"For (\w+)", asked)[-1]
        handler.send_json(200, reply(f"What should I know about {topic} number {len(asked)}?"))


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(Loopback(respond)) as it:
        yield it


@pytest.fixture
def served(settings: dict, server: Loopback) -> dict:
    return untrained(settings, {"base_url": server.url})


def untrained(settings: dict, server: dict[str, Any]) -> dict[str, Any]:
    """The settings of a run that trains nothing."""
    model = {"name": "big", "engine": "openai", "server": server}
    changes = {
        "run": {"shard_rows": 4, "iterations": 1, "train": "none"},
        "model": {"name": "package:no-such-model"},
        "models": {"writer": model, "rater": model},
        "augment": {"examples": {"count": 3}},
        "curate": {"scorer": "rating", "select": {"top_share": 0.5}},
    }
    return settings | changes


def run(settings: dict, folder: Path) -> Any:
    path = folder / "served.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return humpback("run", path, "--out", folder / "run")


def test_a_run_without_a_training_ends_at_the_curated_set(served, server, tmp_path):
    done = run(served, tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "run"
    rows = [json.loads(line) for line in (out / "export/dataset/messages/train.jsonl").read_text().splitlines()]
    assert len(rows) == 12
    assert all(row["messages"][0]["content"].startswith("What should I know about") for row in rows)
    assert not (out / "export" / "model").exists()
    card, report = (out / "export/dataset/README.md").read_text(), (out / "report.html").read_text()
    assert "written by `big`" in card
    assert "| rated by | `big` |" in card
    assert "The licence of `big` is not known" in card
    assert "base model's" not in card
    assert "\n\n## Load" in card
    assert "No held-out comparison was made" in report
    assert "<span>written by big</span>" in report
    assert "<dt>Rated by</dt><dd>big</dd>" in report
    assert "<span>base" not in report
    status = humpback("status", out).stdout
    assert "backward" not in status
    assert "forward" not in status


def test_the_writer_sees_pairs_of_the_seed_and_none_that_is_held_out(served, server, tmp_path, seed_file):
    assert run(served | {"evaluate": {"heldout": False}}, tmp_path).returncode == 0
    turns = [[turn["content"] for turn in body["messages"]] for body in server.bodies]
    writing = [texts for texts in turns if "Score:" not in texts[-1]]
    assert {len(texts) for texts in writing} == {7}, "three pairs, and the segment"
    seed = {row["instruction"]: row["response"] for row in map(json.loads, seed_file.read_text().splitlines())}
    shown = Counter(texts[place] for texts in writing for place in (1, 3, 5))
    assert set(shown) < set(seed)
    assert all(seed[texts[1]] in texts[0] for texts in writing)
    assert len(shown) <= len(seed) - 6, "six are held out"
    assert len({tuple(texts[:6]) for texts in writing}) <= len(seed) // 3, "whole sets, so that a server reads few"


def test_no_answer_is_asked_for_twice(served, server, tmp_path):
    assert run(served, tmp_path).returncode == 0
    asked = len(server.bodies)
    assert asked == 48
    assert run(served, tmp_path).returncode == 0
    assert len(server.bodies) == asked


ODD = [
    lambda handler: handler.send_json(400, {"error": {"message": "no thanks"}}),
    lambda handler: handler.send_json(400, {"error": {"message": "This model's maximum context length is 3 tokens."}}),
    lambda handler: handler.send_json(403, {"error": {"message": "flagged by moderation"}}),
    lambda handler: handler.send_json(200, choice(finish_reason="content_filter", message={"content": None})),
    lambda handler: handler.send_json(200, choice(message={"content": None, "refusal": "I will not."})),
    lambda handler: handler.send_json(200, choice(message={"content": ""}, logprobs={"content": []})),
    lambda handler: handler.send_json(200, choice(message={"content": "I cannot help with that."}, logprobs=None)),
    lambda handler: handler.send_json(200, choice(message={"content": "<think>Hm."}, finish_reason="length")),
    lambda handler: handler.send_json(500, {"error": "assertion failed"}),
]
"""What a server says to one request, whatever it says to others."""


def test_requests_that_fail_are_counted_and_the_run_goes_on(served, server, tmp_path):
    """Every second request fails for good, each in another way, until all ways were seen: writing, and rating."""
    fates: dict[str, Any] = {}
    ways = {rates: chain.from_iterable(zip(repeat(None), ODD)) for rates in (True, False)}

    def respond(handler: Handler, body: dict[str, Any]) -> None:
        asked = "".join(turn["content"] for turn in body["messages"])
        if asked == "Hi.":
            handler.send_json(200, reply())
        elif fate := fates.setdefault(asked, next(ways["Score:" in asked], None)):
            fate(handler)
        elif "top_logprobs" in body:
            handler.send_json(200, places({"4": 0.6, "3": 0.4}))
        else:
            usual(handler, body)

    usual, server.respond = server.respond, respond
    served["models"]["writer"]["server"] |= {"retries": 1, "concurrency": 1}
    curate = {"scorer": "expected-rating", "select": {"top_share": 0.5}, "max_unrated_share": 0.8}
    done = run(served | {"curate": curate}, tmp_path)
    assert done.returncode == 0, done.stderr

    folder = Run(tmp_path / "run")
    dropped = list(folder.stage("candidates").dropped())
    assert Counter(row.reason for row in dropped) == {
        "generation failed": 5, "empty": 1, "did not end": 1, "refusal": 1
    }  # fmt: skip
    failed = " | ".join(row.detail for row in dropped if row.reason == "generation failed")
    for words in ("no thanks", "moderation", "content_filter", "I will not", "while others are answered"):
        assert words in failed
    unrated = [rating.reply for rating in folder.stage("ratings-1").records(Rating) if rating.score is None]
    assert len(unrated) == 7


def test_the_last_model_alone_is_trained(served, server, tmp_path, tiny_model):
    training = {"steps": 1, "batch_size": 2, "learning_rate": 1e-4, "warmup_steps": 0}
    base = {"model": {"name": str(tiny_model), "device": "cpu", "max_tokens": 900}, "forward": training}
    done = run(served | base | {"run": {"iterations": 1, "train": "last"}}, tmp_path)
    assert done.returncode == 0, done.stderr
    stages = sorted(path.name for path in (tmp_path / "run" / "stages").iterdir())
    assert [name for name in stages if "ward" in name] == ["forward-1"]
    assert "big" in (tmp_path / "run/export/model/README.md").read_text()
    assert "M₁" in (tmp_path / "run/report.html").read_text()


def test_one_role_alone(settings, server):
    model = {"name": "big", "engine": "openai", "server": {"base_url": server.url}}
    written = Config.model_validate(settings | {"models": {"writer": model}})
    assert "backward" not in [stage.name for stage in plan(written, "base")]
    rated = Config.model_validate(settings | {"models": {"rater": model}, "run": {"iterations": 1}})
    assert [stage.name for stage in plan(rated, "base")].count("backward") == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"models": {}}, "run.train is none, so that nobody is trained to be the writer: name models.writer"),
        ({"run": {"train": "none"}}, "models.rater rates every iteration alike: set run.iterations, which is 2, to 1"),
        (
            {"curate": {"scorer": "calibrated", "select": {"top_share": 0.5}}},
            "curate.scorer calibrated asks how likely",
        ),
        ({"curate": {"scorer": "ensemble", "select": {"top_share": 0.5}}}, "needs the stored gain"),
        ({"curate": {"scorer": "stored-relative-gain", "select": {"top_share": 0.5}}}, "needs the stored gain"),
        ({"augment": {"per_segment": 2, "best_by": "forward"}}, "M_0 is not trained: set it to backward"),
        ({"augment": {"examples": {"count": 20}}}, "20 examples are to be shown, and 18 seed pairs are short enough"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(change, expected, served, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(served | change), encoding="utf-8")
    assert expected in mistake("run", path, "--out", tmp_path / "run")


def segment(text: str) -> Segment:
    return Segment(text, "d", "s", (), text, "en")


def pairs(number: int) -> list[Pair]:
    return [Pair(f"p{n}", f"Tell me of {n}.", f"answer {n} word{n} word{n + 1}", "seed", "s") for n in range(number)]


def test_examples_by_likeness_are_the_most_alike_the_best_one_last():
    examples = Examples(pairs(12), ExampleSettings(count=2, by="likeness"), 0)
    assert [pair.id for pair in examples.of(segment("word7 word8 answer 7"))][-1] == "p7"


def test_examples_do_not_depend_on_what_else_is_asked():
    for by in ("rotation", "likeness"):
        first, second = (Examples(order, ExampleSettings(count=3, by=by), 5) for order in (pairs(10), pairs(10)[::-1]))
        assert first.of(segment("word2 of all")) == second.of(segment("word2 of all"))


def test_no_more_sets_rotate_than_the_settings_say_and_a_set_is_asked_for_in_one_go():
    asked: list[tuple[str, ...]] = []

    class Listening(FakeEngine):
        def generate(self, requests):
            requests = list(requests)
            asked.extend(tuple(message.text for message in request.messages[:-1]) for request in requests)
            return super().generate(requests)

    examples = Examples(pairs(40), ExampleSettings(count=2, sets=3), 0)
    segments = [segment(f"Text number {index} says what a reader wants to know.") for index in range(30)]
    outcome = instruct(segments, Listening("big"), AugmentSettings(), 0, "candidates", examples)
    assert len(asked) == 30
    assert len(set(asked)) == len(list(groupby(asked))) == 3
    kept = [candidate.segment_id for candidate in outcome.kept]
    assert kept == [one.id for one in segments if one.id in kept], "the records stay in their order"


def test_long_pairs_are_not_shown():
    with pytest.raises(InputError, match="2 examples are to be shown, and 0 seed pairs are short enough"):
        Examples(pairs(5), ExampleSettings(count=2, max_chars=5), 0)
