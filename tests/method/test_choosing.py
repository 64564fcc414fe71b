"""Choosing segments by their likeness to the seed, as stages of a run."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from humpback.config import ChooseSettings, Config
from humpback.engines.fake import FakeEngine
from humpback.errors import ConfigError
from humpback.likeness.measuring import LikenessMeter, Sampled, WordLikeness, find_directions
from humpback.likeness.words import word_buckets, word_scores
from humpback.method.choosing import draw_texts
from humpback.method.plan import plan, plan_corpus
from humpback.records import Candidate, Likeness, SeedDirection, Segment
from humpback.requests import EmbeddingRequest
from humpback.runs.executor import execute
from humpback.runs.inputs import RunInputs
from humpback.runs.status import recipes, status
from humpback.runs.store import Run
from tests.command import humpback, mistake


def config_of(settings: dict[str, Any], choose: dict[str, Any], **others: Any) -> Config:
    return Config.model_validate(
        settings | others | {"corpus": settings["corpus"] | {"choose": {"by": "hidden"} | choose}}
    )


def carried_out(config: Config, folder: Path, until: str = "chosen") -> Run:
    stages = list(plan(config, "base"))
    last = next(index for index, stage in enumerate(stages) if stage.name == until)
    run = Run(folder)
    with run.locked():
        execute(stages[: last + 1], run, config)
    return run


def chosen_ids(run: Run) -> list[str]:
    return sorted(run.stage("chosen").column("id"))


def test_nothing_is_planned_and_no_recipe_changes_where_all_are_kept(settings):
    plain, one = Config.model_validate(settings), config_of(settings, {"share": 1.0, "by": "words", "tokens": 9})
    fingerprints = [
        {name: recipe.fingerprint for name, recipe in recipes(plan(config, "base")).items()} for config in (plain, one)
    ]

    assert "chosen" not in fingerprints[0]
    assert fingerprints[0] == fingerprints[1]


def test_the_stages_stand_between_duplicates_and_the_sample(settings):
    settings["corpus"]["limit"] = 3
    config = config_of(settings, {"share": 0.5})
    names = [stage.name for stage in plan(config, "base")]

    expected = ["seed", "segments", "lines", "unique", "direction", "likeness", "chosen", "sample", "backward"]
    assert names[: len(expected)] == expected
    plain = config_of(settings | {"corpus": settings["corpus"] | {"deduplicate": {"exact": False, "near": False}}},
                      {"share": 0.5})  # fmt: skip
    stages = {stage.name: stage for stage in plan(plain, "base")}
    assert stages["chosen"].needs == ("lines", "likeness")


@pytest.mark.parametrize("choose", [
    {"by": "words"}, {}, {"words_share": 0.6}, {"clusters": 3, "max_cluster_share": 0.4}, {"explore": 0.5},
])  # fmt: skip
def test_a_share_is_chosen_whatever_the_shards_and_workers(settings, tmp_path, choose):
    share = {"share": 0.5, **choose}
    first = carried_out(config_of(settings, share), tmp_path / "first")
    second = carried_out(config_of(settings, share, run={"shard_rows": 7, "workers": 2}), tmp_path / "second")
    counts = first.stage("chosen").manifest()["counts"]

    assert (counts["read"], counts["kept"]) == (24, 12)
    assert counts["dropped"] == {"unlike the seed": 12}
    assert chosen_ids(first) == chosen_ids(second)
    assert sorted(first.stage("likeness").records(Likeness), key=lambda one: one.id) == sorted(
        second.stage("likeness").records(Likeness), key=lambda one: one.id
    )


def test_the_direction_is_stored_as_it_was_found(settings, tmp_path):
    run = carried_out(config_of(settings, {"share": 0.5, "clusters": 3, "words_share": 0.7}), tmp_path / "run")
    record, words = run.stage("direction").records(SeedDirection)

    assert (record.id, words.id) == ("hidden", "words")
    assert (record.answers, len(record.seen_ids), len(words.seen_ids)) == (18, 24, 24), "held-out pairs are not read"
    assert len(record.centre) == len(record.scale) == len(record.weights) == 16
    assert len(record.centroids) == 3 * 16
    assert len(words.word_odds) == 1 << 16
    assert 0 <= record.transfer <= 1
    likenesses = list(run.stage("likeness").records(Likeness))
    read = [item for item in likenesses if item.score is not None]
    assert 16 <= len(read) <= 18
    assert {item.cluster for item in likenesses if item.score is None} == {-1}
    assert {item.cluster for item in read} <= {0, 1, 2}
    assert run.stage("likeness").manifest()["counts"]["tokens_read"] > 0


def test_chosen_segments_go_on_to_get_instructions(settings, tmp_path):
    run = carried_out(config_of(settings, {"share": 0.5, "by": "words"}), tmp_path / "run", until="candidates")
    segments = {segment.id for segment in run.stage("chosen").records(Segment)}

    assert {candidate.segment_id for candidate in run.stage("candidates").records(Candidate)} <= segments


def test_another_share_measures_nothing_anew(settings, tmp_path):
    run = carried_out(config_of(settings, {"share": 0.5}), tmp_path / "run")
    changed = status(list(plan(config_of(settings, {"share": 0.4}), "base")), run)
    states = {item.stage.name: item.state for item in changed}

    assert (states["direction"], states["likeness"], states["chosen"]) == ("done", "done", "stale")


def test_a_sample_is_drawn_by_id_and_not_by_order():
    texts = [(f"s{n}", f"text {n}") for n in range(200)]

    assert draw_texts(texts, 20, 0) == draw_texts(texts[::-1], 20, 0)
    assert draw_texts(texts, 20, 0) != draw_texts(texts, 20, 1)
    assert len({item.id for item in draw_texts(texts, 500, 0)}) == 200


def test_a_server_is_refused_at_once_and_vllm_gives_way_to_transformers(settings):
    server = {"engine": "openai", "name": "m", "server": {"base_url": "http://localhost:1/v1"}}
    config = config_of(settings, {"share": 0.5}, model=server)
    seed = plan(Config.model_validate(settings), "base").seed
    with pytest.raises(ConfigError, match=r"corpus\.choose\.by to words"):
        plan_corpus(config, seed, "base")
    assert plan_corpus(config_of(settings, {"share": 0.5, "by": "words"}, model=server), seed, "base")
    stages = [
        {stage.name: stage for stage in plan_corpus(config_of(settings, {"share": 0.5}, model=model), seed, "base")}
        for model in ({"engine": "vllm", "name": "m"}, {"engine": "transformers", "name": "m"})
    ]
    assert stages[0]["likeness"].settings == stages[1]["likeness"].settings
    assert stages[0]["direction"].settings == stages[1]["direction"].settings


def test_a_model_of_vllm_is_opened_by_transformers_where_it_embeds(settings, tmp_path, tiny_model):
    model = {"engine": "vllm", "name": str(tiny_model), "device": "cpu"}
    inputs = RunInputs(Run(tmp_path / "run"), config_of(settings, {"share": 0.5}, model=model), [])
    with inputs.engine("base", embeds=True) as engine:
        (answer,) = engine.embed([EmbeddingRequest("a", "The sea is loud.")])

    assert len(answer.values) == 48
    assert engine.model.startswith("base@")


def test_a_seed_that_is_too_small_is_one_clear_line(settings, config_file, tmp_path):
    line = mistake(
        "run", config_file, "--out", tmp_path / "run", "--until", "chosen", "--set", "corpus.choose.share=0.5",
        "--set", "corpus.choose.by=hidden",
        "--set", "seed.holdout_min=2", "--set", "seed.limit=9",
    )  # fmt: skip
    assert "7 seed answers" in line
    assert "10 of each" in line


@pytest.mark.parametrize(("choose", "expected"), [
    ({"by": "words", "clusters": 3}, "are for hidden states"),
    ({"by": "words", "words_share": 0.5}, "are for hidden states"),
    ({"share": 0.5, "words_share": 0.4}, "lets be read"),
])  # fmt: skip
def test_settings_that_do_not_go_together_are_refused(settings, choose, expected):
    with pytest.raises(ValueError, match=expected):
        config_of(settings, choose)


def test_segment_has_no_seed_and_says_so(documents, tmp_path):
    done = humpback("segment", documents, "--out", tmp_path / "s.jsonl", "--set", "corpus.choose.share=0.5")

    assert done.returncode == 0, done.stderr
    assert "corpus.choose was left out" in done.stdout


def test_a_model_is_asked_for_the_beginning_of_each_text_alone():
    class Listening(FakeEngine):
        def embed(self, requests):
            requests = list(requests)
            texts.extend((request.text, request.max_tokens) for request in requests)
            return super().embed(requests)

    texts: list[tuple[str, int]] = []
    answers, passages = ([Sampled(f"{n}", f"{kind} {n}") for n in range(20)] for kind in ("answer", "passage"))
    engine = Listening("base")
    records = find_directions(answers, passages, ChooseSettings(by="hidden", tokens=5), engine, 0).kept
    meter = LikenessMeter(records, 5, engine)
    segments = [Segment("a", "d", "x", (), "A text.", "en"), Segment("b", "d", "x", (), "", "en")]
    outcome = meter.measure(segments)

    assert {tokens for _, tokens in texts} == {5}
    assert [item.score is None for item in outcome.kept] == [False, True], "an empty text has no likeness"
    assert meter.measure([]).read == 0


def test_a_text_that_the_direction_was_made_from_is_scored_as_any_other():
    """Its own words would speak against it, were they counted as the corpus's."""
    draw = random.Random(0)

    def texts(kind: str, count: int) -> list[Sampled]:
        words = [f"{kind}{n}" for n in range(300)] + [f"common{n}" for n in range(3000)]
        return [Sampled(f"{kind}-{n}", " ".join(draw.choices(words, k=80))) for n in range(count)]

    answers, passages, others = texts("a", 100), texts("b", 200), texts("b", 200)
    (record,) = find_directions(answers, passages, ChooseSettings(by="words"), None, 0).kept
    seen, unseen = (sum(WordLikeness(record).scores(side)) / 200 for side in (passages, others))

    assert seen == pytest.approx(unseen, abs=0.03)
    assert sum(word_scores(word_buckets([p.text for p in passages]), np.array(record.word_odds))) / 200 < unseen - 0.1
