"""Of several processes that train together none is left behind, whatever ends the first of them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from humpback.training.process_group import ProcessGroup

_WAITS = "import os, sys; os.read(int(sys.argv[1]), 1); os._exit(1)"
"""As a process that trains: it waits for the others, and ends once the pipe does."""

_PARENT = """
import os, subprocess, sys, time
from humpback.training.process_group import ProcessGroup

group = ProcessGroup()
command = [sys.executable, "-c", sys.argv[1], str(group.alive_fd)]
processes = [subprocess.Popen(command, pass_fds=[group.alive_fd]) for _ in range(2)]
print(*(process.pid for process in processes), flush=True)
time.sleep(600)
"""


@pytest.fixture
def group() -> Iterator[ProcessGroup]:
    processes = ProcessGroup()
    yield processes
    processes.end()
    processes.wait()
    processes.close()


def start(group: ProcessGroup, code: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", code, str(group.alive_fd)], pass_fds=[group.alive_fd])
    group.add(process)
    return process


def test_a_process_that_fails_ends_the_others(group: ProcessGroup) -> None:
    waiting = start(group, _WAITS)
    start(group, "import sys; sys.exit(3)")
    assert waiting.wait(timeout=60) == 1
    group.wait()
    assert group.failed == [(1, 3), (0, 1)]


def test_a_process_that_is_killed_ends_the_others(group: ProcessGroup) -> None:
    waiting, other = start(group, _WAITS), start(group, _WAITS)
    waiting.kill()
    assert other.wait(timeout=60) == 1
    group.wait()
    assert group.failed == [(0, -signal.SIGKILL), (1, 1)]


def test_processes_that_end_well_end_no_other(group: ProcessGroup) -> None:
    start(group, "")
    slow = start(group, "import time; time.sleep(1)")
    assert slow.wait(timeout=60) == 0
    group.wait()
    assert group.failed == []


def test_when_the_process_that_started_them_is_killed_they_end() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, _WAITS], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    numbers = [int(number) for number in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 30
    while any(map(_runs, numbers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_runs, numbers))
    parent.stdout.close()


def _runs(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
