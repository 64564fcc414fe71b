"""The matrix products of a training in float32 on an x86 CPU, forward and back, by oneDNN.

PyTorch carries oneDNN, but gives products in float32 to MKL, which is half as fast on an AMD processor with AVX-512 of
full width. Those in bfloat16 go to oneDNN anyway.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from humpback.engines.weight_packing import can_pack


def product(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """`inputs @ weight.T + bias`, without a gradient.

    Args:
        inputs: Of shape (..., n).
        weight: Of shape (columns, n); a transposed matrix is read where it lies.
        bias: Of shape (columns,).
    """
    if inputs.dtype is weight.dtype is torch.float32 and inputs.numel() and can_pack(inputs.device):
        result: torch.Tensor = torch.ops.mkldnn._linear_pointwise(inputs, weight, bias, "none", [], "")
        return result
    return nn.functional.linear(inputs, weight, bias)


def use_products(model: nn.Module) -> None:
    """Lets the linear layers of a model make their products here; their names and weights stay as they are."""
    for layer in model.modules():
        if type(layer) is nn.Linear and layer.weight.dtype is torch.float32 and can_pack(layer.weight.device):
            layer.__class__ = _Linear


class _Linear(nn.Linear):
    """A linear layer that is in all else the one that it was."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The product, of shape (..., out_features)."""
        if torch.is_autocast_enabled("cpu"):
            return super().forward(inputs)
        result: torch.Tensor = _Product.apply(inputs, self.weight, self.bias)
        return result


class _Product(torch.autograd.Function):
    """What a linear layer computes, and its gradients."""

    @staticmethod
    def forward(ctx: Any, inputs: Any, weight: Any, bias: Any) -> torch.Tensor:
        ctx.save_for_backward(inputs, weight)
        return product(inputs, weight, bias)

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> Any:
        (grad,), (inputs, weight), needed = outer, ctx.saved_tensors, ctx.needs_input_grad
        rows = grad.flatten(0, -2)
        return (
            product(grad, weight.t()) if needed[0] else None,
            product(rows.t(), inputs.flatten(0, -2).t()) if needed[1] else None,
            rows.sum(0) if needed[2] else None,
        )
