"""The measuring scripts run, on a tiny model and a few pairs, and what they write is what was done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark

_BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_the_script_for_a_gpu_runs_and_goes_on_where_it_was_stopped(
    tiny_model: Path, seed_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["bash", str(_BENCHMARKS / "gpu_training.sh"), str(out), str(seed_file)]
    command += ["--seed-pairs", "15", "--heldout", "5", "--steps", "3", "--warmup", "1", "--rates", "1e-3", "3e-3"]
    environment = os.environ | {
        "DEVICE": "cpu", "MODEL": str(tiny_model), "STEPS": "2", "BATCH": "4", "PACK_TOKENS": "512",
        "PYTHON": sys.executable, "HUMPBACK_CACHE": str(tmp_path / "cache"),
    }  # fmt: skip
    first = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr[-2000:]
    rates = json.loads((out / "rates.json").read_text())["results"]
    assert [(row["direction"], row["rate"]) for row in rates] == [
        ("backward", 1e-3), ("backward", 3e-3), ("forward", 1e-3), ("forward", 3e-3),
    ]  # fmt: skip
    assert all(row["packed"] and [step for step, _ in row["heldout"]] == [1, 2, 3] for row in rates)
    results = json.loads((out / "training.json").read_text())["results"]
    assert set(results) == {"humpback", "humpback-padded", "trl", "trl-packing", "plain"}
    losses = results["humpback"]["losses"]
    assert len(losses) == 2
    for name in ("humpback-padded", "trl", "plain"):
        assert results[name]["losses"] == pytest.approx(losses, rel=1e-3), name
    written = (out / "rates.json").stat().st_mtime_ns, (out / "training.json").stat().st_mtime_ns
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "best held-out" in again.stdout
    assert written == ((out / "rates.json").stat().st_mtime_ns, (out / "training.json").stat().st_mtime_ns)
