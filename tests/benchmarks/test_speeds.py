"""The speed benchmarks run, on a tiny model and a few pairs, and a call goes on from the figures of the one before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.benchmark

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    sides = ("north", "south", "east", "west")
    rows = [
        {
            "instruction": f"What lies {side} of harbour {n}?",
            "response": f"A wall of grey stone lies {side} of harbour {n}. The wind comes from the sea all day. "
            f"{n + 2} boats wait for the tide there. Nobody bakes bread on a {side} pier.",
        }
        for n in range(8)
        for side in sides
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _run(script: str, *flags: str) -> tuple[dict[str, Any], str]:
    file = flags[flags.index("--json") + 1]
    command = [sys.executable, str(_BENCHMARKS / script), "--new-tokens", "4", "--device", "cpu", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(Path(file).read_text()), done.stderr


def test_further_rounds_are_added_to_those_that_a_file_holds(tiny_chat_model: Path, pairs: Path, tmp_path: Path):
    common = ["--pairs", str(pairs), "--model", str(tiny_chat_model), "--json", str(tmp_path / "speed.json")]
    first, _ = _run("augment_speed.py", *common, "--count", "3", "--rounds", "1")
    assert {name: len(rows) for name, rows in first["results"].items()} == dict.fromkeys(
        ("candidates", "engine", "with-gain", "plain"), 1
    )
    assert first["results"]["candidates"][0]["tokens"] == first["results"]["engine"][0]["tokens"] > 0

    (tmp_path / "speed.json").write_text(json.dumps(first | {"results": {**first["results"], "plain": []}}))
    second, _ = _run("augment_speed.py", *common, "--count", "3", "--rounds", "2")
    for name in ("candidates", "engine"):
        assert second["results"][name][0] == first["results"][name][0]
        assert len(second["results"][name]) == 2
    assert len(second["results"]["plain"]) == 2
    rates = [[row["tokens_per_s"] for row in second["results"][name]] for name in ("candidates", "engine")]
    found = second["candidates_of_engine"]["per_s"]
    assert found["best"] == pytest.approx(max(rates[0]) / max(rates[1]), rel=1e-3)
    assert found["median"] == pytest.approx(sum(a / b for a, b in zip(*rates, strict=True)) / 2, rel=1e-3)

    other, said = _run("augment_speed.py", *common, "--count", "4", "--rounds", "1")
    assert "measured in another way" in said
    assert [row["prompts"] for row in other["results"]["engine"]] == [4]


def test_every_scorer_is_compared_with_the_limit_and_with_expected_rating(
    tiny_chat_model: Path, pairs: Path, tmp_path: Path
):
    scorers = ("expected-rating", "calibrated", "rating", "two-questions")
    found, _ = _run(
        "curation_speed.py", "--pairs", str(pairs), "--model", str(tiny_chat_model), "--count", "4", "--rounds", "1",
        "--calibration-pairs", "12", "--json", str(tmp_path / "speed.json"), "--scorers", *scorers,
    )  # fmt: skip
    results = found["results"]
    order = ["calibration", *(name for one in scorers for name in (one, f"limit behind {one}")), "limit-plain"]
    assert list(results) == order
    calibration = results["calibration"][0]
    assert calibration["pairs"] == calibration["scales"][0]["good"] + calibration["scales"][0]["faulty"] > 16
    assert found["scored_share"]["expected-rating"] == found["scored_share"]["calibrated"] == 1
    for name in scorers:
        row, limit = results[name][0], results[f"limit behind {name}"][0]
        ratio = found["compared"][name]["limit"]["per_s"]["best"]
        assert ratio == pytest.approx(row["pairs_per_s"] / limit["pairs_per_s"], rel=1e-2)
        cost = found["compared"][name]["cost_of_expected_rating"]["per_cpu_s"]["best"]
        expected = results["expected-rating"][0]["pairs_per_cpu_s"] / row["pairs_per_cpu_s"]
        assert cost == pytest.approx(expected, rel=1e-2)
