"""However a training is carried out, it is the same training: accumulated, on several devices, with full-rank adapters.

Equal means: to the rounding of float32 sums in another order. A loss of about 6 nats is compared to 1e-5 of itself in
the first step, before rounding has had an optimiser to go through, and to 1e-3 in later ones: AdamW divides each
gradient by its own size, so that where a gradient is next to nothing its rounding decides the sign of a whole step.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from humpback.config import ModelSettings, TrainSettings
from humpback.errors import ConfigError, StageError
from humpback.models.device import device_count
from humpback.training.processes import read_message

pytestmark = pytest.mark.training

Train = Callable[..., Any]


def _losses(summary: Any) -> list[float]:
    return [point.loss for point in summary.curve]


def _same(one: Any, other: Any) -> None:
    left, right = _losses(one), _losses(other)
    assert left[0] == pytest.approx(right[0], rel=1e-5)
    assert left == pytest.approx(right, rel=1e-3)
    assert left[-1] < left[0]  # there was something to be equal in


def _apart(one: Path, other: Path, base: Path) -> float:
    """How far the weights of two trainings are apart, as a part of how far they moved."""
    left, right, before = (load_file(folder / "model.safetensors") for folder in (one, other, base))
    apart = sum(float((left[name] - right[name]).abs().sum()) for name in left)
    return apart / sum(float((left[name] - before[name]).abs().sum()) for name in left)


@pytest.mark.parametrize("packing", [True, False])
def test_an_accumulated_batch_is_one_large_batch(train: Train, tmp_path: Path, tiny_model: Path, packing: bool) -> None:
    """Examples of very different lengths, one in each forward pass or all in one: every target token counts alike."""
    settings = {"steps": 5, "batch_size": 6, "packing": packing}
    whole = train("whole", pack_tokens=10_000, micro_batch_size=6, **settings)
    pieces = train("pieces", pack_tokens=1, micro_batch_size=1, **settings)
    _same(whole, pieces)
    assert _apart(tmp_path / "whole", tmp_path / "pieces", tiny_model) < 1e-2


@pytest.mark.slow
def test_two_processes_train_as_one_does(train: Train, tmp_path: Path, tiny_model: Path) -> None:
    """Each computes its part of every step's examples, and they share gradients (DDP by gloo).

    With adapters here; test_ending compares two processes with one on all weights.
    """
    settings = {"method": "lora", "steps": 5, "batch_size": 5, "pack_tokens": 150}
    seen: list[tuple[int, int, float]] = []
    one = train("one", **settings)
    two = train("two", devices=2, progress=lambda *step: seen.append(step), **settings)
    _same(one, two)
    assert (one.devices, two.devices) == (1, 2)
    assert two.target_tokens == one.target_tokens
    assert [step for step, _, _ in seen] == [1, 2, 3, 4, 5]
    assert _apart(tmp_path / "one", tmp_path / "two", tiny_model) < 1e-2


def test_adapters_of_full_rank_learn_as_well_as_all_weights(train: Train) -> None:
    """A sanity check, not an equality: adapters move the same weights along other paths.

    With the rank of the layers themselves (48) any change of the layers can be had, so that the loss must fall about
    as far as with all weights; the embeddings, which adapters leave alone, are frozen in both.
    """
    settings = {"steps": 30, "batch_size": 8, "learning_rate": 5e-3, "final_learning_rate": 5e-4, "weight_decay": 0.0}
    full = train("full", freeze_embeddings=True, **settings)
    lora = train("lora", method="lora", lora={"rank": 48, "alpha": 48}, **settings)
    fallen_full, fallen_lora = (_losses(run)[0] - _losses(run)[-1] for run in (full, lora))
    assert fallen_full > 0.5
    assert 0.75 < fallen_lora / fallen_full < 1.33


def test_frozen_embeddings_stay_as_they_were(train: Train, tmp_path: Path, tiny_model: Path) -> None:
    train("frozen", freeze_embeddings=True)
    before, after = load_file(tiny_model / "model.safetensors"), load_file(tmp_path / "frozen" / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert "model.embed_tokens.weight" not in changed
    assert len(changed) == len(before) - 1


def test_activations_computed_twice_change_nothing(train: Train, tmp_path: Path, tiny_model: Path) -> None:
    once, twice = train("once"), train("twice", gradient_checkpointing=True)
    assert _losses(once) == _losses(twice)
    assert _apart(tmp_path / "once", tmp_path / "twice", tiny_model) == 0.0


def test_half_precision_computes_the_same_loss_roughly(train: Train, tiny_model: Path, tmp_path: Path) -> None:
    """bfloat16 has three digits; the weights stay in float32, so that the curve follows to about one per cent."""
    whole, half = train("whole", steps=6), train("half", steps=6, dtype="bfloat16")
    assert _losses(half) == pytest.approx(_losses(whole), rel=2e-2)
    assert _losses(half) != _losses(whole)
    assert load_file(tmp_path / "half" / "model.safetensors")["model.norm.weight"].dtype is torch.bfloat16


@pytest.mark.slow
def test_what_goes_wrong_in_a_process_is_told_as_if_it_were_here(train: Train, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="diverged"):
        train(devices=2, learning_rate=1e30, final_learning_rate=1e30, max_grad_norm=0, steps=6)
    assert not (tmp_path / "model").exists()


def test_an_error_of_any_process_is_raised_as_it_was_there() -> None:
    with pytest.raises(StageError, match="the forward training diverged: lower the rate"):
        read_message({"error": "StageError", "arguments": ["the forward training diverged", "lower the rate"]}, None)


def test_more_devices_than_there_are_processors_for_is_fine_without_a_gpu() -> None:
    cpu = ModelSettings(device="cpu")
    assert device_count(TrainSettings(devices=3), cpu) == 3
    assert device_count(TrainSettings(devices=0), cpu) == 1


def test_a_model_is_split_over_gpus_alone() -> None:
    with pytest.raises(ConfigError, match="no GPU"):
        device_count(TrainSettings(devices=2, shard=True), ModelSettings(device="cpu"))


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_4_bits_without_bitsandbytes_are_refused_with_a_hint(train: Train) -> None:
    with pytest.raises(ConfigError, match="needs the package bitsandbytes: pip install"):
        train(method="qlora")


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is None, reason="needs bitsandbytes")
def test_adapters_on_a_base_in_4_bits_are_merged_into_the_whole_base(
    train: Train, tmp_path: Path, tiny_model: Path
) -> None:
    """The base's own weights are not rounded to 4 bits in what is left: only adapters have changed them.

    In 4 bits the first loss is off by what the rounding costs, here less than a tenth of a nat.
    """
    settings = {"steps": 20, "learning_rate": 1e-2}
    lora, qlora = train("lora", method="lora", **settings), train("qlora", method="qlora", **settings)
    assert _losses(qlora)[0] == pytest.approx(_losses(lora)[0], abs=0.1)
    assert _losses(qlora)[0] != _losses(lora)[0]
    assert _losses(qlora)[-1] < _losses(qlora)[0] - 0.5
    before, after = load_file(tiny_model / "model.safetensors"), load_file(tmp_path / "qlora" / "model.safetensors")
    assert before.keys() == after.keys()
    for name in before:
        change = after[name] - before[name]
        rank = int(torch.linalg.matrix_rank(change, atol=1e-5)) if change.dim() == 2 and change.any() else 0
        assert rank <= 16, name  # rounding would have changed it in full rank
    assert (after["model.layers.0.mlp.up_proj.weight"] - before["model.layers.0.mlp.up_proj.weight"]).any()
