"""A model split over two processes (FSDP) is trained as in one.

accelerate splits models over GPUs alone, so on the CPU it is told, in the processes that train and nowhere else, that
gloo's processes are GPUs: all else is what a machine with GPUs does.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from humpback.config import ModelSettings, TagSettings, TrainSettings
from humpback.records import Pair
from humpback.training.processes import train_in_processes
from humpback.training.run_training import run_training
from humpback.training.train import prepare
from humpback.training.training_job import TrainingJob

pytestmark = pytest.mark.training

_AS_GPUS = """
import os

if int(os.environ.get("WORLD_SIZE", "1")) > 1:
    from accelerate.state import DistributedType, PartialState

    begin = PartialState.__init__

    def as_gpus(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        if self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.MULTI_GPU

    PartialState.__init__ = as_gpus
"""

Make = Callable[..., TrainingJob]


@pytest.fixture
def make(pairs: list[Pair], tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Prepares a training; the processes that it starts take one another for GPUs."""
    (tmp_path / "as-gpus").mkdir()
    (tmp_path / "as-gpus" / "sitecustomize.py").write_text(_AS_GPUS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "as-gpus"))

    def prepared(name: str, **settings: Any) -> TrainingJob:
        chosen = TrainSettings(
            steps=5, batch_size=5, pack_tokens=150, dropout=0.0, learning_rate=1e-3, final_learning_rate=1e-4,
            checkpoint_steps=2, **settings,
        )  # fmt: skip
        model = ModelSettings(name=str(tiny_model), device="cpu", max_tokens=256)
        out, work = tmp_path / name, tmp_path / f"{name}-work"
        return prepare(pairs, tiny_model, "forward", model, chosen, TagSettings(), 0, out, work)

    return prepared


def _apart(one: Path, other: Path, base: Path) -> float:
    """How far the weights of two trainings are apart, as a part of how far they moved."""
    left, right, before = (load_file(folder / "model.safetensors") for folder in (one, other, base))
    assert left.keys() == right.keys() == before.keys()
    apart = sum(float((left[name] - right[name]).abs().sum()) for name in left)
    return apart / sum(float((left[name] - before[name]).abs().sum()) for name in left)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.slow
def test_a_model_that_is_split_learns_what_a_whole_one_does(make: Make, tiny_model: Path, method: str) -> None:
    """Sums are made in another order, and nothing else is different: 1e-4 of each loss, 1e-3 of what the weights moved.

    Gone on with from its last checkpoint, the split training ends where it ended before.
    """
    whole, split = make("whole", method=method), make("split", method=method, devices=2, shard=True)
    one, two = run_training(whole), train_in_processes(split, 2, None)
    assert (one.sharded, two.sharded) == (False, True)
    assert [point.loss for point in two.curve] == pytest.approx([point.loss for point in one.curve], rel=1e-4)
    assert _apart(whole.model_folder, split.model_folder, tiny_model) < 1e-3
    first = split.model_folder.rename(split.model_folder.with_name("first"))
    again = make("split", method=method, devices=2, shard=True)
    assert again.checkpoint is not None
    assert again.checkpoint.name == "checkpoint-4"
    resumed = train_in_processes(again, 2, None)
    assert [point.loss for point in resumed.curve] == [point.loss for point in two.curve]
    assert _apart(first, split.model_folder, tiny_model) < 1e-6
    shutil.rmtree(first)
