"""What a model runs in goes with whoever asked for it."""

import os
import signal
import subprocess
import sys

import psutil

from humpback.engines.guard import Guard

_ORPHANS = """
import subprocess, sys, time
import psutil
from humpback.engines.guard import Guard
left = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True) for _ in "ab"]
guard = Guard(psutil.Process(one.pid) for one in left)
print(*(one.pid for one in left), flush=True)
time.sleep(300)
"""


def test_processes_go_with_one_that_is_killed():
    owner = subprocess.Popen([sys.executable, "-c", _ORPHANS], stdout=subprocess.PIPE, text=True)
    left = [psutil.Process(int(number)) for number in owner.stdout.readline().split()]
    assert len(left) == 2
    assert all(process.is_running() for process in left)

    os.kill(owner.pid, signal.SIGKILL)
    owner.communicate()
    gone, alive = psutil.wait_procs(left, timeout=30)
    assert set(gone) == set(left)
    assert not alive


def test_who_ends_in_order_leaves_nothing_either():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    guard = Guard([psutil.Process(child.pid)])
    assert child.poll() is None
    guard.end()
    assert child.wait(timeout=30) == -signal.SIGKILL


def test_what_has_ended_already_is_no_trouble():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    process = psutil.Process(child.pid)
    child.wait()
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Guard([process, psutil.Process(bystander.pid)]).end()
    assert bystander.wait(timeout=30) == -signal.SIGKILL  # the others are still seen to
