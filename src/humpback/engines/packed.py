"""Matrix products on a CPU with weights that are laid out for it once, when the model is loaded.

oneDNN, which PyTorch carries, takes weights in a layout of its own; PyTorch's linear layer does not use it. In bfloat16
the weights and what they are multiplied with are rounded, and all between two products stays float32: that is faster,
and nearer to float32, than a network that is bfloat16 throughout. Each row of a product is the same, bit by bit,
however many rows it is computed with (a lone row in float32 aside).
"""

from __future__ import annotations

from platform import machine

import torch
from torch import nn


class PackedLinear(nn.Module):
    """A linear layer for reading only, with its weight in the processor's own layout."""

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self._dtype = dtype
        self._weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().to(dtype))
        self._bias = None if layer.bias is None else layer.bias.detach().to(dtype)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The product, of shape (..., out_features), in the dtype of what comes in."""
        rounded = inputs.to(self._dtype)
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rounded, self._weight, self._bias, "none", [], "")
        return product.to(inputs.dtype)


def packs(device: torch.device) -> bool:
    """Whether layers can be packed there: on an x86 CPU with a PyTorch that has oneDNN."""
    return device.type == "cpu" and torch.backends.mkldnn.is_available() and machine().lower() in ("x86_64", "amd64")


def pack(network: nn.Module, dtype: torch.dtype) -> None:
    """Puts a packed layer in the place of every linear one."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear:
                setattr(parent, name, PackedLinear(layer, dtype))
