"""Options that several commands share, and what surrounds a command that works."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from humpback.cli.output import say
from humpback.cli.stopping import stoppable
from humpback.errors import harmless

if TYPE_CHECKING:
    from humpback.config import Config
    from humpback.standalone.work import How

Sets = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads this at run time
    typer.Option("--set", metavar="NAME=VALUE", help="Change one setting, such as curate.scorer=rating. Repeatable."),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write: .jsonl or .parquet.")]
Ledger = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--dropped", help="File for what was dropped, and why."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there; throw away unfinished work on it.")]


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]


@contextmanager
def at_work(*, force: bool = False) -> Iterator[How]:
    """How a command is carried out: its progress goes to standard error, Ctrl-C is one line and exit code 130."""
    from rich.console import Console

    from humpback.cli.progress import ProgressDisplay
    from humpback.standalone.work import How

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with ProgressDisplay(console, announce=False) as display, stoppable():
        yield How(force, display)


def configured(changes: list[str] | None, **groups: Mapping[str, Any]) -> Config:
    """The settings that a command's arguments give, with the user's changes.

    Raises:
        ConfigError: One of them is not right.
    """
    from humpback.config import Config
    from humpback.method.settings_file import with_changes, with_groups

    return with_changes(with_groups(Config(), groups), changes or [])


def print_lines(lines: Iterable[str]) -> None:
    """Prints lines as they come."""
    for line in lines:
        say(line)


def print_json(values: Mapping[str, Any]) -> None:
    """Prints one object."""
    typer.echo(harmless(json.dumps(values, indent=2, ensure_ascii=False)))
