"""What a command prints, how much of it, and the log file that has it too."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, TextIO

import typer

from humpback.errors import ConfigError, harmless

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger("humpback")
log.addHandler(logging.NullHandler())
"""Takes every line that is printed, for the log file."""


@dataclass(slots=True)
class Verbosity:
    """How much the command at work prints."""

    quiet: bool = False
    verbose: bool = False


verbosity = Verbosity()


def with_output(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that decide how much is printed; it does not see them itself."""

    @wraps(command)
    def run(*args: Any, quiet: bool, verbose: bool, log_file: Path | None, **arguments: Any) -> None:
        verbosity.quiet, verbosity.verbose = quiet, verbose
        _open_log(log_file)
        command(*args, **arguments)

    parameters = [*_parameters(command), *_parameters(_options)]
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # this is where typer looks
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters(command: Callable[..., None]) -> Iterable[Parameter]:
    return signature(command, eval_str=True).parameters.values()


def _options(
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress; results and errors alone.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show messages of libraries too, and where an error arose.")
    ] = False,
    log_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="FILE", help="Append all that is printed to this file too, with the time."),
    ] = None,
) -> None:
    """The options that each command has."""


def say(line: str, *, error: bool = False, coloured: bool = False) -> None:
    """Prints a line, harmless whatever strangers have put into it, and writes it to the log file.

    Args:
        line: The line.
        error: Whether it goes to stderr.
        coloured: Whether it has colours of ours; whoever wrote it has made what strangers say harmless.
    """
    typer.echo(line if coloured else harmless(line), err=error)
    line = harmless(line)
    log.log(logging.ERROR if error else logging.INFO, line)


def print_to(console: Console, line: str, **settings: Any) -> None:
    """Prints a line by rich, harmless like those of `say`, and writes it to the log file."""
    line = harmless(line)
    console.print(line, markup=False, highlight=False, **settings)
    log.info(line)


def in_colour(stream: TextIO) -> bool:
    """Whether to write to a stream in colours: it is a terminal, and NO_COLOR is not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


@contextmanager
def closing_log() -> Iterator[None]:
    """Leaves no log file open, and nothing chosen, when the command has ended."""
    try:
        yield
    finally:
        verbosity.quiet = verbosity.verbose = False
        logging.getLogger().setLevel(logging.WARNING)
        for handler in [handler for handler in logging.getLogger().handlers if handler.name == __name__]:
            logging.getLogger().removeHandler(handler)
            handler.close()


def _open_log(file: Path | None) -> None:
    """Opens the log file and, where asked for, shows what libraries log.

    Raises:
        ConfigError: The file cannot be written.
    """
    log.setLevel(logging.INFO)
    if file is not None:
        try:
            _add(logging.FileHandler(file, encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"--log-file {file} cannot be written ({error.strerror})", "name another file") from None
    if verbosity.verbose:
        logging.getLogger().setLevel(logging.INFO)
        _add(logging.StreamHandler(sys.stderr), lambda record: record.name != log.name)


class _Harmless(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record))


def _add(handler: logging.Handler, shows: Callable[[logging.LogRecord], bool] = lambda record: True) -> None:
    handler.name = __name__
    handler.setLevel(logging.INFO)
    handler.addFilter(shows)
    handler.setFormatter(_Harmless("%(asctime)s %(name)s %(levelname)s: %(message)s"))
    logging.getLogger().addHandler(handler)
