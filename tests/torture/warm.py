"""A process that has all libraries loaded and does each command in a fork of itself: a try costs no start of Python."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.torture.disk import Disk
from tests.torture.runs import small_config

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Try:
    """How a command ended."""

    code: int
    """Its exit code; -9 after SIGKILL."""
    errors: str
    log: list[tuple[Any, ...]]
    """What it did to the disk; empty where the disk had a fault, or the command was killed."""

    def one_line(self) -> bool:
        """Whether it ended as a user's mistake does."""
        return self.code == 2 and len(self.errors.strip().splitlines()) == 1


class Warm:
    """The process; a context manager.

    Args:
        folder: Where it keeps what commands print.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *error: object) -> None:
        with self._process:  # closes its input, which ends it
            pass

    def run(self, *arguments: object, root: Path, fault: str = "", at: int = -1) -> Try:
        """Types `humpback ARGUMENTS` on a disk with a fault."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        errors, log = self._folder / "errors", self._folder / "log"
        log.unlink(missing_ok=True)
        order = [list(map(str, arguments)), str(root), fault, at, str(errors), str(log)]
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        operations = pickle.loads(log.read_bytes()) if log.exists() else []
        return Try(code, errors.read_text(encoding="utf-8", errors="replace"), operations)


def main() -> None:
    """Does a run once, so that everything is loaded, and then one command after the other in a fork."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        _type(["run", str(small_config(Path(folder))), "--out", f"{folder}/run", "--quiet"])
    for line in sys.stdin:
        arguments, root, fault, at, errors, log = json.loads(line)
        child = os.fork()
        if not child:
            _do(arguments, Disk(root, fault, at), errors, log)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _do(arguments: list[str], disk: Disk, errors: str, log: str) -> None:
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    disk.install()
    try:
        code = _type(arguments)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    disk.root = "/nowhere"
    if not disk.fault:
        Path(log).write_bytes(pickle.dumps(disk.log))
    os._exit(code)


def _type(arguments: list[str]) -> int:
    from humpback.cli.main import main as command_line

    sys.argv = ["humpback", *arguments]
    try:
        command_line()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0


if __name__ == "__main__":
    main()
