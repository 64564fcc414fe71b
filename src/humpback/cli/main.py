"""The command line: all commands in the order of their use. Everything they do can be called from Python as well."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from humpback import __version__
from humpback.cli import answering, evaluate, output, runs, stages, viewing
from humpback.cli.options import AsJson, print_json, print_lines
from humpback.errors import HumpbackError

app = typer.Typer(
    name="humpback",
    help="Turn documents into a curated instruction data set and a model trained on it.\n\n"
    "Start with 'humpback init', then 'humpback run humpback.yaml'.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def show_version(requested: bool) -> None:
    """Prints the version and ends."""
    if requested:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Takes the options that stand before a command; typer shows the help given above."""


def doctor(as_json: AsJson = False) -> None:
    """Show what this machine can do: devices, memory, libraries.

    And which models are within reach.

    Example: humpback doctor
    """
    from humpback.cli.doctor import as_object, examine

    if as_json:
        print_json(as_object(examine()))
    else:
        print_lines(f"{finding.name:<30}{finding.text}" for finding in examine())


def version() -> None:
    """Show the version.

    Example: humpback version
    """
    typer.echo(__version__)


_COMMANDS: tuple[Callable[..., None], ...] = (
    *(runs.init, runs.run, runs.plan, runs.experiment, runs.status, runs.verify, runs.report),
    *(viewing.view, runs.export),
    *(answering.chat, answering.serve, doctor),
    *(stages.segment, stages.finetune, stages.instruct, stages.rate, stages.select),
)
for command in _COMMANDS:
    app.command()(output.with_output(command))
app.add_typer(evaluate.app, name="evaluate")
app.command()(version)


def main() -> None:
    """Runs the command line. A user's mistake is one line and exit code 2; a bug is a traceback."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    with output.closing_log():
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a terminal that has no UTF-8 still shows what it can
                stream.reconfigure(errors="backslashreplace")
        try:
            app()
        except (HumpbackError, OSError) as error:
            if output.verbosity.verbose:
                traceback.print_exc()
            output.say(f"humpback: {_in_words(error)}", error=True)
            sys.exit(2)


def _in_words(error: HumpbackError | OSError) -> str:
    """A mistake as it is; what a disk or a network refuses with what it is about."""
    if isinstance(error, HumpbackError):
        return str(error)
    prefix = f"{error.filename}: " if error.filename else ""
    return f"{prefix}{error.strerror or error}: see to it and run the command again; finished work is kept"
