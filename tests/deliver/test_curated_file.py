"""What single commands wrote, exported with cards."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from humpback.config import TagSettings
from tests.command import humpback, mistake
from tests.deliver.export.conftest import make_curated


@pytest.fixture
def curated(tmp_path: Path) -> Path:
    path = tmp_path / "curated.jsonl"
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in make_curated(5)), encoding="utf-8")
    return path


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(tiny_model, tmp_path / "m-1")
    base = {"name": "/some/where/base-model", "identity": "abc123"}
    record = {"direction": "forward", "tags": TagSettings().model_dump(), "base": base, "examples": 12}
    (folder / "humpback.json").write_text(json.dumps(record))
    return folder


def test_a_curated_file_and_its_model_get_cards_that_say_what_is_known(curated, model, tmp_path):
    done = humpback("export", curated, "--model", model, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"wrote {tmp_path / 'out' / name}" for name in ("dataset", "model")]
    data_card, model_card = ((tmp_path / "out" / name / "README.md").read_text() for name in ("dataset", "model"))
    assert yaml.safe_load(data_card.split("---")[1])["pretty_name"] == "curated"
    assert "5 pairs of an instruction" in data_card
    assert "| kept | scores from 4.5 up |" in data_card
    assert "the curated pairs alone" in data_card
    for card in (data_card, model_card):
        assert "`base-model`" in card
        assert "/some/where" not in card
        assert "0 seed pairs" not in card
        assert "seed pairs trained on" not in card
    assert "on 12 pairs. The curated ones" in model_card
    assert TagSettings().augmented in model_card
    rows = (tmp_path / "out" / "dataset" / "messages" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["segment_id"] for row in rows] == [row.segment_id for row in make_curated(5)]
    assert (tmp_path / "out" / "model" / "model.safetensors").is_file()


def test_an_export_of_a_file_alone_names_no_model(curated, tmp_path):
    assert humpback("export", curated, "--out", tmp_path / "out").returncode == 0
    assert not (tmp_path / "out" / "model").exists()
    assert "| base model |" not in (tmp_path / "out" / "dataset" / "README.md").read_text()


def test_nothing_is_overwritten_by_surprise(curated, tmp_path):
    (tmp_path / "out" / "dataset").mkdir(parents=True)
    (tmp_path / "out" / "dataset" / "mine").touch()
    assert "is there already" in mistake("export", curated, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "dataset" / "mine").exists()
    assert humpback("export", curated, "--out", tmp_path / "out", "--force").returncode == 0


def test_mistakes_are_one_line_and_write_nothing(curated, model, tmp_path, seed_file):
    out = ("--out", tmp_path / "out")
    assert "give what 'humpback select' wrote" in mistake("export", seed_file, *out)
    assert "give one with --out" in mistake("export", curated)
    assert "there is no" in mistake("export", curated, "--model", tmp_path, *out)
    (model / "humpback.json").write_text('{"direction": "backward", "tags": {}}')
    assert "is a backward model" in mistake("export", curated, "--model", model, *out)
    assert "belong to a curated file" in mistake("export", tmp_path / "run", *out)
    assert not (tmp_path / "out").exists()
