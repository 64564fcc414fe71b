"""The load test of served models, on few requests: each is answered, and none twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/serving_load.py"


@pytest.mark.benchmark
def test_a_limited_server_that_fails_now_and_then_answers_each_request_once(tmp_path):
    sizes = ("--requests", "600", "--seconds", ".05", "--limit", "24", "--plain", "24", "--plain-requests", "200")
    command = [sys.executable, str(SCRIPT), *sizes, "--out", str(tmp_path / "load.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "load.json").read_text())
    for who in ("engine", "rate", "plain"):
        assert (results[who]["lost"], results[who]["doubled"]) == (0, 0)
        assert results[who]["failed"] >= 12
    assert results["engine"]["refused"] < 120
