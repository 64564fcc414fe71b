"""Weight packing: the weights of linear layers are put into the processor's own layout once, when a model is loaded.

oneDNN, which comes with PyTorch, has such a layout, and PyTorch's linear layer does not use it. In bfloat16 the
weights and the inputs of a product are rounded, and everything between two products stays float32: that is faster than
a network that is bfloat16 throughout, and nearer to float32. Each row of a product is the same, bit by bit, however
many rows are computed together (a lone row in float32 aside).

This has nothing to do with sequence packing, which puts several training examples into one row.
"""

from __future__ import annotations

from platform import machine

import torch
from torch import nn


class PackedLinear(nn.Module):
    """A linear layer without gradients, with its weight in the processor's own layout."""

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self._dtype = dtype
        self._weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach().to(dtype))
        self._bias = None if layer.bias is None else layer.bias.detach().to(dtype)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The product, of shape (..., out_features), in the dtype of the inputs."""
        rounded = inputs.to(self._dtype)
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rounded, self._weight, self._bias, "none", [], "")
        return product.to(inputs.dtype)


def can_pack(device: torch.device) -> bool:
    """Whether layers can be packed on a device: on an x86 CPU with a PyTorch that has oneDNN."""
    return device.type == "cpu" and torch.backends.mkldnn.is_available() and machine().lower() in ("x86_64", "amd64")


def pack_linear_layers(network: nn.Module, dtype: torch.dtype) -> None:
    """Replaces every linear layer by a packed one."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear:  # not a subclass: what that computes besides would be lost
                setattr(parent, name, PackedLinear(layer, dtype))
