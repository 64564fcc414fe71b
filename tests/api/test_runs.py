"""Whole runs from Python: carried out, refused, and read from their folders."""

import re

import pytest

import humpback
from humpback.config import Config
from humpback.errors import StoreError
from tests.command import humpback as command


def test_a_run_is_carried_out_and_read(settings, tmp_path):
    out = tmp_path / "run"
    config = Config.model_validate(settings)
    begun = humpback.run(config, out, until="unique")
    assert begun.delivered == {}
    assert [*begun.status.values()].count("done") == 4
    with pytest.raises(StoreError, match=f"candidates is not finished in {re.escape(str(out))}"):
        begun.candidates()

    finished = humpback.run(config, out)
    assert set(finished.status.values()) == {"done"}
    assert [path.name for path in finished.delivered.values()] == ["dataset", "report.html"]
    opened = humpback.open_run(str(out))
    assert (opened.status, opened.config) == (finished.status, finished.config)
    counts = opened.counts
    for records, stage in (
        (opened.seed(), "seed"),
        (opened.candidates(), "candidates"),
        (opened.ratings(1), "ratings-1"),
        (opened.curated(2), "curated-2"),
    ):
        assert len(records) == len(list(records)) == counts[stage].records_out
        assert len(records.dropped) == len(list(records.dropped)) == counts[stage].dropped_total
    assert {row.id for row in opened.curated()} == {row.id for row in opened.curated(2)}
    assert {row.segment_id for row in opened.candidates()} <= {row.id for row in opened.segments()}
    assert opened.curated().to_dataset().num_rows == counts["curated-2"].records_out
    assert (opened.model(0).parent.name, opened.model().parent.name) == ("forward-0", "forward-2")
    assert opened.model("backward").is_dir()
    assert {loss.model for loss in opened.losses()} == {"base", "backward", "forward-0", "forward-1", "forward-2"}
    assert opened.report() == out / "report.html"
    assert opened.export() == {"data set": out / "export" / "dataset"}
    for call, message in (
        (lambda: opened.ratings(3), "has no iteration 3: it has 1 to 2"),
        (lambda: opened.curated(0), "has no iteration 0"),
        (lambda: opened.model(3), "has no model 3: it has 0, 1, 2, backward"),
    ):
        with pytest.raises(StoreError, match=message):
            call()

    with pytest.raises(StoreError, match=r"augment\.top_p 0.9 -> 0.5"):
        humpback.run(config, out, augment={"top_p": 0.5})
    assert humpback.open_run(out).config == finished.config


def test_a_stage_is_thrown_away_by_its_name_and_the_command_goes_on(config_file, tmp_path):
    out = tmp_path / "run"
    humpback.run(config_file, out, until="candidates")
    again = humpback.run(config_file, out, augment={"top_p": 0.5}, redo=["candidates"], until="candidates")
    assert again.config.augment.top_p == 0.5
    assert len(again.candidates())
    plan = command("plan", config_file, "--out", out, "--set", "augment.top_p=0.5").stdout
    assert re.search(r"^candidates +done", plan, re.MULTILINE)
    with pytest.raises(StoreError, match="until end: no such stage"):
        humpback.run(config_file, out, until="end")


def test_a_run_that_is_not_there():
    with pytest.raises(StoreError, match="no run in nowhere"):
        humpback.open_run("nowhere")
