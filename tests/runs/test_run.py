"""A run: every record accounted for, nothing done twice, nothing stale passed on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from humpback import models
from humpback.config import Config
from humpback.errors import StageError, StoreError
from humpback.method.plan import plan
from humpback.records import Candidate, Curated, HeldOutLoss, Pair, Rating, Segment
from humpback.runs.executor import execute
from humpback.runs.status import status
from humpback.runs.store import Run


def carry_out(settings: dict, folder: Path, redo: tuple[str, ...] = ()) -> Run:
    config = Config.model_validate(settings)
    run = Run(folder)
    with run.locked():
        execute(plan(config, models.identify(config.model)), run, config, redo)
    return run


def states(settings: dict, run: Run) -> dict[str, str]:
    config = Config.model_validate(settings)
    return {item.stage.name: item.state for item in status(plan(config, models.identify(config.model)), run)}


def everything(run: Run) -> dict[str, list[object]]:
    kinds = {"seed": Pair, "segments": Segment, "candidates": Candidate, "evaluation": HeldOutLoss}
    kinds |= {f"ratings-{t}": Rating for t in (1, 2)} | {f"curated-{t}": Curated for t in (1, 2)}
    return {name: [*run.stage(name).records(kind), *run.stage(name).dropped()] for name, kind in kinds.items()}


def test_the_plan_is_the_paper(settings):
    config = Config.model_validate(settings)
    stages = {stage.name: stage for stage in plan(config, "base")}
    assert list(stages) == [
        *("seed", "segments", "lines", "unique", "backward", "forward-0", "candidates"),
        *("ratings-1", "curated-1", "forward-1", "ratings-2", "curated-2", "forward-2", "evaluation"),
    ]
    assert stages["backward"].needs == ("seed",)
    assert stages["ratings-1"].needs == ("candidates", "forward-0"), "M_0 rates first"
    assert stages["ratings-2"].needs == ("candidates", "forward-1"), "then its successor, not the base"
    assert stages["forward-2"].does.endswith("M_2")
    many = plan(Config.model_validate(settings | {"run": {"iterations": 11}}), "base")
    assert next(stage for stage in many if stage.name == "forward-11").does.endswith("M_11")
    assert stages["forward-2"].needs == ("seed", "curated-2"), "seed is always trained on along with the curated set"


def test_every_record_is_kept_or_dropped(settings, tmp_path):
    run = carry_out(settings, tmp_path / "run")
    for name in ("seed", "segments", "candidates", "ratings-1", "curated-1", "ratings-2", "curated-2"):
        counts = run.stage(name).manifest()["counts"]
        assert counts["read"] == counts["kept"] + sum(counts["dropped"].values()), name
    curated = list(run.stage("curated-2").records(Curated))
    candidates = {row.id: row for row in run.stage("candidates").records(Candidate)}
    assert curated
    assert all(candidates[row.id].instruction == row.instruction for row in curated)
    assert {row.rated_by.split("@")[0] for row in curated} == {"forward-1"}


def test_held_out_pairs_are_never_trained_on(settings, tmp_path):
    run = carry_out(settings, tmp_path / "run")
    measured = {row.id for row in run.stage("evaluation").records(HeldOutLoss)}
    assert len(measured) == 6
    assert run.stage("forward-0").manifest()["counts"]["read"] == 24 - 6
    models_measured = {(row.model, row.direction) for row in run.stage("evaluation").records(HeldOutLoss)}
    assert models_measured == {
        *(("base", "backward"), ("backward", "backward"), ("base", "forward")),
        *((f"forward-{t}", "forward") for t in range(3)),
    }


def test_a_second_run_does_nothing(settings, tmp_path):
    run = carry_out(settings, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "stages").rglob("*.parquet")}
    carry_out(settings, tmp_path / "run")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "stages").rglob("*.parquet")}
    assert set(states(settings, run).values()) == {"done"}


def test_two_runs_give_the_same_records(settings, tmp_path):
    assert everything(carry_out(settings, tmp_path / "a")) == everything(carry_out(settings, tmp_path / "b"))


def test_shard_size_changes_no_record(settings, tmp_path):
    whole = everything(carry_out(settings | {"run": {"shard_rows": 100}}, tmp_path / "a"))
    parts = everything(carry_out(settings, tmp_path / "b"))
    for name in ("seed", "segments", "candidates", "ratings-1", "curated-1"):
        assert sorted(map(repr, whole[name])) == sorted(map(repr, parts[name])), name


def test_a_diverse_selection_is_the_same_for_any_shards_and_says_what_it_passed_over(settings, tmp_path):
    settings = settings | {"curate": {"scorer": "random", "select": {"top_share": 1.0, "per_document": 1}}}
    whole = carry_out(settings | {"run": {"shard_rows": 100, "workers": 1}}, tmp_path / "a")
    parts = carry_out(settings | {"run": {"shard_rows": 2, "workers": 2}}, tmp_path / "b")
    kept, again = (sorted(run.stage("curated-1").records(Curated), key=lambda row: row.id) for run in (whole, parts))
    assert kept == again
    candidates = list(whole.stage("candidates").records(Candidate))
    assert sorted(row.document_id for row in kept) == sorted({row.document_id for row in candidates})
    scores = {row.id: row.score for row in whole.stage("ratings-1").records(Rating)}
    for row in kept:
        assert row.score == max(scores[one.id] for one in candidates if one.document_id == row.document_id)
    assert whole.stage("curated-1").counts().dropped == {"enough of its document": len(candidates) - len(kept)}


def test_a_share_for_each_group_is_the_same_for_any_shards(settings, tmp_path):
    settings = settings | {"curate": {"scorer": "random", "select": {"top_share": 0.5, "clusters": 3}}}
    whole = carry_out(settings | {"run": {"shard_rows": 100, "workers": 1}}, tmp_path / "a")
    parts = carry_out(settings | {"run": {"shard_rows": 2, "workers": 2}}, tmp_path / "b")
    kept, again = ({row.id for row in run.stage("curated-1").records(Curated)} for run in (whole, parts))
    assert kept == again
    assert len(kept) == len(list(whole.stage("candidates").records(Candidate))) // 2


def test_a_changed_setting_is_refused_by_name_and_redone_on_demand(settings, tmp_path):
    run = carry_out(settings, tmp_path / "run")
    changed = settings | {"augment": {"temperature": 0.3}}
    found = states(changed, run)
    assert [found[name] for name in ("segments", "backward", "candidates", "ratings-1")] == [
        *("done", "done", "stale", "stale")
    ]
    with pytest.raises(StoreError, match=r"candidates .*augment.temperature 0.7 -> 0.3.*--redo candidates"):
        carry_out(changed, tmp_path / "run")
    carry_out(changed, tmp_path / "run", ("candidates",))
    assert set(states(changed, run).values()) == {"done"}


def test_settings_that_change_no_result_make_nothing_stale(settings, tmp_path):
    run = carry_out(settings, tmp_path / "run")
    other = settings | {"model": {"engine": "fake", "batch_tokens": 99}, "forward": {"micro_batch_size": 1}}
    assert set(states(other, run).values()) == {"done"}


def test_changed_documents_make_the_segments_stale(settings, tmp_path, documents):
    run = carry_out(settings, tmp_path / "run")
    (documents / "moss.md").unlink()
    assert states(settings, run)["segments"] == "stale"


def test_redo_of_an_unknown_stage_names_the_stages(settings, tmp_path):
    with pytest.raises(StoreError, match="no such stage: the stages are seed, segments"):
        carry_out(settings, tmp_path / "run", ("curated",))


def test_an_empty_curated_set_says_what_took_everything(settings, tmp_path):
    with pytest.raises(StageError, match=r"no candidate reached 5: the best of \d+ scored .*curate.select.threshold"):
        carry_out(settings | {"curate": {"scorer": "expected-rating", "select": {"threshold": 5}}}, tmp_path / "run")


def test_a_stage_that_left_nothing_is_tried_again_with_other_settings_at_once(settings, tmp_path):
    with pytest.raises(StageError, match="no candidate reached 5"):
        carry_out(settings | {"curate": {"scorer": "expected-rating", "select": {"threshold": 5}}}, tmp_path / "run")
    settings["curate"]["scorer"] = "expected-rating"
    run = carry_out(settings, tmp_path / "run")
    assert set(states(settings, run).values()) == {"done"}


def test_no_segments_says_which_filter_took_them(settings, tmp_path):
    corpus = settings["corpus"] | {"segment": {"min_chars": 2900}}
    with pytest.raises(StageError, match=r"segments kept none of \d+ \(.*too short"):
        carry_out(settings | {"corpus": corpus}, tmp_path / "run")


def test_a_sample_is_seeded_and_not_the_beginning(settings, tmp_path):
    some = settings | {"corpus": settings["corpus"] | {"limit": 5}}
    run = carry_out(some, tmp_path / "a")
    sampled = [row.id for row in run.stage("sample").records(Segment)]
    every = [row.id for row in run.stage("segments").records(Segment)]
    assert len(sampled) == 5
    assert sampled != every[:5]
    other = carry_out(some | {"run": {"seed": 1, "shard_rows": 4}}, tmp_path / "b")
    assert sampled != [row.id for row in other.stage("sample").records(Segment)]


def test_the_ledger_of_a_small_sample_is_written_in_shards(settings):
    config = Config.model_validate(settings | {"corpus": settings["corpus"] | {"limit": 3}})
    stage = next(stage for stage in plan(config, "base") if stage.name == "sample")
    names = [f"{number:06}" for number in range(120_000)]

    class Many:
        def column(self, stage: str, name: str) -> list[str]:
            return names

        def records(self, stage: str, kind: type) -> Iterator[Segment]:
            return (Segment(name, "d", "s", (), "Text.", "en") for name in names)

    shards = list(stage.work.shards(Many(), 0, 0))
    assert [shard.read for shard in shards[:-1]] == [50_000 + len(shard.kept) for shard in shards[:-1]]
    assert sum(len(shard.kept) for shard in shards) == 3
    assert sum(shard.read for shard in shards) == 120_000
    assert list(stage.work.shards(Many(), 0, 2)) == shards[2:], "a killed run goes on with the same shards"


class OneOfFour:
    """Ratings of which one of four has no score."""

    def column(self, stage: str, name: str) -> list[str]:
        return ["scored", "scored", "truncated", "scored"]

    def records(self, stage: str, kind: type) -> list[Rating]:
        return [Rating("c", 1, "rating", "forward-0", "truncated", None, "It is on topic and", "length")]


@pytest.mark.parametrize(("allowed", "fails"), [(0.2, True), (0.25, False)])
def test_too_many_unrated_candidates_fail_the_stage(settings, allowed, fails):
    config = Config.model_validate(settings | {"curate": {"max_unrated_share": allowed}})
    stage = next(stage for stage in plan(config, "base") if stage.name == "ratings-1")
    if fails:
        with pytest.raises(
            StageError, match=r"1 truncated of 4 ratings have no score, one of them 'It is on topic and'"
        ):
            stage.check(OneOfFour())
    else:
        stage.check(OneOfFour())


def test_a_run_may_move(settings, tmp_path, documents, seed_file):
    run = carry_out(settings, tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    documents.rename(tmp_path / "elsewhere" / documents.name)
    seed_file.rename(tmp_path / "elsewhere.jsonl")
    moved = settings | {
        "seed": settings["seed"] | {"source": str(tmp_path / "elsewhere.jsonl")},
        "corpus": settings["corpus"] | {"documents": [str(tmp_path / "elsewhere" / documents.name)]},
    }
    assert [name for name, state in states(moved, run).items() if state != "done"] == [], "what is in them is the same"
