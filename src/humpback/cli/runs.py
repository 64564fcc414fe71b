"""The commands for a whole run: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from humpback.cli.options import AsJson, Force, Sets, at_work, print_json, print_lines
from humpback.cli.output import say
from humpback.cli.stopping import stoppable
from humpback.errors import ConfigError

Config_ = Annotated[str, typer.Argument(help="Configuration file, or 'package:demo' for the one shipped.")]
RunFolder = Annotated[str, typer.Argument(help="Run folder, or its address such as 's3://bucket/run'.")]
RunOut = Annotated[str, typer.Option("--out", "-o", help="Run folder, or an address [default: runs/NAME].")]


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("humpback.yaml"),
    documents: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="SOURCE", help="Your documents: a file, folder, glob or URL. Repeatable."),
    ] = None,
    seed: Annotated[str, typer.Option(metavar="SOURCE", help="Your pairs of instruction and response.")] = "",
    model: Annotated[str, typer.Option(metavar="NAME", help="Base model: a hub id, a folder, 'package:NAME'.")] = "",
    preset: Annotated[
        str, typer.Option(metavar="PRESET", help="For which machine: laptop, gpu, gpu-80gb, cluster; or server.")
    ] = "",
    experiment: Annotated[bool, typer.Option("--experiment", help="Write a grid for 'humpback experiment'.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Write every setting with its default and its meaning.")] = False,
    prompts: Annotated[bool, typer.Option("--prompts", help="Write the prompts to a folder, to be changed.")] = False,
) -> None:
    """Write a settings file, or the prompts to be changed.

    Example: humpback init my-run.yaml --documents docs/ --seed seed.jsonl --preset laptop

    Example: humpback init grid.yaml --experiment --preset gpu

    Example: humpback init my-prompts --prompts
    """
    from humpback.method.new_file import write_all, write_preset, write_prompts

    if prompts:
        write_prompts(path)
        say(f"wrote {path}: change them, delete those you keep, and use them with '--set prompts.folder={path}'")
        return
    if all_ and (documents or seed or model or preset):
        raise ConfigError("--all writes the defaults of every setting", "leave out --all, or all other options")
    if all_:
        write_all(path, experiment=experiment)
    else:
        write_preset(path, preset or "laptop", documents or [], seed, model, experiment=experiment)
    show = f"humpback experiment {path} --plan" if experiment else f"humpback plan {path}"
    say(f"wrote {path}: look at it, then see what it will do with '{show}'")


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
    """Carry out a run, or go on with one: documents in, model out.

    Example: humpback run package:demo --out runs/demo
    """
    from humpback.cli.session import run_config

    with stoppable():
        run_config(config, out, redo or [], settings or [], until)


def plan(
    config: Config_,
    out: RunOut = "",
    measure: Annotated[
        bool, typer.Option("--measure", help="Try the stages on a little of the data first: minutes, for known rates.")
    ] = False,
    settings: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Show each stage: where it stands, and what it takes.

    Example: humpback plan package:demo --out runs/demo
    """
    from humpback.cli.session import show_plan

    show_plan(config, out, settings or [], measures=measure, as_json=as_json)


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
    """Compare ways to train on one grid of data, sizes and seeds.

    What they share is computed once.

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


def status(folder: RunFolder, as_json: AsJson = False) -> None:
    """Show where a run is: running, stopped, failed or done.

    Example: humpback status runs/demo
    """
    from humpback.cli.session import show_status

    show_status(folder, as_json=as_json)


def verify(folder: RunFolder, as_json: AsJson = False) -> None:
    """Say whether all that a run has left is as it was written.

    Reads everything. Ends with 1 where something is damaged, and says what to do again.

    Example: humpback verify runs/demo
    """
    from humpback.runs.store import Run, path_of
    from humpback.runs.verify import verify as verify_run

    with stoppable():
        verified = verify_run(Run(path_of(folder)))
    if as_json:
        print_json({"run": folder, **verified.values()})
    else:
        print_lines(verified.lines())
    if verified.damaged:
        raise typer.Exit(1)


def report(folder: RunFolder) -> None:
    """Write the report of a run, finished or not: one HTML file.

    It needs no network.

    Example: humpback report runs/demo
    """
    from humpback.deliver.reporting import write_report
    from humpback.runs.store import Run, path_of

    with at_work():
        say(f"wrote {write_report(Run.existing(path_of(folder)))}")


def export(
    source: Annotated[str, typer.Argument(metavar="RUN_OR_FILE", help="A run folder, or what 'select' wrote.")],
    out: Annotated[Optional[Path], typer.Option("--out", "-o", help="Of a file: folder to write.")] = None,  # noqa: UP045
    model: Annotated[Optional[Path], typer.Option(help="Of a file: model folder to export too.")] = None,  # noqa: UP045
    push: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Upload to the hub too; repositories that it makes are private.")
    ] = "",
    force: Force = False,
) -> None:
    """Write the data set and the model of a run, with their cards.

    Or those that single commands wrote.

    Example: humpback export runs/demo

    Example: humpback export curated.jsonl --model m-1 --out shared
    """
    from humpback.deliver.curated_file import export_curated
    from humpback.deliver.exporting import write_export
    from humpback.deliver.hub import push as push_to_hub
    from humpback.runs.run_status import DELIVERY
    from humpback.runs.store import Run, path_of

    file = Path(source)
    if file.is_file():
        if out is None:
            raise ConfigError("there is no folder to write the export to", "give one with --out")
        with at_work():
            exported = export_curated(file, out, model, force=force)
    elif out or model:
        raise ConfigError(f"--out and --model belong to a curated file, and {source} is none",
                          "leave them out: a run has its own model, and its export lies in the run folder")  # fmt: skip
    else:
        run = Run.existing(path_of(source))
        with at_work(), run.locked():
            exported = write_export(run)
            run.log("end", stage=DELIVERY)
    print_lines(f"wrote {path}" for path in exported.values())
    if push:
        print_lines(push_to_hub(exported, push))
