"""`humpback finetune` from outside: killed in the middle, and gone on with by the same command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from humpback.records import Pair
from tests.command import humpback, mistake
from tests.killing import appeared


@pytest.fixture
def command(pairs: list[Pair], tiny_model: Path, tmp_path: Path) -> list[str]:
    file = tmp_path / "pairs.jsonl"
    rows = [{"instruction": pair.instruction, "response": pair.response} for pair in pairs]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    settings = {
        "model.device": "cpu", "forward.steps": 60, "forward.batch_size": 4, "forward.checkpoint_steps": 3,
        "forward.learning_rate": 1e-3, "forward.final_learning_rate": 1e-4,
    }  # fmt: skip
    changes = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return ["finetune", str(file), "--model", str(tiny_model), *changes]


@pytest.mark.kill
@pytest.mark.training
@pytest.mark.slow
def test_the_same_command_goes_on_after_a_kill(command: list[str], tmp_path: Path) -> None:
    """60 steps are made; the kill comes at the first checkpoint that is complete."""
    out, work = tmp_path / "m-0", tmp_path / ".m-0.work"
    typed = [sys.executable, "-m", "humpback", *command, "--out", str(out)]
    with subprocess.Popen(typed, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not appeared(work, "stages/model/work/checkpoint-*/complete"):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    done = humpback(*command, "--out", out)
    assert done.returncode == 0, done.stderr
    again = re.search(r" \(the first (\d+) before\)", done.stdout)
    assert again is not None
    assert 3 <= int(again[1]) < 60
    assert not work.exists()
    whole = humpback(*command, "--out", tmp_path / "whole")
    assert whole.stdout.replace("whole", "m-0") == done.stdout.replace(again[0], "")
    left, right = (load_file(folder / "model.safetensors") for folder in (out, tmp_path / "whole"))
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_mistake_leaves_nothing_behind(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "m-0"
    assert "forward.warmup_steps" in mistake(*command, "--out", out, "--set", "forward.warmup_steps=60")
    assert not list(tmp_path.glob("*m-0*"))
