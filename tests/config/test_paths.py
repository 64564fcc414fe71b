"""Paths in a settings file are relative to it; '~' and variables are filled in; one source needs no list."""

from pathlib import Path

import pytest
import yaml

from humpback.cli.experiment import read_experiment
from humpback.config.paths import path_in
from humpback.method.settings_file import load_config, read_config
from humpback.runs.store import Run
from tests.command import humpback, mistake


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("docs/", "conf/docs"),
        ("../docs/*.md", "conf/../docs/*.md"),
        ("~/docs", "/home/me/docs"),
        ("$DATA/docs", "/data/docs"),
        ("${DATA}/docs", "/data/docs"),
        ("/abs/docs", "/abs/docs"),
        ("s3://bucket/${SECRET}/docs", "s3://bucket/${SECRET}/docs"),
        ("https://host.example/a.html", "https://host.example/a.html"),
        ("file:///data/a.html", "file:///data/a.html"),
        ("installed:", "installed:"),
        ("package:demo", "package:demo"),
        ("hf:org/name:config/split", "hf:org/name:config/split"),
        ("hf:./mine:config/split", "hf:conf/mine:config/split"),
        ("", ""),
    ],
)
def test_what_an_entry_of_a_file_means(entry, expected, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DATA", "/data")
    assert path_in(entry, Path("conf")) == expected


def test_a_name_on_the_hub_is_no_path_unless_there_is_one(tmp_path):
    assert path_in("org/name", tmp_path, or_on_hub=True) == "org/name"
    assert path_in("org/pairs.jsonl", tmp_path, or_on_hub=True) == f"{tmp_path}/org/pairs.jsonl"
    (tmp_path / "org" / "name").mkdir(parents=True)
    assert path_in("org/name", tmp_path, or_on_hub=True) == f"{tmp_path}/org/name"


def test_a_dollar_in_the_name_of_a_file_that_is_there_is_no_variable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a$b.md").touch()
    assert path_in("a$b.md", Path()) == "a$b.md"


def test_paths_are_relative_to_the_file_and_on_the_command_line_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    path = Path("conf/run.yaml")
    settings = {
        "seed": {"source": "seed.jsonl"},
        "corpus": {"documents": "docs/", "urls": {"blocklists": "blocked.txt"}},
        "decontaminate": {"against": "prompts.jsonl"},
        "model": {"name": "./m"},
    }
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    config = read_config(str(path), ["decontaminate.against=[other.jsonl, ~/x.jsonl]"])
    assert (config.seed.source, config.corpus.documents) == ("conf/seed.jsonl", ("conf/docs",))
    assert (config.corpus.urls.blocklists, config.model.name) == (("conf/blocked.txt",), "conf/m")
    assert config.decontaminate.against == ("other.jsonl", str(Path("~/x.jsonl").expanduser()))


def test_paths_of_an_experiment_are_relative_to_its_file(tmp_path):
    path = tmp_path / "grid.yaml"
    grid = {
        "settings": {"seed": {"source": "seed.jsonl"}},
        "arms": {"seed": {}, "oracle": {"scorer": "random", "candidates": "planted", "instructions": "hidden"}},
        "sizes": [3],
        "ifeval": {"prompts": "ifeval.jsonl"},
        "recover": {"distractors": {"blog": "blog/"}},
    }
    path.write_text(yaml.safe_dump(grid), encoding="utf-8")
    experiment = read_experiment(path, ["winrate.baseline=baseline.json"])
    assert experiment.settings.seed.source == f"{tmp_path}/seed.jsonl"
    assert experiment.ifeval.prompts == f"{tmp_path}/ifeval.jsonl"
    assert experiment.winrate.baseline == "baseline.json"
    assert experiment.recover is not None
    assert experiment.recover.distractors == {"blog": (f"{tmp_path}/blog",)}


def test_what_a_server_calls_a_model_is_no_path(tmp_path):
    path = tmp_path / "run.yaml"
    model = {"name": "stub", "engine": "openai", "server": {"base_url": "http://localhost:8000/v1"}}
    named = {"corpus": {"documents": "docs"}, "seed": {"source": "package:demo"}}
    path.write_text(yaml.safe_dump(named | {"model": model}), encoding="utf-8")
    assert read_config(str(path), []).model.name == "stub"


def test_a_variable_that_is_not_set_is_one_line(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("corpus: {documents: $NOWHERE_AT_ALL/docs}\n", encoding="utf-8")
    line = mistake("plan", path)
    assert "corpus.documents.0 names the environment variable NOWHERE_AT_ALL, which is not set: set it" in line


def test_the_settings_that_a_run_keeps_may_be_run_from_any_folder(settings, documents, seed_file, tmp_path):
    settings["seed"]["source"], settings["corpus"]["documents"] = seed_file.name, documents.name
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = humpback("run", "run.yaml", "--out", "out", "--until", "segments", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "out" / "config.yaml"
    assert load_config(Run(kept.parent)).corpus.documents == (str(documents),)
    (tmp_path / "elsewhere").mkdir()
    again = humpback("plan", "../out/config.yaml", "--out", "../out", cwd=tmp_path / "elsewhere")
    assert again.stdout.count("done") == 2, again.stdout + again.stderr
