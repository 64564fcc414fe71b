"""The products of a training on a CPU, and the gradient that head and embeddings share, are PyTorch's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from humpback.config import ModelSettings, TrainSettings
from humpback.engines.weight_packing import can_pack
from humpback.training.cpu.loss import spare_embeddings, target_loss
from humpback.training.cpu.products import product, use_products
from humpback.training.load import load

EXACT = {"rtol": 1e-5, "atol": 1e-5}
"""Sums of some dozens of float32 values of about 1, in another order."""


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_a_product_reads_transposed_matrices_as_they_are() -> None:
    left, right, bias = _random(7, 24), _random(40, 24), _random(40)
    torch.testing.assert_close(product(left, right, bias), left @ right.t() + bias, **EXACT)
    torch.testing.assert_close(product(left.t(), _random(5, 7)), left.t() @ _random(5, 7).t(), **EXACT)
    torch.testing.assert_close(product(left, _random(24, 40).t()), left @ _random(24, 40), **EXACT)
    torch.testing.assert_close(product(left.t(), _random(7, 40).t()), left.t() @ _random(7, 40), **EXACT)
    assert torch.equal(product(left[:, :0], right[:, :0]), torch.zeros(7, 40))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("learnt", ["both", "inputs", "weight"])
def test_a_layer_and_its_gradients_are_those_of_pytorch(bias: bool, learnt: str) -> None:
    plain = nn.Sequential(nn.Linear(24, 40, bias=bias))
    ours = nn.Sequential(nn.Linear(24, 40, bias=bias))
    ours.load_state_dict(plain.state_dict())
    use_products(ours)
    assert (type(ours[0]) is not nn.Linear) == can_pack(torch.device("cpu"))
    assert list(ours.state_dict()) == list(plain.state_dict())
    found = []
    for layer in (plain, ours):
        layer.requires_grad_(learnt != "inputs")
        inputs = _random(2, 9, 24).requires_grad_(learnt != "weight")
        out = layer(inputs)
        (out * _random(2, 9, 40)).sum().backward()
        found.append([out.detach(), inputs.grad, *(weight.grad for weight in layer.parameters())])
    for theirs, mine in zip(*found, strict=True):
        assert (theirs is None) == (mine is None)
        if theirs is not None:
            torch.testing.assert_close(mine, theirs, **EXACT)


def test_in_bfloat16_a_layer_is_left_to_pytorch() -> None:
    plain, ours = nn.Linear(24, 40), nn.Sequential(nn.Linear(24, 40))
    ours[0].load_state_dict(plain.state_dict())
    use_products(ours)
    inputs = _random(9, 24)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(inputs), plain(inputs))
    half = nn.Sequential(nn.Linear(24, 40).bfloat16())
    use_products(half)
    assert type(half[0]) is nn.Linear


def _gradients(base: Path, spare: bool, **settings: object) -> dict[str, torch.Tensor | None]:
    """Of two rows of examples, one after the other, as a step of two rows accumulates them."""
    model = load(base, ModelSettings(name=str(base), device="cpu"), TrainSettings.model_validate(settings)).model
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    if spare:
        spare_embeddings(model)
    for length in (12, 17):
        ids = torch.randint(5, 300, (1, length), generator=torch.Generator().manual_seed(length))
        labels = ids.clone()
        labels[:, :4] = -100
        target_loss(model, {"input_ids": ids, "labels": labels}).backward()
    return {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("frozen", [False, True])
def test_the_gradient_of_shared_embeddings_is_whole(tiny_model: Path, frozen: bool) -> None:
    whole, spared = (_gradients(tiny_model, spare, freeze_embeddings=frozen) for spare in (False, True))
    assert (whole["model.embed_tokens.weight"] is None) == frozen
    for name, grad in whole.items():
        if grad is None:
            assert spared[name] is None
        else:
            assert not spared[name].is_sparse
            torch.testing.assert_close(spared[name], grad, **EXACT, msg=name)


def test_the_gradient_of_shared_embeddings_is_no_second_matrix(tiny_model: Path) -> None:
    """The rows that were read come before the head's gradient, to which autograd can then add them in place."""
    assert _matrices(tiny_model, spare=True) == _matrices(tiny_model, spare=False) - 2


def _matrices(base: Path, spare: bool) -> int:
    """How often two steps backward make a gradient of all embeddings, or copy a matrix of that size."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as profile:
        grads = _gradients(base, spare)
    size = list(grads["model.embed_tokens.weight"].shape)
    events = profile.key_averages(group_by_input_shape=True)
    made = [event.count for event in events if event.key == "aten::embedding_dense_backward"]
    copied = [event.count for event in events if event.key == "aten::copy_" and event.input_shapes[0] == size]
    return sum(made) + sum(copied)
