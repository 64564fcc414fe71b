"""Packing: which examples share a row, and that none of them sees another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import (
    AutoTokenizer,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
)

from humpback.models.template import Example
from humpback.training.attention import ATTENTION_NAME, packed_inputs, use_packing
from humpback.training.cpu.loss import add_target_loss
from humpback.training.sequence_packing import packed_rows, padded_rows, split_over_devices, with_equal_counts
from humpback.training.step_rows import RowLayout

_LENGTHS = (30, 7, 19, 12)
_WINDOW = 8


def gemma() -> Any:
    """Layers in turn with a sliding window that is shorter than most examples, and with none."""
    return Gemma3ForCausalLM(
        Gemma3TextConfig(
            vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=1, head_dim=16, sliding_window=_WINDOW, attention_dropout=0.0,
            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        )
    )  # fmt: skip


def mistral() -> Any:
    """All layers with a sliding window."""
    return MistralForCausalLM(
        MistralConfig(
            vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, sliding_window=_WINDOW,
        )
    )  # fmt: skip


def gpt2() -> Any:
    """Learned absolute positions."""
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    )


def mamba() -> Any:
    """A state that runs through the row: no attention that could start again."""
    return MambaForCausalLM(MambaConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, state_size=4))


@pytest.fixture
def examples() -> list[Example]:
    draw = torch.Generator().manual_seed(1)
    ids = [tuple(torch.randint(1, 64, (length,), generator=draw).tolist()) for length in _LENGTHS]
    return [Example(row, 1 + len(row) // 3) for row in ids]


def _gradients(model: Any, layout: RowLayout, examples: list[Example]) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss of all examples in one row, and its gradients."""
    model.zero_grad()
    loss = model(**layout.tensors(examples), summed_loss=True)
    loss.backward()
    return float(loss.detach()), {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("make", [gemma, mistral, gpt2])
def test_packed_examples_give_the_loss_and_the_gradients_of_examples_alone(
    make: Callable[[], Any], examples: list[Example]
) -> None:
    """Against each example by itself, in the library's own attention.

    Float32 sums in another order differ in the seventh digit; 1e-5 leaves room for a few layers of that. An example
    that saw another, or a window that counted from the row's beginning, is off in the first digits.
    """
    torch.manual_seed(0)
    model = make().train()
    add_target_loss(model)
    alone = RowLayout(packing=False, row_tokens=0, batch=1, pad_id=0)
    expected_loss, expected = 0.0, {name: torch.zeros_like(w) for name, w in model.named_parameters()}
    for example in examples:
        loss, gradients = _gradients(model, alone, [example])
        expected_loss += loss
        expected = {name: expected[name] + gradients[name] for name in expected}
    assert use_packing(model, [example.ids for example in examples])
    assert model.config._attn_implementation == ATTENTION_NAME
    loss, gradients = _gradients(model, RowLayout(packing=True, row_tokens=999, batch=1, pad_id=0), examples)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for name, gradient in expected.items():
        assert torch.allclose(gradients[name], gradient, rtol=1e-4, atol=1e-5), name


def test_without_our_attention_the_library_s_own_mask_packs_as_well(examples: list[Example]) -> None:
    """The way of models whose attention is not the usual one."""
    torch.manual_seed(0)
    model = gemma().eval()
    model.set_attn_implementation("eager")
    assert use_packing(model, [example.ids for example in examples])
    assert model.config._attn_implementation == "eager"


def test_a_row_without_restarts_would_be_noticed(examples: list[Example]) -> None:
    """The check on which packing relies can fail: the same row read as one text gives other states."""
    torch.manual_seed(0)
    model = gemma().eval()
    ids = [example.ids for example in examples]
    inputs = packed_inputs(ids)
    with torch.no_grad():
        right = model.base_model(**inputs, use_cache=False).last_hidden_state
        wrong = model.base_model(input_ids=inputs["input_ids"], use_cache=False).last_hidden_state
    assert float((right - wrong).abs().max()) > 0.1 * float(right.abs().max())


def test_a_model_that_cannot_is_not_packed(examples: list[Example]) -> None:
    torch.manual_seed(0)
    assert not use_packing(mamba(), [example.ids for example in examples])


def test_a_model_that_cannot_be_packed_is_trained_in_padded_batches(
    train: Callable[..., Any], tiny_model: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    MambaForCausalLM(
        MambaConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=1, state_size=4)
    ).save_pretrained(base)
    tokenizer.save_pretrained(base)
    summary = train(base=base, steps=2)
    assert not summary.packed
    assert summary.final_loss > 0


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_packed_training_is_the_padded_one_step_by_step(
    train: Callable[..., Any], tmp_path: Path, tiny_model: Path, method: str
) -> None:
    """The same examples in each step, and their loss counted alike, whatever rows they are in.

    AdamW divides by the root of the squared gradient: where a gradient is next to nothing, rounding alone decides the
    first step's sign. So the weights are compared in sum: how far they are apart against how far they moved.
    """
    settings: dict[str, Any] = {"method": method, "steps": 6, "batch_size": 5}
    one = train("packed", pack_tokens=150, **settings)
    other = train("padded", packing=False, micro_batch_size=2, **settings)
    assert (one.packed, other.packed) == (True, False)
    assert (one.tokens, one.target_tokens) == (other.tokens, other.target_tokens)
    assert [p.loss for p in one.curve] == pytest.approx([p.loss for p in other.curve], rel=1e-4)
    left, right, base = (
        load_file(folder / "model.safetensors") for folder in (tmp_path / "packed", tmp_path / "padded", tiny_model)
    )
    apart = sum(float((left[name] - right[name]).abs().sum()) for name in left)
    moved = sum(float((left[name] - base[name]).abs().sum()) for name in left)
    assert apart < 1e-3 * moved


@given(
    lengths=st.lists(st.integers(1, 120), min_size=1, max_size=40),
    room=st.integers(50, 150),
    devices=st.integers(1, 4),
)
def test_every_example_is_in_one_row_and_no_row_is_overfull(lengths: list[int], room: int, devices: int) -> None:
    shares = split_over_devices(lengths, range(len(lengths)), devices)
    assert sorted(index for share in shares for index in share) == list(range(len(lengths)))
    for share in shares:
        rows = packed_rows(lengths, share, room)
        assert sorted(index for row in rows for index in row) == sorted(share)
        for row in rows:
            assert len(row) == 1 or sum(lengths[index] for index in row) <= room
        evened = with_equal_counts(rows, len(rows) + 2)
        assert len(evened) == len(rows) + 2
        assert sorted(index for row in evened for index in row) == sorted(share)
    loads = [sum(lengths[index] for index in share) for share in shares]
    assert max(loads) - min(loads) <= max(lengths)


def test_best_fit_takes_the_fullest_row_that_has_room() -> None:
    lengths = [60, 50, 40, 35, 10]
    assert packed_rows(lengths, range(5), 100) == [[0, 2], [1, 3, 4]]


def test_packing_takes_few_rows_and_padding_wastes_little() -> None:
    lengths = np.random.default_rng(0).integers(20, 400, 256)
    rows = packed_rows(lengths, range(256), 2048)
    assert len(rows) == int(np.ceil(lengths.sum() / 2048))
    padded = padded_rows(lengths, range(256), 8)
    positions = sum(len(row) * max(lengths[i] for i in row) for row in padded)
    assert positions < 1.1 * lengths.sum()


def test_a_device_without_examples_computes_nothing_that_counts(examples: list[Example]) -> None:
    torch.manual_seed(0)
    model = gemma()
    add_target_loss(model)
    loss, gradients = _gradients(model, RowLayout(packing=True, row_tokens=9, batch=1, pad_id=0), [])
    assert loss == 0.0
    assert all(not gradient.any() for gradient in gradients.values())
