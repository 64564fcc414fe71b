"""A training that is killed goes on from its last complete checkpoint and ends where it would have ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from humpback.finetune.checkpoints import last_complete
from humpback.records import Pair

_CHILD = """
import json, sys, time
import torch
from pathlib import Path
from humpback.config import ModelSettings, TagSettings, TrainSettings
from humpback.finetune.train import finetune
from humpback.records import Pair

torch.set_num_threads(1)
job = json.loads(Path(sys.argv[1]).read_text())

def wait_at(step, steps, loss):
    if step >= job["wait_at"]:
        Path(job["here"]).touch()
        time.sleep(600)

finetune(
    [Pair(**pair) for pair in job["pairs"]], base=Path(job["base"]), direction="forward",
    model=ModelSettings(name=job["base"], device="cpu", max_tokens=256), settings=TrainSettings(**job["settings"]),
    tags=TagSettings(), seed=0, out=Path(job["out"]), work=Path(job["work"]), progress=wait_at,
)
"""


def _kill_at(step: int, settings: dict[str, Any], pairs: list[Pair], base: Path, folder: Path) -> Path:
    """Runs a training in a process of its own, kills it after a step and returns its folder of checkpoints."""
    here, work = folder / "here", folder / "work"
    job = {
        "pairs": [asdict(pair) for pair in pairs],
        "base": str(base),
        "settings": settings,
        "out": str(folder / "never"),
        "work": str(work),
        "here": str(here),
        "wait_at": step,
    }
    (folder / "job.json").write_text(json.dumps(job))
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder / "job.json")])
    try:
        deadline = time.monotonic() + 240
        while not here.exists():
            assert child.poll() is None, "the training ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert not (folder / "never").exists()
    return work


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(
    train: Any, pairs: list[Pair], tiny_model: Path, tmp_path: Path, method: str
) -> None:
    settings: dict[str, Any] = {
        "method": method, "steps": 8, "batch_size": 4, "micro_batch_size": 2, "checkpoint_steps": 3,
        "learning_rate": 1e-2, "final_learning_rate": 1e-3, "dropout": 0.2,
    }  # fmt: skip
    work = _kill_at(5, settings, pairs, tiny_model, tmp_path)
    whole = train("whole", **settings)
    resumed = train("resumed", work=work, **settings)
    assert (whole.resumed_from, resumed.resumed_from) == (0, 3)
    assert resumed.curve == whole.curve
    expected, got = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "resumed"))
    assert all(torch.equal(expected[name], got[name]) for name in expected)


def test_an_incomplete_checkpoint_or_another_training_s_is_never_used(train: Any, tmp_path: Path) -> None:
    work = tmp_path / "work"
    settings = {"steps": 7, "checkpoint_steps": 2, "work": work}
    train("first", **settings)
    assert [path.name for path in work.iterdir()] == ["checkpoint-6"]
    identity = (work / "checkpoint-6" / "complete").read_text()
    (work / "checkpoint-7").mkdir()
    assert last_complete(work, identity) == work / "checkpoint-6"
    assert not (work / "checkpoint-7").exists()
    assert train("again", **settings).resumed_from == 6
    assert train("other", **{**settings, "seed": 1}).resumed_from == 0


def test_no_folder_of_checkpoints_is_no_checkpoint(tmp_path: Path) -> None:
    assert last_complete(tmp_path / "nothing", "x") is None
