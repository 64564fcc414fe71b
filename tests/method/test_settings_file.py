"""What a settings file may not say, and that all of it is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from humpback.cli.experiment import read_experiment
from humpback.config import Config
from humpback.config.experiment import ExperimentSettings
from humpback.errors import ConfigError
from humpback.method.settings_file import parse_settings, read_config, with_changes


def refusal(text: str, kind: type[Config] | type[ExperimentSettings] = Config) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, "run.yaml", kind)
    return str(caught.value)


@pytest.mark.parametrize("kind", [Config, ExperimentSettings])
def test_a_name_that_stands_twice_is_refused_with_both_lines(kind):
    text = "curate:\n  scorer: rating\n  select: {top_n: 3}\n  scorer: gain\n"
    if kind is ExperimentSettings:
        text = "arms: {a: {}}\nsettings:\n" + "".join(f"  {line}\n" for line in text.splitlines())
        assert "scorer stands on line 4 and again on line 6" in refusal(text, kind)
    else:
        assert "scorer stands on line 2 and again on line 4" in refusal(text)


@pytest.mark.parametrize(
    "value", ["2024-99-99", "!!int many", "!!bool maybe", "!!timestamp x", "!!float x", "[" * 1200]
)
def test_a_value_that_yaml_cannot_make_is_a_mistake_in_the_file(value):
    assert refusal(f"run: {{seed: {value}}}").startswith("run.yaml is not YAML: a value cannot be read")
    assert with_changes(Config(), [f"model.name={value}"]).model.name == value


def test_a_name_that_stands_twice_in_a_change_is_refused():
    with pytest.raises(ConfigError, match="length stands on line 1"):
        with_changes(Config(), ["curate.ensemble={length: 1, random: 1, length: 2}"])


def test_what_a_merged_mapping_has_may_be_said_otherwise():
    """The demo's own file does so, and in any order."""
    text = "backward: &a {<<: &b {epochs: 1, batch_size: 3}, epochs: 2}\nforward: {<<: *a, epochs: 3}\n"
    config = parse_settings(text, "run.yaml", Config)
    assert (config.backward.epochs, config.forward.epochs, config.forward.batch_size) == (2, 3, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("corpus: {segment: {min_chars: 700, max_chars: 600}}", "min_chars 700 is above max_chars 600"),
        ("corpus: {max_document_chars: 500}", "segment.min_chars 600 is above max_document_chars 500"),
        ("augment: {min_chars: 900}", "min_chars 900 is above max_chars 800"),
        ("seed: {holdout_share: 1.0}", "seed.holdout_share"),
        ("forward: {learning_rate: 1.0e-6}", "learning_rate 1e-06 is below final_learning_rate 9e-06"),
        ("backward: {steps: 4, warmup_steps: 4}", "warmup_steps 4 leaves nothing of 4 steps"),
        ("backward: {shard: true, early_stop_checks: 2}", "shard and early_stop_checks are both set"),
        ("curate: {select: {threshold: 6}}", "select.threshold 6 is above the highest score, 5"),
        ("run: {iterations: 1000000}", "run.iterations"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(text, expected):
    assert expected in refusal(text)


def test_contradictions_are_told_together_with_all_other_mistakes():
    """Also those of a group that has a mistake itself, of which validation alone says nothing."""
    line = refusal(
        "run: {sead: 1}\ncorpus:\n  segment: {min_chars: 700, max_chars: 600, typo: 1}\n"
        "forward: {steps: 3, epochs: 1, shard: true, early_stop_checks: 1}\nrun: {}\n"
    )
    for mistake in (
        "run stands on line 1 and again on line 5",
        "corpus.segment.typo is not a setting",
        "min_chars 700 is above max_chars 600",
        "give only one of steps and epochs",
        "shard and early_stop_checks are both set",
    ):
        assert mistake in line


def test_a_default_in_the_place_of_a_mistake_contradicts_nothing():
    assert "above" not in refusal("corpus: {segment: {min_chars: 5000, max_chars: many}}")


def test_an_experiment_tells_contradictions_too():
    line = refusal("arms: {a: {}}\nrecover: {min_chars: 1000}\n", ExperimentSettings)
    assert "min_chars 1000 is above max_chars 900" in line


@pytest.mark.parametrize(
    ("text", "missing", "named"),
    [
        ("", ("corpus.documents", "seed.source"), ""),
        ("seed: {source: pairs.jsonl}", ("corpus.documents",), "seed.source"),
        ("corpus: {documents: [docs/]}", ("seed.source",), "corpus.documents"),
    ],
)
def test_nothing_stands_in_for_the_documents_and_the_seed_of_the_user(text, missing, named, tmp_path: Path):
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(str(path), [])
    assert all(name in str(caught.value) for name in missing)
    assert not named or named not in str(caught.value)
    config = read_config(str(path), ["seed.source=a.jsonl", "corpus.documents=[docs/]"])
    assert config.corpus.documents == ("docs/",)


def test_an_experiment_names_its_data_too(tmp_path: Path):
    path = tmp_path / "grid.yaml"
    path.write_text("arms: {seed: {}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"corpus\.documents .* and seed\.source"):
        read_experiment(path, [])
