"""A command that is stopped ends at once, with a line that says how to go on, and leaves no process behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.killing import appeared, take_ctrl_c, typed

_SLOW = """
import sys, time
from humpback.cli import main
from humpback.runs import tasks
from humpback.runs.workers import processes
kind = sys.argv.pop(1)

def wait(stage, *rest):
    open(sys.argv[-1] + ".waiting", "w").close()
    if kind == "library":  # a step that gives Python no moment
        import ctypes
        ctypes.CDLL(None).sleep(60)
        ctypes.CDLL(None).sleep(60)
    time.sleep(60)

tasks.commit = wait
main.main()
"""


def start(kind: str, config_file: Path, out: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _SLOW, kind, "run", config_file, "--out", out]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=take_ctrl_c
    )
    while process.poll() is None and not appeared(out.parent, "run.waiting"):
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (signal.SIGHUP, "python"),
        pytest.param(signal.SIGTERM, "python", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, "library", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, "library", marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_a_run_within_two_seconds_and_in_one_line(number, kind, config_file, tmp_path):
    with start(kind, config_file, tmp_path / "run") as process:
        children = psutil.Process(process.pid).children(recursive=True)
        since = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert time.monotonic() - since < 4  # two, and time for a machine that is busy
    assert process.returncode == 128 + number
    assert errors.strip().splitlines()[-1:] == ["humpback: stopped; finished work is kept: run it again to continue"], (
        errors
    )
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


@pytest.mark.training
@pytest.mark.slow
def test_a_signal_ends_a_training_within_two_seconds(seed_file, tiny_model, tmp_path):
    size = ("forward.steps=5000", "forward.batch_size=2", "forward.checkpoint_steps=1", "model.max_tokens=300")
    settings = [part for setting in size for part in ("--set", setting)]
    process = typed("finetune", seed_file, "--model", tiny_model, "--out", tmp_path / "m", *settings)
    while process.poll() is None and not appeared(tmp_path, ".m.work/stages/model/work/checkpoint-*/complete"):
        time.sleep(0.01)
    assert process.returncode is None, process.communicate()
    spent = sum(psutil.Process(process.pid).cpu_times()[:2])
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert process.cpu_seconds - spent < 2  # of the processor: a busy machine takes longer


def test_what_nohup_ignores_stays_ignored():
    code = (
        "import signal, os; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from humpback.cli.stopping import stoppable\n"
        "with stoppable(): os.kill(os.getpid(), signal.SIGHUP); print('goes on')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "goes on\n"
