"""Before the first stage: what is missing is said at once, a line each, and nothing is left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import psutil
import pytest
import yaml

from humpback import models
from humpback.config import Config, ModelSettings, TrainSettings
from humpback.errors import ModelError
from humpback.method.plan import plan
from humpback.method.start_checks import check_start
from humpback.runs.store import Run
from humpback.training.requirements import training_memory_bytes
from tests.command import humpback, mistake


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def real(settings: dict, tiny_model: Path) -> dict:
    """The settings of a run that trains."""
    curate = {"scorer": "expected-rating", "select": {"top_share": 0.5}}
    return settings | {"model": {"name": str(tiny_model), "device": "cpu"}, "curate": curate}


def refused(settings: dict, tmp_path: Path) -> list[str]:
    """The lines of a run that is refused."""
    path = tmp_path / "checked.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = humpback("run", path, "--out", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert not (tmp_path / "run").exists(), "what is refused leaves nothing behind"
    return done.stderr.strip().splitlines()


def test_what_can_start_is_not_refused(real, tmp_path):
    config = Config.model_validate(real)
    check_start(plan(config, models.identify(config.model)), config, Run(tmp_path / "run"), needs_seed=True)
    assert not (tmp_path / "run").exists(), "looking leaves nothing behind"


def test_everything_is_said_at_once(real, tmp_path, tiny_model):
    """Also what a plan stumbles over first, and what stands behind it."""
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "config.json").write_text('{"architectures": ["BertModel"]}', encoding="utf-8")
    missing = {
        "corpus": {"documents": ["nowhere/"]},
        "seed": {"source": "none.jsonl"},
        "model": {"name": str(tmp_path / "encoder"), "device": "mps", "max_tokens": 90},
        "backward": {"tracker": "wandb"},
        "forward": {"tracker": "trackio"},
    }
    head, *lines = refused(real | missing, tmp_path)
    assert head == "humpback: the work cannot start for 7 reasons"
    expected = (
        "none.jsonl",
        "wandb",
        "trackio",
        "model.device is mps",
        "not a causal language model",
        "nowhere",
        "max_new_tokens 96",
    )
    for line, text in zip(lines, expected, strict=True):
        assert text in line


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"model": {"name": "org/model", "device": "mps", "engine": "fake"}}, None),
        ({"model": {"device": "cuda"}}, "model.device is cuda, which this machine does not have"),
        ({"backward": {"shard": True}}, "no GPU"),
        ({"seed": {"holdout_min": 12}}, "24 pairs: with 12 held out, 12 are left to train on, fewer than 24"),
        ({"seed": {"limit": 12}}, "12 pairs: with 6 held out, 6 are left to train on, fewer than 12"),
        ({"curate": {"scorer": "calibrated"}, "seed": {"limit": 7, "holdout_min": 1}}, "6 pairs to calibrate on"),
        ({"augment": {"max_new_tokens": 1024}}, "augment.max_new_tokens 1024 leaves nothing of model.max_tokens 1024"),
        ({"curate": {"scorer": "rating", "max_new_tokens": 2000}}, "curate.max_new_tokens 2000 leaves nothing"),
    ],
)
def test_each_has_its_line(change, expected, real, tmp_path):
    merged = {key: {**real.get(key, {}), **change.get(key, {})} for key in {*real, *change}}
    if expected is None:
        config = Config.model_validate(merged)
        check_start(plan(config, "fake"), config, Run(tmp_path / "run"), needs_seed=True)
    else:
        (line,) = refused(merged, tmp_path)
        assert expected in line


def test_memory_and_disk_are_added_up(real, tmp_path, monkeypatch):
    real["backward"] = {"steps": 100, "checkpoint_steps": 10}
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    monkeypatch.setattr(psutil, "swap_memory", lambda: SimpleNamespace(free=0))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(9, 9, 1000))
    head, memory, disk = refused(real, tmp_path)
    assert "2 reasons" in head
    assert "training (" in memory
    assert "GiB of memory" in memory
    assert "4 models and the checkpoints of one take" in disk


def test_a_training_holds_so_many_bytes_for_each_weight():
    full, lora, qlora = (TrainSettings(method=method) for method in ("full", "lora", "qlora"))
    assert [training_memory_bytes(training, 10, 2) for training in (full, lora, qlora)] == [160, 20, 5]


def test_what_is_done_needs_nothing(config_file, tmp_path, documents):
    out = tmp_path / "run"
    assert humpback("run", config_file, "--out", out, "--until", "unique").returncode == 0
    gone = ("--set", "model.device=mps", "--set", "model.engine=transformers")
    assert humpback("run", config_file, "--out", out, "--until", "unique", *gone).returncode == 0
    line = mistake("run", config_file, "--out", out, "--until", "backward", *gone)
    assert "model.device is mps" in line


def test_a_command_is_checked_too_and_leaves_nothing(seed_file, tiny_model, tmp_path):
    out = tmp_path / "model"
    line = mistake("finetune", seed_file, "--model", tiny_model, "--out", out, "--set", "model.device=cuda")
    assert "model.device is cuda" in line
    assert not list(tmp_path.glob(".model*"))


def test_an_experiment_is_checked_too(real, tmp_path):
    path = tmp_path / "grid.yaml"
    shared = json.loads(json.dumps(real))
    del shared["curate"]
    shared["model"]["device"] = "cuda"
    path.write_text(yaml.safe_dump({"settings": shared, "arms": {"seed": {}}}), encoding="utf-8")
    assert "model.device is cuda" in mistake("experiment", path, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_is_judged_by_its_config_alone(tiny_model, tmp_path):
    models.check(ModelSettings(name=str(tiny_model)))
    (tmp_path / "page.gguf").write_bytes(b"<html>")
    with pytest.raises(ModelError, match="is not a GGUF file"):
        models.check(ModelSettings(name=str(tmp_path / "page.gguf")))
    with pytest.raises(ModelError, match="no model at"):
        models.check(ModelSettings(name="./nowhere"))
