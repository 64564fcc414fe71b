"""`humpback experiment FILE`: says what it will do, does it, and goes on after `kill -9` with a real model."""

import json
import subprocess
import sys
import xml.dom.minidom
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from humpback.cli.main import app
from humpback.records import Curated, HeldOutLoss, Rating
from humpback.runs.store import Run
from tests.command import humpback
from tests.killing import kill_when


@pytest.fixture
def grid_file(settings: dict, tmp_path: Path) -> Path:
    path = tmp_path / "grid.yaml"
    arms = {
        "seed": {},
        "all": {"scorer": "random", "sizes": ["all"]},
        "random": {"scorer": "random"},
        "curated": {"scorer": "expected-rating"},
    }
    grid = {"settings": settings, "arms": arms, "sizes": [4, 8], "seeds": 2, "against": ["seed", "random"]}
    path.write_text(yaml.safe_dump(grid, sort_keys=False), encoding="utf-8")
    return path


def test_the_command_says_what_it_will_do_does_it_and_writes_tables_and_figures(grid_file, tmp_path):
    out = tmp_path / "out"
    shown = CliRunner().invoke(app, ["experiment", str(grid_file), "--plan", "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    assert "0 of 13 cells are trained and measured" in shown.output
    assert not out.exists(), "looking changes nothing"

    done = CliRunner().invoke(app, ["experiment", str(grid_file), "--out", str(out)])
    assert done.exit_code == 0, done.output
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert (found["ended"], found["cells"]) == (13, 13)
    rows = {(row["data"], row["size"]): row for row in found["measures"]["heldout"]["rows"]}
    assert rows["all", "all"]["pairs"] == len(list(Run(out).stage("candidates").column("id")))
    assert {other["arm"] for other in rows["curated", 8]["against"]} == {"seed", "random"}
    text = (out / "results.md").read_text(encoding="utf-8")
    assert "| curated | 8 | random |" in text
    for name in ("scaling-heldout.svg", "comparison-heldout.svg"):
        figure = xml.dom.minidom.parse(str(out / name))
        words = {"".join(child.data for child in text.childNodes) for text in figure.getElementsByTagName("text")}
        assert any("curated" in word for word in words), name
    again = CliRunner().invoke(app, ["experiment", str(grid_file), "--plan", "--out", str(out)])
    assert "13 of 13 cells" in again.output
    assert "to do:" not in again.output
    assert humpback("status", out).stdout.splitlines()[-1].startswith("done: ")


def test_settings_of_the_experiment_and_of_its_runs_can_be_changed_from_the_command_line(grid_file, tmp_path):
    command = ["experiment", str(grid_file), "--plan", "--out", str(tmp_path / "out")]
    shown = CliRunner().invoke(app, [*command, "--set", "seeds=1", "--set", "sizes=[6]", "--set", "corpus.limit=5"])
    assert shown.exit_code == 0, shown.output
    assert "0 of 5 cells" in shown.output, "the base, seed, all, and two at one size"
    assert "curated-1.random-6.s1" in shown.output
    assert "sample" in shown.output
    wrong = CliRunner().invoke(app, [*command, "--set", "seed.speed=1"])
    assert "settings.seed.speed is not a setting" in str(wrong.exception)


def test_what_is_missing_for_planted_answers_is_said_alone_for_no_documents_are_read(grid_file, tmp_path):
    grid = yaml.safe_load(grid_file.read_text(encoding="utf-8"))
    grid["settings"].pop("corpus")
    grid["settings"]["seed"] = {"source": str(tmp_path / "nowhere.jsonl")}
    grid["recover"] = {"distractors": {"packages": ["installed:"]}}
    grid["arms"]["oracle"] = {"scorer": "random", "candidates": "planted", "instructions": "hidden"}
    grid_file.write_text(yaml.safe_dump(grid), encoding="utf-8")
    shown = humpback("experiment", grid_file, "--plan", "--out", tmp_path / "out")
    assert shown.returncode == 2
    assert "nowhere.jsonl" in shown.stderr
    assert "corpus.exclude" not in shown.stderr


def test_a_failed_cell_is_said_and_the_command_does_not_end_well(grid_file, tmp_path):
    grid = yaml.safe_load(grid_file.read_text(encoding="utf-8"))
    grid["arms"]["rated"] = {
        "scorer": "rating",
        "settings": {"curate.max_new_tokens": 1, "curate.max_unrated_share": 0, "curate.ask_again": False},
    }
    grid_file.write_text(yaml.safe_dump(grid, sort_keys=False), encoding="utf-8")
    done = CliRunner().invoke(app, ["experiment", str(grid_file), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "failed: ratings-1: " in done.output
    status = json.loads(humpback("status", tmp_path / "out", "--json").stdout)
    assert status["state"] == "failed"
    assert status["reason"].startswith("ratings-1.rating-")
    assert {stage["state"] for stage in status["stages"]} == {"done", "failed", "to do"}
    assert "13 of 17 cells" in (tmp_path / "out" / "results.md").read_text(encoding="utf-8")


@pytest.fixture
def real_grid(settings: dict, tmp_path: Path, tiny_model: Path) -> Path:
    """Two ways to train a model of two layers, really trained, with checkpoints on the way."""
    training = {"steps": 12, "batch_size": 4, "checkpoint_steps": 4, "learning_rate": 1e-3}
    real = settings | {
        "model": {"name": str(tiny_model), "max_tokens": 3000, "device": "cpu"},
        "run": {"shard_rows": 3},
        "corpus": settings["corpus"] | {"limit": 9},
        "backward": training,
        "forward": training,
        "augment": {"max_new_tokens": 12, "min_chars": 1, "per_segment": 4},
    }
    arms = {"random": {"scorer": "random"}, "curated": {"scorer": "expected-rating"}}
    path = tmp_path / "real.yaml"
    grid = {"settings": real, "arms": arms, "sizes": [3], "seeds": 1}
    path.write_text(yaml.safe_dump(grid, sort_keys=False), encoding="utf-8")
    return path


def start(grid: Path, out: Path) -> subprocess.Popen[bytes]:
    """Starts the command in a process of its own."""
    command = [sys.executable, "-m", "humpback", "experiment", str(grid), "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


MOMENTS = (
    ("candidates", "part-00000.parquet"),
    ("forward-1.random-3.s1", "trained.json*"),
    ("heldout.forward-1.random-3.s1", "part-*.parquet"),
    ("ratings-1.expected-rating", "part-00001.parquet*"),
    ("forward-1.expected-rating-3.s1", "work/checkpoint-4/*"),
)


@pytest.mark.kill
@pytest.mark.training
@pytest.mark.slow
def test_an_experiment_that_is_killed_again_and_again_ends_as_if_it_never_was(real_grid, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    output, _ = (process := start(real_grid, whole)).communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    written: dict[Path, int] = {}
    for stage, pattern in MOMENTS:
        assert kill_when(start(real_grid, killed), killed / "stages" / stage, pattern), f"{stage} came and went unseen"
        for path, moment in written.items():
            assert path.stat().st_mtime_ns == moment, f"{path} was committed and then written again"
        written = {path: path.stat().st_mtime_ns for path in (killed / "stages").glob("*/part-*.parquet")}
    output, _ = (process := start(real_grid, killed)).communicate(timeout=300)
    assert process.returncode == 0, output.decode()
    for stage, kind in (
        ("ratings-1.expected-rating", Rating),
        ("curated-1.expected-rating-3", Curated),
        ("heldout.forward-1.expected-rating-3.s1", HeldOutLoss),
        ("heldout.forward-1.random-3.s1", HeldOutLoss),
    ):
        assert list(Run(killed).stage(stage).records(kind)) == list(Run(whole).stage(stage).records(kind))
    assert (killed / "results.json").read_bytes() == (whole / "results.json").read_bytes()
