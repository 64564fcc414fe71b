"""What a plan says of each stage: counts where it is done, else estimates that are marked, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from humpback.config import Config
from humpback.method.forecast import Measurement, Rate, StageForecast, forecast
from humpback.method.plan import plan
from humpback.runs.status import status
from humpback.runs.store import Run
from tests.command import humpback


def forecasts(settings: dict, folder: Path, measured: Measurement) -> dict[str, StageForecast]:
    config, run = Config.model_validate(settings), Run(folder)
    stages = plan(config, "fake")
    return {item.status.stage.name: item for item in forecast(stages, status(stages, run), config, run, measured)}


def test_before_anything_has_run_only_the_seed_is_known(settings, tmp_path):
    known = forecasts(settings, tmp_path / "run", Measurement())
    assert (known["seed"].read, known["backward"].read, known["forward-0"].read) == (24, 18, 18)
    assert known["evaluation"].read == 6 * 6
    assert known["segments"].read is known["candidates"].read is known["forward-1"].read is None
    assert all(item.seconds is None and item.tokens is None for item in known.values())


def test_a_limit_bounds_what_follows(settings, tmp_path):
    settings["corpus"]["limit"] = 10
    known = forecasts(settings, tmp_path / "run", Measurement())
    assert (known["candidates"].read, known["ratings-1"].read, known["curated-1"].kept) == (10, 10, 5)
    assert known["forward-2"].read == 18 + 5


def test_what_a_try_has_measured_is_multiplied_by_what_goes_in(settings, tmp_path):
    settings |= {"forward": {"steps": 7, "batch_size": 3}}
    rates = {"segments": Rate(0, 0.5, 0.25), "candidates": Rate(100, 2, 0.5), "forward": Rate(50, 1, 1)}
    known = forecasts(settings, tmp_path / "run", Measurement(rates, pieces=400))
    assert (known["segments"].seconds, known["segments"].kept) == (200, 100)
    assert (known["candidates"].tokens, known["candidates"].seconds, known["candidates"].kept) == (10_000, 200, 50)
    assert known["ratings-1"].read == 50
    assert known["forward-0"].seconds == known["forward-1"].seconds == 7 * 3, "by the pairs that are seen"


@pytest.fixture
def begun(config_file: Path, tmp_path: Path) -> Path:
    """A run that has written its candidates."""
    assert humpback("run", config_file, "--out", tmp_path / "run", "--until", "curated-1").returncode == 0
    return tmp_path / "run"


def test_what_has_run_says_what_is_left(begun, settings):
    known = forecasts(settings, begun, Measurement({"candidates": Rate(1e9, 1e9, 1)}))
    assert known["candidates"].exact
    assert known["candidates"].read == 24
    assert known["candidates"].tokens > 0
    assert known["ratings-2"].read == known["ratings-1"].read
    assert known["ratings-2"].seconds == pytest.approx(known["ratings-1"].seconds)
    assert known["forward-2"].read == known["forward-1"].read == 18 + known["curated-1"].kept


def test_the_lines_mark_what_is_estimated_and_what_is_not_known(begun, config_file):
    lines = humpback("plan", config_file, "--out", begun).stdout.splitlines()
    fields = {line.split()[0]: line.split() for line in lines}
    assert fields["seed"][1:3] == ["done", "24"]
    assert fields["ratings-2"][3].startswith("~")
    assert fields["evaluation"][3:6] == ["~36", "?", "?"]
    assert any(line.startswith("time: ") and "evaluation" in line for line in lines)


def test_a_try_leaves_nothing_and_shows_rates(config_file, tmp_path):
    done = humpback("plan", config_file, "--out", tmp_path / "run", "--measure", "--set", "seed.holdout_min=2")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "run").exists()
    fields = {line.split()[0]: line.split() for line in done.stdout.splitlines() if not line.startswith("[")}
    assert fields["backward"][3] == "~22", "the seed is not taken for as small as in the try"
    assert fields["segments"][3] == "~36", "all documents were read, so what they are cut into is known"
    assert fields["candidates"][4].startswith("~")


def test_with_a_price_each_stage_has_its_cost(begun, config_file):
    priced = ("plan", config_file, "--out", begun, "--set", "run.price_per_hour=3600000")
    lines = humpback(*priced).stdout.splitlines()
    assert lines[0].split()[4:6] == ["time", "cost"]
    fields = {line.split()[0]: line.split() for line in lines}
    stages = {stage["name"]: stage for stage in json.loads(humpback(*priced, "--json").stdout)["stages"]}
    assert stages["candidates"]["cost"] == pytest.approx(stages["candidates"]["seconds"] * 1000)
    assert stages["evaluation"]["cost"] is None
    assert fields["candidates"][5 + fields["candidates"][4:].index("s")] == f"{stages['candidates']['cost']:,.2f}"
    assert fields["forward-2"][1:3] == ["to", "do"]
    assert any(line.startswith("time: ") and ", which cost " in line for line in lines)


def test_without_a_price_there_is_no_cost(begun, config_file):
    assert "cost" not in humpback("plan", config_file, "--out", begun).stdout
