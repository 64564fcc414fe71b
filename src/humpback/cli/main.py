"""The command line: all commands in the order of their use. Everything they do can be called from Python as well."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import typer

from humpback import __version__
from humpback.cli import answering, evaluate, runs, stages
from humpback.cli.options import print_lines
from humpback.errors import HumpbackError

app = typer.Typer(
    name="humpback",
    help="Turn documents into a curated instruction data set and a model trained on it.\n\n"
    "Start with 'humpback init', then 'humpback run humpback.yaml'.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def doctor() -> None:
    """Show what this machine can do: devices, memory, libraries, models within reach.

    Example: humpback doctor
    """
    from humpback.cli.doctor import examine

    print_lines(f"{name:<30}{finding}" for name, finding in examine())


def version() -> None:
    """Show the version.

    Example: humpback version
    """
    typer.echo(__version__)


_COMMANDS: tuple[Callable[..., None], ...] = (
    *(runs.init, runs.run, runs.plan, runs.experiment, runs.status, runs.report, runs.export),
    *(answering.chat, answering.serve, doctor),
    *(stages.segment, stages.finetune, stages.instruct, stages.rate, stages.select),
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(evaluate.app, name="evaluate")
app.command()(version)


def main() -> None:
    """Runs the command line. A user's mistake is one line and exit code 2; a bug is a traceback."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    try:
        app()
    except HumpbackError as error:
        typer.echo(f"humpback: {error}", err=True)
        sys.exit(2)
