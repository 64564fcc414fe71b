"""The grids that are shipped can be carried out, and the one in the documents too."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from humpback.config.experiment import ExperimentSettings
from humpback.experiment.plan import plan_experiment
from humpback.method.settings_file import load_settings, parse_settings, with_changes

ROOT = Path(__file__).parents[2]
GRIDS = sorted((ROOT / "benchmarks" / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_a_shipped_grid_can_be_planned(path, documents, seed_file):
    experiment = load_settings(path, ExperimentSettings)
    changes = [f"corpus.documents=['{documents}']", f"seed.source={seed_file}"]
    shared = with_changes(experiment.settings, changes)
    grid = plan_experiment(experiment.model_copy(update={"settings": shared}), "base")
    assert len(grid.cells) == 1 + experiment.seeds * sum(
        len(experiment.sizes_of(name)) * arm.iterations for name, arm in experiment.arms.items()
    )
    assert experiment.seeds >= 3
    assert "random" in experiment.against, "what is not compared with chance says nothing"


def test_the_grid_in_the_documents_is_one(documents, seed_file):
    text = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    experiment = parse_settings(shown, "docs", ExperimentSettings)
    shared = with_changes(experiment.settings, [f"corpus.documents=['{documents}']", f"seed.source={seed_file}"])
    grid = plan_experiment(experiment.model_copy(update={"settings": shared}), "base")
    assert {cell.row.arm for cell in grid.cells} == {"base", *experiment.arms}
    assert {cell.seed for cell in grid.cells} == {0, 1, 2, 3}


def test_the_script_for_a_gpu_plans_a_grid_with_the_data_it_is_given(documents, seed_file, settings, tmp_path):
    grid = tmp_path / "grid.yaml"
    arms = {"seed": {}, "random": {"scorer": "random"}}
    grid.write_text(yaml.safe_dump({"settings": settings, "arms": arms, "sizes": [4], "seeds": 1}), encoding="utf-8")
    script = [ROOT / "benchmarks" / "gpu_experiment.sh", tmp_path / "out", seed_file, *sorted(documents.glob("b*.md"))]
    environment = {"GRID": str(grid), "PATH": "/usr/bin:/bin", "PYTHON": __import__("sys").executable}
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
