"""The commands for a whole run: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from humpback.cli.options import Force, Sets, print_lines, stoppable
from humpback.errors import ConfigError

Config_ = Annotated[str, typer.Argument(help="Configuration file, or 'package:demo' for the one shipped.")]
RunFolder = Annotated[str, typer.Argument(help="Run folder, or its address such as 's3://bucket/run'.")]
RunOut = Annotated[str, typer.Option("--out", "-o", help="Run folder, or an address [default: runs/NAME].")]


def init(path: Annotated[Path, typer.Argument(help="File to write.")] = Path("humpback.yaml")) -> None:
    """Write a configuration with every setting, its default and what it means.

    Example: humpback init my-run.yaml
    """
    from humpback.method.settings_file import write_commented

    write_commented(path)
    typer.echo(f"wrote {path}: name your documents and your seed in it, then 'humpback run {path}'")


def run(
    config: Config_,
    out: RunOut = "",
    redo: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--redo", metavar="STAGE", help="Throw this stage away first, with all that stands on it."),
    ] = None,
    until: Annotated[str, typer.Option(metavar="STAGE", help="Stop when this stage is done.")] = "",
    settings: Sets = None,
) -> None:
    """Carry out a run, or go on with one: documents and seed in, data set and model out.

    Example: humpback run package:demo --out runs/demo
    """
    from humpback.cli.session import run_config

    with stoppable():
        run_config(config, out, redo or [], settings or [], until)


def plan(
    config: Config_,
    out: RunOut = "",
    settings: Sets = None,
) -> None:
    """Show each stage: done, begun, to do, or stale and which setting made it so.

    Example: humpback plan package:demo --out runs/demo
    """
    from humpback.cli.session import show_plan

    show_plan(config, out, settings or [])


def experiment(
    file: Annotated[Path, typer.Argument(help="The experiment: shared settings, arms, sizes, seeds.")],
    out: RunOut = "",
    plan_: Annotated[
        bool, typer.Option("--plan", help="Do nothing; show what is done, what is left and roughly how long it takes.")
    ] = False,
    redo: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--redo", metavar="STAGE", help="Throw this stage away first, with all that stands on it."),
    ] = None,
    settings: Sets = None,
) -> None:
    """Compare ways to train on one grid of data, sizes and seeds; what they share is computed once.

    Example: humpback experiment grid.yaml --plan
    """
    from humpback.cli.experiment import run_experiment, show_experiment

    if plan_:
        show_experiment(file, out, settings or [])
        return
    with stoppable():
        failed = run_experiment(file, out, redo or [], settings or [])
    if failed:
        raise typer.Exit(1)


def status(folder: RunFolder) -> None:
    """Show how far a run is, what it counted and how long it took.

    Example: humpback status runs/demo
    """
    from humpback.cli.session import show_status

    show_status(folder)


def report(folder: RunFolder) -> None:
    """Write the report of a run, finished or not: one HTML file that needs no network.

    Example: humpback report runs/demo
    """
    from humpback.deliver.reporting import write_report
    from humpback.runs.store import Run, path_of

    typer.echo(f"wrote {write_report(Run.existing(path_of(folder)))}")


def export(
    source: Annotated[str, typer.Argument(metavar="RUN_OR_FILE", help="A run folder, or what 'select' wrote.")],
    out: Annotated[Optional[Path], typer.Option("--out", "-o", help="Of a file: folder to write.")] = None,  # noqa: UP045
    model: Annotated[Optional[Path], typer.Option(help="Of a file: model folder to export too.")] = None,  # noqa: UP045
    push: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Upload to the hub too; repositories that it makes are private.")
    ] = "",
    force: Force = False,
) -> None:
    """Write data set and model in the formats of the ecosystem, with their cards: of a finished run, or of files.

    Example: humpback export runs/demo

    Example: humpback export curated.jsonl --model m-1 --out shared
    """
    from humpback.deliver.curated_file import export_curated
    from humpback.deliver.exporting import write_export
    from humpback.deliver.hub import push as push_to_hub
    from humpback.runs.store import Run, path_of

    file = Path(source)
    if file.is_file():
        if out is None:
            raise ConfigError("there is no folder to write the export to", "give one with --out")
        exported = export_curated(file, out, model, force=force)
    elif out or model:
        raise ConfigError(f"--out and --model belong to a curated file, and {source} is none",
                          "leave them out: a run has its own model, and its export lies in the run folder")  # fmt: skip
    else:
        exported = write_export(Run.existing(path_of(source)))
    print_lines(f"wrote {path}" for path in exported.values())
    if push:
        print_lines(push_to_hub(exported, push))
