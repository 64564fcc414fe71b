"""The command line: parse, call, print. Everything it does can be called from Python as well."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from humpback import __version__
from humpback.cli import evaluate as evaluate_commands
from humpback.errors import ConfigError, HumpbackError

app = typer.Typer(
    name="humpback",
    help="Turn documents into a curated instruction data set and a model trained on it.\n\n"
    "Start with 'humpback init', then 'humpback run humpback.yaml'.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

Config_ = Annotated[str, typer.Argument(help="Configuration file, or 'package:demo' for the one shipped.")]
RunFolder = Annotated[str, typer.Argument(help="Run folder, or its address such as 's3://bucket/run'.")]
RunOut = Annotated[str, typer.Option("--out", "-o", help="Run folder, or an address [default: runs/NAME].")]
Sets = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads this at run time
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting, such as curate.scorer=rating. Repeatable."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write: .jsonl or .parquet.")]


@app.command()
def init(path: Annotated[Path, typer.Argument(help="File to write.")] = Path("humpback.yaml")) -> None:
    """Write a configuration with every setting, its default and what it means.

    Example: humpback init my-run.yaml
    """
    from humpback.method.settings_file import write_commented

    write_commented(path)
    typer.echo(f"wrote {path}: name your documents and your seed in it, then 'humpback run {path}'")


@app.command()
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

    try:
        run_config(config, out, redo or [], settings or [], until)
    except KeyboardInterrupt:
        typer.echo("humpback: stopped; finished work is kept: run the same command to go on", err=True)
        raise typer.Exit(130) from None


@app.command()
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


@app.command()
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
    try:
        failed = run_experiment(file, out, redo or [], settings or [])
    except KeyboardInterrupt:
        typer.echo("humpback: stopped; finished work is kept: run the same command to go on", err=True)
        raise typer.Exit(130) from None
    if failed:
        raise typer.Exit(1)


@app.command()
def status(folder: RunFolder) -> None:
    """Show how far a run is, what it counted and how long it took.

    Example: humpback status runs/demo
    """
    from humpback.cli.session import show_status

    show_status(folder)


@app.command()
def report(folder: RunFolder) -> None:
    """Write the report of a run, finished or not: one HTML file that needs no network.

    Example: humpback report runs/demo
    """
    from humpback.deliver.results import write_report
    from humpback.runs.store import Run, path_of

    typer.echo(f"wrote {write_report(Run.existing(path_of(folder)))}")


@app.command()
def export(folder: RunFolder) -> None:
    """Write data set and model of a finished run in the formats of the ecosystem, with their cards.

    Example: humpback export runs/demo
    """
    from humpback.deliver.results import write_export
    from humpback.runs.store import Run, path_of

    for path in write_export(Run.existing(path_of(folder))).values():
        typer.echo(f"wrote {path}")


@app.command()
def doctor() -> None:
    """Show what this machine can do: devices, memory, libraries, models within reach.

    Example: humpback doctor
    """
    from humpback.cli.doctor import examine

    for name, finding in examine():
        typer.echo(f"{name:<30}{finding}")


@app.command()
def segment(
    documents: Annotated[list[str], typer.Argument(help="Files, folders or globs, or 'installed:'.")],
    out: Out = Path("segments.jsonl"),
    dropped: Annotated[Optional[Path], typer.Option(help="File for what was dropped, and why.")] = None,  # noqa: UP045
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Write nothing; show each piece of a document and why it is kept or dropped."),
    ] = False,
    settings: Sets = None,
) -> None:
    """Cut documents into self-contained segments.

    Example: humpback segment docs/ --out segments.jsonl --set corpus.segment.min_chars=400

    Example: humpback segment --explain pages.jsonl#12
    """
    if explain:
        from humpback.standalone.files import explain_files

        for line in explain_files(documents, settings or []):
            typer.echo(line)
        return
    from humpback.standalone.files import segment_files

    typer.echo(segment_files(documents, out, dropped, settings or []))


@app.command()
def finetune(
    pairs: Annotated[str, typer.Argument(help="Pairs: JSONL, Parquet, data set folder or hub id, or 'package:demo'.")],
    out: Annotated[Optional[Path], typer.Option("--out", "-o", help="Model folder to write.")] = None,  # noqa: UP045
    direction: Annotated[Literal["forward", "backward"], typer.Option(help="Which side is learnt.")] = "forward",
    model: Annotated[str, typer.Option(help="Base model.")] = "package:gemma3-270m",
    show: Annotated[
        int, typer.Option(metavar="N", min=0, help="Train nothing: show the tokens of N examples and what is learnt.")
    ] = 0,
    settings: Sets = None,
) -> None:
    """Finetune a model on pairs: instruction -> response, or backwards.

    Example: humpback finetune seed.jsonl --direction backward --out m-yx --set backward.steps=20
    """
    from humpback.standalone.files import finetune_files, show_training

    if show:
        for line in show_training(pairs, direction, model, settings or [], show, colour=sys.stdout.isatty()):
            typer.echo(line)
    elif out is None:
        raise ConfigError("there is no folder to write the model to", "give one with --out, or look with --show 3")
    else:
        typer.echo(finetune_files(pairs, out, direction, model, settings or []))


@app.command()
def instruct(
    segments: Annotated[Path, typer.Argument(help="Segments: JSONL or Parquet with a text column.")],
    model: Annotated[str, typer.Option(help="Backward model: the folder that 'finetune' wrote.")],
    out: Out = Path("candidates.jsonl"),
    dropped: Annotated[Optional[Path], typer.Option(help="File for what was dropped, and why.")] = None,  # noqa: UP045
    settings: Sets = None,
) -> None:
    """Let a backward model write an instruction for each segment.

    Example: humpback instruct segments.jsonl --model m-yx --out candidates.jsonl
    """
    from humpback.standalone.files import instruct_files

    typer.echo(instruct_files(segments, model, out, dropped, settings or []))


@app.command()
def rate(
    pairs: Annotated[Path, typer.Argument(help="Pairs: JSONL or Parquet with instruction and response.")],
    model: Annotated[str, typer.Option(help="The model that rates.")],
    out: Out = Path("ratings.jsonl"),
    evaluate: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            metavar="LABELS", help="Say how the ratings agree with labels in this file (PAIRS itself may be)."
        ),
    ] = None,
    label: Annotated[
        str, typer.Option(help="Its column of yes and no, numbers or ranks; '-NAME': less is better.")
    ] = "",
    group: Annotated[str, typer.Option(help="Its column that says which pairs answer one prompt.")] = "",
    good_from: Annotated[Optional[float], typer.Option(help="Labels from here on are good.")] = None,  # noqa: UP045
    at: Annotated[
        Optional[list[int]],  # noqa: UP045
        typer.Option(metavar="K", min=1, help="Precision and recall of the best-scored K. Repeatable."),
    ] = None,
    figures: Annotated[Optional[Path], typer.Option(help="JSON file for the figures.")] = None,  # noqa: UP045
    backward: Annotated[
        str, typer.Option(metavar="M_YX", help="Backward model, for 'stored-gain' of pairs that it did not write.")
    ] = "",
    settings: Sets = None,
) -> None:
    """Let a model rate pairs from 1 to 5; with --evaluate, measure the ratings against labels.

    Example: humpback rate candidates.jsonl --model m-0 --out ratings.jsonl --set curate.scorer=expected-rating

    Example: humpback rate replies.jsonl --model m-0 --evaluate replies.jsonl --label rank --group prompt_id
    """
    from humpback.standalone.rate import rate_files

    if evaluate is None:
        if label or group or at or figures or good_from is not None:
            raise ConfigError("labels are described but not given", "name their file with --evaluate")
        typer.echo(rate_files(pairs, model, out, settings or [], backward))
        return
    from humpback.evaluate.labels import LabelColumns
    from humpback.standalone.labels import agreement_lines, read_labelled

    labelled = read_labelled(pairs, evaluate, LabelColumns(label, group, good_from), settings or [])
    typer.echo(rate_files(pairs, model, out, settings or [], backward))
    for line in agreement_lines(labelled, out, at or [], figures, settings or []):
        typer.echo(line)


@app.command()
def select(
    pairs: Annotated[Path, typer.Argument(help="The pairs that were rated.")],
    ratings: Annotated[Path, typer.Argument(help="The ratings that 'rate' wrote.")],
    out: Out = Path("curated.jsonl"),
    settings: Sets = None,
) -> None:
    """Keep the best-rated pairs.

    Example: humpback select candidates.jsonl ratings.jsonl --out curated.jsonl --set curate.select.top_share=0.3
    """
    from humpback.standalone.rate import select_files

    typer.echo(select_files(pairs, ratings, out, settings or []))


app.add_typer(evaluate_commands.app, name="evaluate")


@app.command()
def version() -> None:
    """Show the version.

    Example: humpback version
    """
    typer.echo(__version__)


def main() -> None:
    """Runs the command line. A user's mistake is one line and exit code 2; a bug is a traceback."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    try:
        app()
    except HumpbackError as error:
        typer.echo(f"humpback: {error}", err=True)
        sys.exit(2)
