"""The script that carries out an experiment on a GPU: it plans, does it, and stops in time."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]


def test_the_script_for_a_gpu_plans_a_grid_with_the_data_it_is_given(documents, seed_file, settings, tmp_path):
    grid = tmp_path / "grid.yaml"
    arms = {"seed": {}, "random": {"scorer": "random"}}
    grid.write_text(yaml.safe_dump({"settings": settings, "arms": arms, "sizes": [4], "seeds": 1}), encoding="utf-8")
    script = [ROOT / "benchmarks" / "gpu_experiment.sh", tmp_path / "out", seed_file, *sorted(documents.glob("b*.md"))]
    environment = {"GRID": str(grid), "PATH": "/usr/bin:/bin", "PYTHON": sys.executable}
    planned = subprocess.run(script, env=environment | {"PLAN": "1"}, capture_output=True, text=True, check=True)
    assert "0 of 3 cells" in planned.stdout
    done = subprocess.run(script, env=environment | {"SECONDS_LEFT": "300"}, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("3 of 3 cells are trained and measured.")
    stopped = subprocess.run(
        [*script[:1], tmp_path / "other", *script[2:]],
        env=environment | {"SECONDS_LEFT": "0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert stopped.returncode == 0, "stopped in time is not a failure: the same command goes on"
