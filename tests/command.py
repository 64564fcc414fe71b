"""The command line in this process: what a user types, and what comes back. A process of its own costs seconds."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from humpback.cli.main import main
from humpback.cli.stopping import process_goes_on


@dataclass(frozen=True)
class Done:
    """What a command left: named as in `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


def humpback(*arguments: object, cwd: Path | None = None) -> Done:
    """Types `humpback ARGUMENTS`; a bug's traceback comes through as the exception."""
    out, err = io.StringIO(), io.StringIO()
    typed, folder = _typed(*map(str, arguments)), contextlib.chdir(cwd or Path.cwd())
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), typed, folder:
        code = _exit_code()
        process_goes_on()
    return Done(code, out.getvalue(), err.getvalue())


def mistake(*arguments: object, cwd: Path | None = None) -> str:
    """The one line that a user's mistake gives."""
    done = humpback(*arguments, cwd=cwd)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0


@contextlib.contextmanager
def _typed(*arguments: str) -> Iterator[None]:
    """The arguments of this process, and a terminal wide enough for every line, for as long as the command runs."""
    argv, columns = sys.argv, os.environ.get("COLUMNS")
    sys.argv, os.environ["COLUMNS"] = ["humpback", *arguments], "200"
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.pop("COLUMNS", None)
        if columns is not None:
            os.environ["COLUMNS"] = columns
