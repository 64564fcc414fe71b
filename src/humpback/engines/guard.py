"""Processes that must not outlive this one, even where it is killed and can end nothing itself.

Another process, this module run by itself, listens on a pipe that closes when its parent is gone. Whatever is left of
the processes that were named to it is killed then, so that no model stays in a GPU's memory without an owner.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from subprocess import PIPE, Popen

import psutil

_PATIENCE = 30
"""Seconds in which a killed process gives its memory back."""


class Guard:
    """Kills processes when this one is gone, or when it is told to.

    Args:
        processes: Which ones.
    """

    def __init__(self, processes: Iterable[psutil.Process]) -> None:
        named = [str(process.pid) for process in processes]
        # A session of its own: Ctrl-C is for those who clean up behind themselves.
        self._listener = Popen(  # noqa: S603 - this very module
            [sys.executable, "-m", __name__, *named], stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        if self._listener.stdout is not None:
            self._listener.stdout.readline()  # it knows them now

    def end(self) -> None:
        """Kills what is left of them, and waits until their memory is free."""
        self._listener.communicate()


def _wait_and_kill(numbers: Iterable[int]) -> None:
    processes = [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]
    print("ready", flush=True)
    sys.stdin.read()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()  # not another one that has got its number since: psutil compares when they were started
    until = time.monotonic() + _PATIENCE
    while any(map(_holds_memory, processes)) and time.monotonic() < until:
        time.sleep(0.02)


def _holds_memory(process: psutil.Process) -> bool:
    """What has ended and is not waited for yet holds none."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    _wait_and_kill(map(int, sys.argv[1:]))
