"""One session with an experiment: carry it out, or say what that would do; what the command line prints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from humpback import models
from humpback.cli.options import print_lines
from humpback.cli.output import print_to
from humpback.config.experiment import ExperimentSettings
from humpback.experiment.forecast import forecast, forecast_lines
from humpback.experiment.plan import Cell, Grid, plan_experiment
from humpback.method.record import base_identity
from humpback.method.settings_file import in_full, load_settings, refuse_unnamed, resolved, with_changes
from humpback.method.start_checks import check_start, plan_or_refuse
from humpback.runs.store import Run, path_of
from humpback.runs.store.files import write_json, write_text


def run_experiment(file: Path, folder: str, redo: list[str], changes: list[str]) -> int:
    """Carries an experiment out, or goes on with it, and keeps tables and figures up to date after each cell.

    Returns:
        How many stages failed.

    Raises:
        HumpbackError: Whatever the user can mend.
    """
    from humpback.cli.progress import ProgressDisplay
    from humpback.experiment.carry import carry_out, prepare

    experiment, grid, run = _open(file, folder, changes)
    config = experiment.settings
    console = Console(highlight=False, soft_wrap=True)
    if notice := models.licence(config.model).notice:
        print_to(console, f"base model {config.model.name}: {notice}")

    def on_cell(_: Cell) -> None:
        write_results(experiment, grid, run, {})

    check_start(list(grid.stages.values()), config, run, redo, needs_seed=True, keeps_models=experiment.keep_models)
    with run.locked():
        prepare(grid, run, redo)
        run.save_config(resolved(in_full(config)))
        run.save_stage_names(grid.stages)
        write_text(run.path / "experiment.yaml", resolved(in_full(experiment)))
        completed = sum(item.state == "done" for item in grid.standing(run))
        with ProgressDisplay(console) as display:
            display.prepare(len(grid.stages), completed)
            failed = carry_out(grid, run, config, display, keep_models=experiment.keep_models, on_cell=on_cell)
            written = write_results(experiment, grid, run, failed)
    for name, why in failed.items():
        print_to(console, f"{name} failed: {why}")
    for path in written:
        print_to(console, f"wrote {path}")
    return len(failed)


def show_experiment(file: Path, folder: str, changes: list[str]) -> None:
    """Prints every stage and where it stands, what is left to do, and roughly how long that takes."""
    _, grid, run = _open(file, folder, changes)
    print_lines(forecast_lines(forecast(grid, run)))


def read_experiment(file: Path, changes: list[str]) -> ExperimentSettings:
    """A grid with changes by NAME=VALUE: of its own settings, or of those that all arms share.

    Raises:
        ConfigError: A setting is not right.
    """
    experiment_settings = ExperimentSettings.model_fields
    full_names = [
        change if change.partition("=")[0].partition(".")[0] in experiment_settings else f"settings.{change}"
        for change in changes
    ]
    experiment = with_changes(load_settings(file, ExperimentSettings, file.parent), full_names)
    refuse_unnamed(experiment.settings, str(file), documents=experiment.recover is None)
    return experiment


def _open(file: Path, folder: str, changes: list[str]) -> tuple[ExperimentSettings, Grid, Run]:
    experiment = read_experiment(file, changes)
    config, run = experiment.settings, Run(path_of(folder) if folder else Path("runs") / file.stem)
    grid = plan_or_refuse(lambda: plan_experiment(experiment, base_identity(run, config)), config, run)
    return experiment, grid, run


def write_results(experiment: ExperimentSettings, grid: Grid, run: Run, failed: Mapping[str, str]) -> list[Path]:
    """Writes tables and figures of what is finished, and returns where."""
    from humpback.experiment.figures import comparison_figure, scaling_figure
    from humpback.experiment.recovered import recovered
    from humpback.experiment.results import tables
    from humpback.experiment.selections import selections
    from humpback.experiment.tables import Findings, markdown, plain

    result_tables, standing = tables(experiment, grid, run), forecast(grid, run)
    ended = [cell for cell in grid.cells if all(run.stage(name).manifest() for name in cell.measured.values())]
    gains = recovered(experiment, grid, run)
    findings = Findings(result_tables, selections(ended, run), failed, standing.ended, standing.cells, gains)
    paths = [run.path / "results.md", run.path / "results.json"]
    write_text(paths[0], markdown(findings))
    write_json(paths[1], plain(findings))
    for table in result_tables:
        for kind, figure in (("scaling", scaling_figure(table)), ("comparison", comparison_figure(table))):
            if figure is not None:
                paths.append(run.path / f"{kind}-{table.measure.name}.svg")
                write_text(paths[-1], figure)
    return paths
