"""A name or a value that does not exist: the message says which one was probably meant."""

import pytest
import yaml

from humpback.config import Config
from humpback.config.experiment import ExperimentSettings
from humpback.config.mistakes import closest_setting
from tests.command import mistake


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("run.itterations", "run.iterations"),
        ("curation", "curate"),
        ("corpus.min_chars", "corpus.segment.min_chars"),
        ("max_chars", "corpus.segment.max_chars"),
        ("curate.selct.top_n", "curate.select.top_n"),
        ("backward.lr", ""),
        ("forward.learning_rates", "forward.learning_rate"),
    ],
)
def test_the_setting_that_was_meant(unknown, meant):
    assert closest_setting(unknown.split("."), Config) == meant


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("arms.curated.scorr", "arms.curated.scorer"),
        ("settings.sedes", "seeds"),
        ("recover.plantd", "recover.planted"),
        ("winrate.judge.nam", "winrate.judge.name"),
    ],
)
def test_the_setting_of_an_experiment_that_was_meant(unknown, meant):
    assert closest_setting(unknown.split("."), ExperimentSettings) == meant


def test_names_values_and_groups_in_a_file_and_in_set(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({"run": {"itterations": 2}, "curate": {"scorer": "expected_rating"}, "tags": 3}))
    line = mistake("plan", path)
    assert "run.itterations is not a setting (did you mean run.iterations?)" in line
    assert "(did you mean 'expected-rating'?)" in line
    assert "tags is a group of settings: write them below it, such as tags.enabled" in line
    assert "(did you mean corpus.segment?)" in mistake("plan", "package:demo", "--set", "segment.min_chars=3")
    assert "(did you mean 'lora'?)" in mistake("plan", "package:demo", "--set", "forward.method=lora8")
