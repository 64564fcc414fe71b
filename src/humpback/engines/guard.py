"""Ends other processes with this one, even where this one is killed and can clean up nothing itself.

Another process, which runs this module, reads from a pipe that closes when its parent is gone. It then kills what
is left of the processes that it was started for, so that no model stays in the memory of a GPU without an owner.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from subprocess import PIPE, Popen

import psutil

_KILL_SECONDS = 30
"""Seconds in which a killed process gives its memory back."""


class Guard:
    """Kills processes when this one is gone, or at `end`.

    Args:
        processes: Which ones.
    """

    def __init__(self, processes: Iterable[psutil.Process]) -> None:
        process_ids = [str(process.pid) for process in processes]
        # A session of its own, so that Ctrl-C does not reach it: it must be the last to go.
        self._listener = Popen(  # noqa: S603 - this very module
            [sys.executable, "-m", __name__, *process_ids], stdin=PIPE, stdout=PIPE, start_new_session=True
        )
        if self._listener.stdout is not None:
            self._listener.stdout.readline()  # wait until it has noted when they were started

    def end(self) -> None:
        """Kills what is left of them, and waits until their memory is free."""
        self._listener.communicate()


def _wait_and_kill(process_ids: Iterable[int]) -> None:
    processes = [psutil.Process(pid) for pid in process_ids if psutil.pid_exists(pid)]
    print("ready", flush=True)
    sys.stdin.read()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()  # psutil compares start times: not another process that has the same id by now
    deadline = time.monotonic() + _KILL_SECONDS
    while any(map(_holds_memory, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)


def _holds_memory(process: psutil.Process) -> bool:
    """What has ended and is not waited for yet holds none."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    _wait_and_kill(map(int, sys.argv[1:]))
