"""Dropping what says the same as another, as stages of a run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from humpback.config import Config
from humpback.errors import ConfigError
from humpback.method.plan import plan, plan_corpus
from humpback.records import Dropped, Segment, SegmentVector
from humpback.runs.executor import execute
from humpback.runs.status import recipes, status
from humpback.runs.store import Run
from tests.command import humpback
from tests.killing import kill_when

# What the fake engine makes of texts is noise, so that a low similarity is already much.
ALIKE = {"meaning": 0.35, "meaning_clusters": 3}


def config_of(settings: dict[str, Any], deduplicate: dict[str, Any], **others: Any) -> Config:
    return Config.model_validate(settings | others | {"corpus": settings["corpus"] | {"deduplicate": deduplicate}})


def carried_out(config: Config, folder: Path) -> Run:
    stages = list(plan_corpus(config, base="fake"))
    run = Run(folder)
    with run.locked():
        execute(stages, run, config)
    return run


def result(run: Run) -> tuple[list[Segment], list[Dropped]]:
    stage = run.stage("distinct")
    return list(stage.records(Segment)), list(stage.dropped())


def test_nothing_is_planned_and_no_recipe_changes_where_nothing_is_compared(settings):
    plain, groups = Config.model_validate(settings), config_of(settings, {"meaning_clusters": 7})
    fingerprints = [
        {name: recipe.fingerprint for name, recipe in recipes(plan(config, "base")).items()}
        for config in (plain, groups)
    ]

    assert not {"groups", "vectors", "distinct"} & set(fingerprints[0])
    assert fingerprints[0] == fingerprints[1]
    names = {name for name in recipes(plan(plain, "base"))["unique"].settings if "meaning" in name}
    assert not names, "folders of before have none"


def test_the_stages_stand_between_duplicates_and_the_choice(settings):
    settings["corpus"] |= {"limit": 3, "choose": {"share": 0.5}}
    names = [stage.name for stage in plan(config_of(settings, ALIKE), "base")]

    expected = ["seed", "segments", "lines", "unique", "groups", "vectors", "distinct", "direction", "likeness"]
    assert names[: len(expected)] == expected
    alone = {stage.name: stage for stage in plan(config_of(settings, ALIKE | {"exact": False, "near": False}), "base")}
    assert alone["distinct"].needs == ("lines", "vectors")
    assert alone["direction"].needs == ("seed", "distinct")


@pytest.mark.parametrize("changes", [{"run": {"shard_rows": 7}}, {"run": {"shard_rows": 1, "workers": 2}}])
def test_the_same_segments_stay_whatever_the_shards_and_workers(settings, tmp_path, changes):
    first = carried_out(config_of(settings, ALIKE), tmp_path / "first")
    second = carried_out(config_of(settings, ALIKE, **changes), tmp_path / "second")
    kept, dropped = result(first)

    assert result(second) == (kept, dropped)
    assert len(kept) + len(dropped) == 24
    assert len(dropped) > 2
    assert {item.reason for item in dropped} == {"says the same as another"}
    order = list(first.stage("unique").column("id"))
    for item in dropped:
        other = item.detail.split()[-1]
        assert other in {segment.id for segment in kept}
        assert order.index(other) < order.index(item.id), "the first in the order of the corpus stays"
    vectors = list(first.stage("vectors").records(SegmentVector))
    assert {len(item.vector) for item in vectors} == {16}, "a byte for each dimension"
    assert first.stage("vectors").manifest()["counts"]["tokens_read"] > 0


def test_another_similarity_reads_nothing_anew_and_another_number_of_groups_does(settings, tmp_path):
    run = carried_out(config_of(settings, ALIKE), tmp_path / "run")

    def states(**changes: Any) -> list[str]:
        stages = plan_corpus(config_of(settings, ALIKE | changes), base="fake")
        return [item.state for item in status(stages, run) if item.stage.name in ("groups", "vectors", "distinct")]

    assert states() == ["done", "done", "done"]
    assert states(meaning=0.5) == ["done", "done", "stale"]
    assert states(meaning_clusters=4) == ["stale", "stale", "stale"]


def test_a_server_is_refused_at_once_and_vllm_gives_way_to_transformers(settings):
    server = {"engine": "openai", "name": "m", "server": {"base_url": "http://localhost:1/v1"}}
    with pytest.raises(ConfigError, match=r"corpus\.deduplicate\.meaning reads hidden states"):
        plan_corpus(config_of(settings, ALIKE, model=server), base="base")
    stages = [
        {stage.name: stage for stage in plan_corpus(config_of(settings, ALIKE, model=model), base="base")}
        for model in ({"engine": "vllm", "name": "m"}, {"engine": "transformers", "name": "m"})
    ]
    assert stages[0]["groups"].settings == stages[1]["groups"].settings
    assert stages[0]["vectors"].settings == stages[1]["vectors"].settings


@pytest.mark.parametrize("value", [0, 1.01, -0.5])
def test_a_similarity_is_above_0_and_at_most_1(settings, value):
    with pytest.raises(ValueError, match=r"deduplicate\.meaning"):
        config_of(settings, {"meaning": value})


def test_segment_has_no_base_model_and_says_so(documents, tmp_path):
    done = humpback("segment", documents, "--out", tmp_path / "s.jsonl", "--set", "corpus.deduplicate.meaning=0.9")

    assert done.returncode == 0, done.stderr
    assert "corpus.deduplicate.meaning was left out" in done.stdout


def start(config: Path, out: Path) -> subprocess.Popen[bytes]:
    """Starts the command line in a process of its own."""
    command = [sys.executable, "-m", "humpback", "run", str(config), "--out", str(out), "--until", "distinct"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.mark.kill
@pytest.mark.slow
def test_a_run_that_is_killed_ends_as_if_it_never_was(settings, tmp_path):
    settings["corpus"]["deduplicate"] = ALIKE
    settings["run"] = {"shard_rows": 1}
    path, killed = tmp_path / "run.yaml", tmp_path / "killed"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    whole = carried_out(Config.model_validate(settings), tmp_path / "whole")
    for stage, pattern in (
        ("groups", "part-00000.parquet"),
        ("vectors", "part-00003.parquet"),
        ("distinct", "work/settled/part-00000.parquet"),
        ("distinct", "part-00002.parquet"),
    ):
        assert kill_when(start(path, killed), killed / "stages" / stage, pattern)
    last = start(path, killed)
    output, _ = last.communicate(timeout=500)
    assert last.returncode == 0, output.decode()
    assert result(Run(killed)) == result(whole)
