"""Matrix products on a CPU with weights that are laid out for it once, when the model is loaded.

oneDNN, which PyTorch carries, takes weights in a layout of its own; PyTorch's linear layer does not use it. Where the
processor multiplies bfloat16 by itself (AVX-512 BF16, AMX) products are faster again by two. Each row of such a product
is the same, bit by bit, however many rows it is computed with (a lone row in float32 aside).
"""

from __future__ import annotations

import platform

import torch
from torch import nn


class PackedLinear(nn.Module):
    """A linear layer for reading only, with its weight in the processor's own layout."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self._weight = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach())
        self._bias = None if layer.bias is None else layer.bias.detach()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The product, of shape (..., out_features)."""
        product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self._weight, self._bias, "none", [], "")
        return product


def pack(network: nn.Module) -> None:
    """Puts a packed layer in the place of every linear one; a network that is not on an x86 CPU stays as it is."""
    if not torch.backends.mkldnn.is_available() or platform.machine().lower() not in ("x86_64", "amd64"):
        return
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear and layer.weight.device.type == "cpu":
                setattr(parent, name, PackedLinear(layer))


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for products in bfloat16; without them they are slower than float32."""
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
