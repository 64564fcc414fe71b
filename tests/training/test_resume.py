"""A training that is killed goes on from its last complete checkpoint and ends where it would have ended."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from humpback.config import ModelSettings, TagSettings, TrainSettings
from humpback.records import Pair
from humpback.training.checkpoints import last_complete
from humpback.training.train import finetune
from tests.killing import Fork

pytestmark = pytest.mark.training


def _kill_at(step: int, settings: dict[str, Any], pairs: list[Pair], base: Path, folder: Path) -> Path:
    """Runs a training in a copy of this process that is killed after a step, and returns its folder of checkpoints."""

    def die_at(done: int, steps: int, loss: float) -> None:
        if done >= step:
            os.kill(os.getpid(), signal.SIGKILL)

    def training() -> None:
        finetune(
            pairs, base=base, direction="forward", model=ModelSettings(name=str(base), device="cpu", max_tokens=256),
            settings=TrainSettings(**settings), tags=TagSettings(), seed=0, model_folder=folder / "never",
            work=folder / "work", progress=die_at,
        )  # fmt: skip

    child = Fork(training)
    printed, _ = child.communicate()
    assert child.returncode == -signal.SIGKILL, printed.decode()
    _wait_for_orphans(folder)
    assert not (folder / "never").exists()
    return folder / "work"


def _wait_for_orphans(folder: Path) -> None:
    """Processes that trained for the killed one see that it is gone and end too."""
    deadline = time.monotonic() + 20
    while orphans := [p for p in psutil.process_iter() if _trains_in(p, folder)]:
        assert time.monotonic() < deadline, orphans
        time.sleep(0.05)


def _trains_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.ppid() == 1 and str(folder) in (process.environ().get("HUMPBACK_CACHE") or "")
    except psutil.Error:
        return False


@pytest.mark.kill
@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"method": "full"}, id="full"),
        pytest.param({"method": "lora", "packing": False}, id="lora-padded", marks=pytest.mark.slow),
        # All weights of two processes: test_sharded continues those.
        pytest.param({"method": "lora", "devices": 2}, id="lora-2", marks=pytest.mark.slow),
    ],
)
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(
    train: Any, pairs: list[Pair], tiny_model: Path, tmp_path: Path, how: dict[str, Any]
) -> None:
    """Not nearly: bit by bit, dropout among it; packed where nothing else is said, and in one process or two."""
    settings: dict[str, Any] = {
        "steps": 12, "batch_size": 4, "micro_batch_size": 2, "pack_tokens": 200, "checkpoint_steps": 3,
        "learning_rate": 1e-2, "final_learning_rate": 1e-3, "dropout": 0.2, **how,
    }  # fmt: skip
    work = _kill_at(5, settings, pairs, tiny_model, tmp_path)
    whole = train("whole", **settings)
    resumed = train("resumed", work=work, **settings)
    assert whole.resumed_from == 0
    later = (
        (6, 9) if "devices" in how else ()
    )  # processes of their own are a step or more ahead of what is heard of them
    assert resumed.resumed_from in (3, *later)
    assert resumed.curve == whole.curve
    assert resumed.packed == settings.get("packing", True)
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
