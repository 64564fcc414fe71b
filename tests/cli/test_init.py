"""`init`: a few lines for a size of model, or every setting there is."""

from pathlib import Path

import pytest
import yaml

from humpback.cli.experiment import read_experiment
from humpback.config import Config
from humpback.config.experiment import ExperimentSettings
from humpback.method.new_file import preset_names
from humpback.method.settings_file import load_settings, read_config
from tests.command import humpback, mistake


def test_all_writes_the_defaults_with_their_meaning(tmp_path):
    path = tmp_path / "run.yaml"
    assert humpback("init", path, "--all").returncode == 0
    assert load_settings(path, Config) == Config()
    assert "# Shortest segment, in characters." in path.read_text(encoding="utf-8")
    assert "is there already" in mistake("init", path, "--all")
    assert "leave out --all" in mistake("init", tmp_path / "b.yaml", "--all", "--preset", "gpu")


@pytest.mark.parametrize("preset", preset_names())
def test_a_preset_is_short_and_can_be_planned(preset, documents, seed_file, tmp_path):
    done = humpback(
        "init", "run.yaml", "--documents", "docs/", "--seed", seed_file.name, "--preset", preset, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "run.yaml").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 27
    assert "documents: docs/\n" in text
    assert preset in humpback("init", "--help").stdout
    plan = humpback("plan", "run.yaml", "--set", "model.engine=fake", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr
    assert "curated-1" in plan.stdout
    again = mistake("init", "run.yaml", "--preset", preset, cwd=tmp_path)
    assert again == "humpback: run.yaml is there already: choose another name, or delete it first"
    assert (tmp_path / "run.yaml").read_text(encoding="utf-8") == text


def test_sources_in_the_file_are_those_of_the_working_folder(documents, seed_file, tmp_path):
    (tmp_path / "conf").mkdir()
    sources = ("--documents", "docs", "--documents", "s3://bucket/more", "--seed", "org/name", "--model", "./m: 1")
    assert humpback("init", "conf/run.yaml", *sources, cwd=tmp_path).returncode == 0
    written = yaml.safe_load((tmp_path / "conf" / "run.yaml").read_text(encoding="utf-8"))
    assert written["corpus"]["documents"] == ["../docs", "s3://bucket/more"]
    assert written["seed"]["source"] == "org/name"
    config = read_config(str(tmp_path / "conf" / "run.yaml"), [])
    assert Path(config.corpus.documents[0]).resolve() == documents
    assert Path(config.model.name).resolve() == tmp_path / "m: 1"


def test_the_laptop_preset_has_what_was_measured(tmp_path):
    assert humpback("init", "run.yaml", cwd=tmp_path).returncode == 0
    config = read_config(str(tmp_path / "run.yaml"), [])
    forward, backward = config.forward, config.backward
    assert (forward.method, forward.lora.rank, forward.learning_rate, forward.final_learning_rate) == (
        "lora",
        16,
        1e-3,
        1e-4,
    )
    assert (forward.dropout, forward.epochs, forward.seed_epochs, backward.epochs) == (0, 1, 2, 2)
    assert (config.corpus.choose.by, config.corpus.choose.share) == ("words", 0.5)
    assert (config.augment.per_segment, config.augment.best_by) == (4, "forward")


@pytest.mark.parametrize("preset", [name for name in preset_names() if name != "server"])
def test_an_experiment_begins_with_a_preset_too(preset, documents, seed_file, tmp_path):
    sources = ("--documents", documents, "--seed", seed_file, "--preset", preset)
    assert humpback("init", "grid.yaml", "--experiment", *sources, cwd=tmp_path).returncode == 0
    experiment = read_experiment(tmp_path / "grid.yaml", [])
    assert experiment.settings.seed.source == str(seed_file)
    changes = ("--set", "model.engine=fake", "--set", "seed.holdout_min=6")
    plan = humpback("experiment", "grid.yaml", "--plan", *changes, cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr


def test_every_setting_of_an_experiment_is_written(tmp_path):
    assert humpback("init", "grid.yaml", "--experiment", "--all", cwd=tmp_path).returncode == 0
    text = (tmp_path / "grid.yaml").read_text(encoding="utf-8")
    assert "# Trainings of each arm at each size." in text
    assert "    # Whether the seed pairs are trained on too" in text
    assert load_settings(tmp_path / "grid.yaml", ExperimentSettings).settings == Config()


def test_an_unknown_preset_is_one_line(tmp_path):
    line = mistake("init", "--preset", "gpu-80", cwd=tmp_path)
    assert "no preset 'gpu-80': did you mean gpu-80gb? there are cluster, gpu, gpu-80gb, laptop, server" in line
    assert "cannot write nowhere/run.yaml" in mistake("init", "nowhere/run.yaml", cwd=tmp_path)
    assert "the preset 'server' trains nothing" in mistake("init", "--experiment", "--preset", "server", cwd=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_missing_is_told_with_the_command_that_writes_one(tmp_path):
    assert "write one with 'humpback init run.yaml'" in mistake("plan", "run.yaml", cwd=tmp_path)
    assert "write one with 'humpback init grid.yaml --experiment'" in mistake("experiment", "grid.yaml", cwd=tmp_path)
