"""Experiments small enough for every test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from humpback.config.experiment import ExperimentSettings
from humpback.experiment.carry import carry_out, prepare
from humpback.experiment.plan import Cell, Grid, plan_experiment
from humpback.method.settings_file import parse_settings
from humpback.runs.progress import NoProgress
from humpback.runs.recipe import Counts
from humpback.runs.stage import Stage
from humpback.runs.store import Run

ARMS = {
    "seed": {},
    "random": {"scorer": "random"},
    "curated": {"scorer": "expected-rating"},
}

Carry = Callable[..., "Carried"]


class Worked(NoProgress):
    """Notes which stages were worked on."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def end(self, stage: Stage, counts: Counts) -> None:
        self.stages.append(stage.name)


class Carried:
    """An experiment that was carried out, and what that took."""

    def __init__(self, experiment: ExperimentSettings, grid: Grid, run: Run) -> None:
        self.experiment, self.grid, self.run = experiment, grid, run
        self.worked = Worked()
        self.on_cell: list[Cell] = []
        self.cells: list[Cell] = []
        """Those that are trained and measured."""
        self.failed: dict[str, str] = {}


@pytest.fixture
def grid_of(settings: dict[str, Any]) -> Callable[..., tuple[ExperimentSettings, Grid]]:
    """An experiment from arms and anything else, with the fake engine."""

    def make(arms: dict[str, Any] | None = None, **others: Any) -> tuple[ExperimentSettings, Grid]:
        data = {"settings": settings, "arms": arms or ARMS, "sizes": [4, 8], "seeds": 2} | others
        experiment = parse_settings(yaml.safe_dump(data, sort_keys=False), "grid.yaml", ExperimentSettings)
        return experiment, plan_experiment(experiment, "base-identity")

    return make


@pytest.fixture
def carry(grid_of: Callable[..., tuple[ExperimentSettings, Grid]], tmp_path: Path) -> Carry:
    """Carries such an experiment out."""

    def run(arms: dict[str, Any] | None = None, redo: tuple[str, ...] = (), **others: Any) -> Carried:
        done = Carried(*grid_of(arms, **others), Run(tmp_path / "experiment"))
        with done.run.locked():
            prepare(done.grid, done.run, redo)
            done.failed = carry_out(
                done.grid,
                done.run,
                done.experiment.settings,
                done.worked,
                keep_models=done.experiment.keep_models,
                on_cell=done.on_cell.append,
            )
        done.cells = [
            cell for cell in done.grid.cells if all(done.run.stage(name).manifest() for name in cell.measured.values())
        ]
        return done

    return run
