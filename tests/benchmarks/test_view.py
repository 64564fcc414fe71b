"""The benchmark of the page runs, on a small run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark


def test_pages_and_memory_are_measured(tmp_path: Path):
    script = Path(__file__).parents[2] / "benchmarks" / "view.py"
    out = tmp_path / "view.json"
    command = [sys.executable, str(script), "--candidates", "300", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(out.read_text())
    assert figures["pages"].keys() >= {"first page", "a frequent word", "what moved", "a record"}
    assert figures["server_mib"] > 0
