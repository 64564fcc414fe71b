"""What a finished run hands over."""

import json
from pathlib import Path

import pytest
import yaml
from datasets import load_dataset

from humpback import models
from humpback.config import Config
from humpback.deliver.exporting import write_export
from humpback.deliver.reporting import write_report
from humpback.deliver.results import some_pairs
from humpback.errors import StageError, StoreError
from humpback.method.plan import plan
from humpback.method.record import record_of, save_record
from humpback.method.settings_file import resolved
from humpback.records import Candidate, Curated, HeldOutLoss, Rating
from humpback.runs.executor import execute
from humpback.runs.store import Run


@pytest.fixture
def run(settings: dict, tmp_path: Path) -> Run:
    config = Config.model_validate(settings)
    run = Run(tmp_path / "run")
    with run.locked():
        run.save_config(resolved(config))
        execute(plan(config, models.identify(config.model)), run, config)
    return run


def test_every_exported_row_has_its_origin_and_all_its_ratings(run, documents):
    folder = write_export(run)["data set"]
    rows = [json.loads(line) for line in (folder / "messages" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    candidates = {row.id: row for row in run.stage("candidates").records(Candidate)}
    first, second = ({r.id: r for r in run.stage(f"ratings-{t}").records(Rating)} for t in (1, 2))
    assert rows
    for row in rows:
        origin = candidates[row["id"]]
        assert row["messages"][1]["content"] == origin.response
        assert (row["source"], row["segment_id"]) == (origin.source, origin.segment_id)
        assert (documents / Path(row["source"]).name).is_file()
        scores = [(rating["iteration"], rating["score"]) for rating in row["ratings"]]
        assert scores == [(1, first[row["id"]].score), (2, second[row["id"]].score)]


def test_the_validation_split_is_what_no_model_was_trained_on(run):
    folder = write_export(run)["data set"]
    lines = (folder / "alpaca" / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    heldout = {loss.id for loss in run.stage("evaluation").records(HeldOutLoss)}
    assert {json.loads(line)["id"] for line in lines} == heldout
    assert len(lines) == 6
    assert "6 human-written pairs" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("augment", [{"best_by": "forward"}, {"keep": 3}])
def test_the_kept_instruction_is_preferred_to_the_others_of_its_segment(settings, tmp_path, augment):
    config = Config.model_validate(settings | {"augment": {"per_segment": 3, **augment}})
    run, stages = Run(tmp_path / "run"), plan(config, models.identify(config.model))
    with run.locked():
        run.save_config(resolved(config))
        save_record(run, record_of(stages, config))
        execute(stages, run, config)
    folder = write_export(run)["data set"]
    rows = load_dataset(str(folder), "preference", split="train", cache_dir=str(tmp_path / "cache")).to_list()
    kept = {row.id: row for row in run.stage("curated-2").records(Curated)}
    written = run.stage("drafts" if "best_by" in augment else "candidates").records(Candidate)
    others = {(row.segment_id, row.instruction) for row in written if row.id not in kept}
    assert rows
    for row in rows:
        assert row["chosen"][0]["content"] == kept[row["id"]].instruction
        assert (row["segment_id"], row["rejected"][0]["content"]) in others
        assert kept[row["id"]].response in row["prompt"][0]["content"]
    assert len(rows) == sum(kept[i].segment_id == segment for i in kept for segment, _ in others)


def test_the_card_counts_what_the_stages_counted_and_names_no_folder_of_this_machine(run, documents):
    card = (write_export(run)["data set"] / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---")[1])
    assert {item["config_name"] for item in front["configs"]} >= {"messages", "alpaca", "sharegpt"}
    assert str(documents.parent) not in card
    assert f"{run.stage('curated-2').manifest()['counts']['kept']} pairs" in card


def test_the_report_names_every_stage_and_that_it_was_a_dry_run(run):
    page = write_report(run).read_text(encoding="utf-8")
    for stage in ("segments", "candidates", "ratings-2", "curated-2"):
        assert stage in page
    assert "dry run without a model" in page
    elsewhere = page.replace("http://www.w3.org", "").replace("http://127.0.0.1:8765/find/", "")
    assert "http://" not in elsewhere


def test_the_report_says_what_a_cascade_left_out_and_what_that_cost(settings, tmp_path):
    cascade = {"scorer": "expected-rating", "select": {"top_share": 0.3}, "cascade": {"share": 0.5, "check": 2}}
    config = Config.model_validate(settings | {"curate": cascade})
    run = Run(tmp_path / "run")
    with run.locked():
        run.save_config(resolved(config))
        execute(plan(config, models.identify(config.model)), run, config)
    states = [rating.state for rating in run.stage("ratings-1").records(Rating)]
    page = write_report(run).read_text(encoding="utf-8")
    assert f"The cascade left {states.count('skipped')} of {len(states)} candidates unrated" in page
    assert "rated all the same" in page


def test_the_report_says_how_well_the_direction_finds_answers(settings, tmp_path):
    chosen = {"share": 0.5, "by": "hidden", "words_share": 0.6}
    config = Config.model_validate(settings | {"corpus": settings["corpus"] | {"choose": chosen}})
    run, stages = Run(tmp_path / "run"), plan(config, models.identify(config.model))
    with run.locked():
        run.save_config(resolved(config))
        save_record(run, record_of(stages, config))
        execute(stages, run, config)
    page = write_report(run).read_text(encoding="utf-8")
    assert "The direction by hidden states finds held-back seed answers among the corpus: AUROC" in page
    assert "The direction by words finds held-back seed answers among the corpus: AUROC 1.00" in page
    assert "hardly tells held-back seed answers from the corpus" in page, "made-up hidden states tell nothing"
    assert "unlike the seed" in page


def test_a_report_of_a_run_that_has_only_begun(settings, tmp_path):
    config = Config.model_validate(settings)
    run = Run(tmp_path / "run")
    stages = plan(config, models.identify(config.model))
    with run.locked():
        run.save_config(resolved(config))
        with pytest.raises(StoreError, match="nothing is finished"):
            write_report(run)
        execute(stages[:3], run, config)
    page = write_report(run).read_text(encoding="utf-8")
    assert f"This run is not finished: the stage &#39;{stages[3].name}&#39; is next" in page
    assert f"3 of {len(stages)} stages are done." in page
    assert "does not clearly differ" not in page
    with pytest.raises(StoreError, match="is not finished"):
        write_export(run)


def test_the_report_counts_documents_and_names_those_that_were_not_read(settings, documents, tmp_path):
    (documents / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    config = Config.model_validate(settings)
    run = Run(tmp_path / "run")
    with run.locked():
        run.save_config(resolved(config))
        execute(plan(config, models.identify(config.model))[:2], run, config)
    page = write_report(run).read_text(encoding="utf-8")
    assert "1 of 13 documents were not read" in page
    assert "1 damaged or cut off: <bdi>docs/broken.pdf</bdi>" in page


def test_the_report_names_signs_in_words(settings, tmp_path):
    curate = {"scorer": "calibrated", "select": {"top_share": 0.3}, "calibration_pairs": 12}
    config = Config.model_validate(settings | {"run": {"shard_rows": 4, "iterations": 1}, "curate": curate})
    run = Run(tmp_path / "run")
    with run.locked():
        run.save_config(resolved(config))
        execute(plan(config, models.identify(config.model)), run, config)
    page = write_report(run).read_text(encoding="utf-8")
    assert "closing=" in next(run.stage("ratings-1").records(Rating)).reply
    assert "closing=" not in page
    assert "the seed&#39;s own pairs" in page


def test_a_stage_that_failed_is_named_with_its_error(settings, tmp_path):
    settings["corpus"]["segment"] = {"min_chars": 100_000, "max_chars": 200_000}
    config = Config.model_validate(settings)
    run = Run(tmp_path / "run")
    with run.locked():
        run.save_config(resolved(config))
        with pytest.raises(StageError):
            execute(plan(config, models.identify(config.model)), run, config)
    assert "It failed: segments kept none of" in write_report(run).read_text(encoding="utf-8")


def test_the_pairs_shown_at_the_end_are_the_best(run):
    pairs = some_pairs(run, 3)
    assert [pair.score for pair in pairs] == sorted((pair.score for pair in pairs), reverse=True)
    assert len(pairs) == 3
