"""Watches the files of a process at work and kills it at a moment of its work; a file may go while it is looked at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from tests.command import humpback


class Fork:
    """A copy of this process that does one thing and ends; its members are named as in `subprocess.Popen`.

    All that is loaded here is loaded there, so that it costs no start of Python and torch, which takes ten seconds.
    """

    def __init__(self, work: Callable[[], int | None]) -> None:
        self.returncode: int | None = None
        self.cpu_seconds = 0.0
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, of threads
            self.pid = os.fork()
        if not self.pid:
            self._do(work)

    def _do(self, work: Callable[[], int | None]) -> NoReturn:
        os.dup2(self._printed.fileno(), 1)
        os.dup2(1, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        code = 1
        try:
            code = work() or 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    def poll(self) -> int | None:
        """Its exit code, less than 0 after a signal; None where it works."""
        return self._wait(os.WNOHANG)

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status, usage = os.wait4(self.pid, options)
            self.cpu_seconds = usage.ru_utime + usage.ru_stime
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends it a signal."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self) -> tuple[bytes, None]:
        """Waits for its end; what it printed."""
        self._wait(0)
        with self._printed:
            self._printed.seek(0)
            return self._printed.read(), None


def kill_when(process: subprocess.Popen[bytes] | Fork, folder: Path, pattern: str) -> bool:
    """Kills the process as soon as a file that matches appears; False where it ended before."""
    while process.poll() is None:
        if appeared(folder, pattern):
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return True
        time.sleep(0.002)
    process.communicate()
    return False


def typed(*arguments: object) -> Fork:
    """Types `humpback ARGUMENTS` in a copy of this process."""

    def work() -> int:
        done = humpback(*arguments)
        print(done.stdout, done.stderr)
        return done.returncode

    return Fork(work)


def appeared(folder: Path, pattern: str) -> bool:
    """Whether a file matches now; pathlib raises where a folder goes between two of its own looks."""
    try:
        return any(folder.glob(pattern))
    except FileNotFoundError:
        return False


def written_at(path: Path) -> int | None:
    """When a file was last written, in nanoseconds; None where it is gone."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def take_ctrl_c() -> None:
    """Called in a new process: it heeds Ctrl-C and SIGHUP, which a job behind a shell or under nohup does not."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
