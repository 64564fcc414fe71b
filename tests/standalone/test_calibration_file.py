"""`humpback rate --calibration`: what was found out about a model is kept, and used again for that model alone."""

import json

import pytest

from humpback.config import Config
from humpback.errors import ConfigError, InputError
from humpback.standalone.rate import rate_files


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"instruction": f"Tell {n}.", "response": f"One is {n}. Two is more. Three ends it."} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def config(source="", scorer="calibrated", **model):
    seed = {"seed": {"source": str(source)}} if source else {}
    return Config.model_validate(
        {"model": {"name": "fake", "engine": "fake", **model}, "curate": {"scorer": scorer}} | seed
    )


def scores(path):
    return [json.loads(line)["score"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_calibration_is_made_once_and_needs_no_seed_after_that(pairs, tmp_path):
    kept, first, second = (tmp_path / name for name in ("kept.json", "first.jsonl", "second.jsonl"))
    rate_files(pairs, config(pairs), first, calibration=kept)
    rate_files(pairs, config(), second, calibration=kept)

    assert scores(second) == scores(first)
    assert len(json.loads(kept.read_text(encoding="utf-8"))["signs"]) == 4


def test_another_model_another_scorer_and_another_file_are_refused(pairs, tmp_path):
    kept = tmp_path / "kept.json"
    rate_files(pairs, config(pairs), tmp_path / "first.jsonl", calibration=kept)

    with pytest.raises(ConfigError, match="another model"):
        rate_files(pairs, config(dtype="bfloat16"), tmp_path / "second.jsonl", calibration=kept)
    with pytest.raises(ConfigError, match="leave --calibration out"):
        rate_files(pairs, config(scorer="length"), tmp_path / "second.jsonl", calibration=kept)
    with pytest.raises(InputError, match="is no calibration"):
        rate_files(pairs, config(), tmp_path / "second.jsonl", calibration=pairs)
