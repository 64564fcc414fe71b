"""The load test runs, on a few documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/load.py"


@pytest.mark.benchmark
def test_each_case_of_the_load_test_fits_and_says_what_it_took(tmp_path):
    sizes = ("--files", "30", "--megabytes", "1", "--rows", "2000", "--two", "30")
    command = [sys.executable, str(SCRIPT), *sizes, "--json", str(tmp_path / "load.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cases = json.loads((tmp_path / "load.json").read_text())["cases"]
    assert [case["documents"] for case in cases] == [30, 250, 2000, 30, 30]
    assert all(case["exit_code"] == 0 and case["segments"] and case["peak_mib"] for case in cases)
