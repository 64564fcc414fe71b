"""The grids that are shipped can be carried out, and the one in the documents too."""

import re
from pathlib import Path

import pytest

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
    shown = next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if block.startswith("settings"))
    experiment = parse_settings(shown, "docs", ExperimentSettings)
    shared = with_changes(experiment.settings, [f"corpus.documents=['{documents}']", f"seed.source={seed_file}"])
    grid = plan_experiment(experiment.model_copy(update={"settings": shared}), "base")
    assert {cell.row.arm for cell in grid.cells} == {"base", *experiment.arms}
    assert {cell.seed for cell in grid.cells} == {0, 1, 2, 3}
