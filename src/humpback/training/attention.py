"""Attention for rows of several examples behind one another: each example sees itself alone.

Each example's span of the row is attended to by itself, without a mask: the work grows with the sum of the squared
lengths instead of the square of the row's length, and nothing is computed only to be masked. Where flash attention is
installed (on a GPU, with weights in bfloat16) it does the same in one kernel. A model whose attention is not the usual
one keeps its own, with the library's block-diagonal mask made from the positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.utils import is_flash_attn_2_available

ATTENTION_NAME = "humpback_spans"
_UNKNOWN = ("softcap", "position_bias", "s_aux")
"""Arguments by which some architectures change attention weights in ways that are not implemented here."""

_TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 5e-2}
"""Largest difference of hidden states, packed and alone, relative to their largest value. Rounding moves them by 1e-6
in float32; an example that sees its neighbour, or counts its positions from there, moves them by more than 1e-1."""


def attend_within_spans(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    **unused: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each span of one row; the signature is that of the library's attention functions.

    Args:
        module: The attention layer.
        query: Of shape (1, heads, length, size); keys and values may have fewer heads.
        key: As `query`.
        value: As `query`.
        attention_mask: Always None.
        dropout: Part of the attention weights set to zero.
        scaling: Of the products of queries and keys.
        sliding_window: How many tokens one token sees, itself among them.
        cu_seq_lens_q: Where each span begins, and the length of the row.
        unused: What other implementations need.

    Raises:
        NotImplementedError: The layer wants what this cannot do.
    """
    if cu_seq_lens_q is None or not getattr(module, "is_causal", True):
        raise NotImplementedError("the model does not say where examples begin, or looks ahead")
    if any(unused.get(name) is not None for name in _UNKNOWN):
        raise NotImplementedError("attention weights are changed in a way that is not known here")
    lengths = cu_seq_lens_q.diff().tolist()
    parts = []
    for queries, keys, values in zip(*(states.split(lengths, dim=2) for states in (query, key, value)), strict=True):
        length = queries.shape[2]
        window = sliding_window if sliding_window and length > sliding_window else None
        parts.append(
            scaled_dot_product_attention(
                queries,
                keys,
                values,
                attn_mask=None if window is None else _band(length, window, query.device),
                dropout_p=dropout,
                is_causal=window is None,
                scale=scaling,
                enable_gqa=query.shape[1] != key.shape[1],
            ).transpose(1, 2)
        )
    return torch.cat(parts, dim=1), None


def _band(length: int, window: int, device: torch.device) -> torch.Tensor:
    positions = torch.arange(length, device=device)
    distance = positions[:, None] - positions[None, :]
    return (distance >= 0) & (distance < window)


def _no_mask(*args: Any, **kwargs: Any) -> None:
    """Spans need no mask."""


def use_packing(model: Any, samples: Sequence[Sequence[int]]) -> bool:
    """Chooses how the model attends to packed rows, and tries it on examples.

    Args:
        model: A causal language model on its device.
        samples: The tokens of some examples, at least two; one longer than the model's sliding window where any is.

    Returns:
        Whether examples come out packed as they do alone; where they do not, the model is left as it was.
    """
    before = model.config._attn_implementation
    implementation = before
    if before == "sdpa":
        AttentionInterface.register(ATTENTION_NAME, attend_within_spans)
        AttentionMaskInterface.register(ATTENTION_NAME, _no_mask)
        flash = model.device.type == "cuda" and model.dtype is torch.bfloat16 and is_flash_attn_2_available()
        implementation = "flash_attention_2" if flash else ATTENTION_NAME
    try:
        alone = torch.cat([_states(model, [sample]) for sample in samples], dim=1)
        for name in dict.fromkeys((implementation, before)):
            model.set_attn_implementation(name)
            if _alike(model, samples, alone):
                return True
    except (TypeError, ValueError):  # the model takes no positions
        pass
    model.set_attn_implementation(before)
    return False


def _alike(model: Any, samples: Sequence[Sequence[int]], alone: torch.Tensor) -> bool:
    try:
        together = _states(model, samples)
    except (NotImplementedError, RuntimeError):
        return False
    return bool((together - alone).abs().max() <= _TOLERANCE[model.dtype] * alone.abs().max())


def _states(model: Any, row: Sequence[Sequence[int]]) -> torch.Tensor:
    was_training = model.training
    model.train(getattr(model, "is_quantized", False))  # once evaluated, 4 bits on a CPU cannot be trained on
    try:
        with torch.no_grad():
            states: torch.Tensor = model.base_model(
                **packed_inputs(row, model.device), use_cache=False
            ).last_hidden_state
        return states.float()
    finally:
        model.train(was_training)


def packed_inputs(row: Sequence[Sequence[int]], device: torch.device | str = "cpu") -> dict[str, Any]:
    """Several sequences as the model's inputs: one row, positions that start again, and where each begins."""
    lengths = torch.tensor([0, *map(len, row)])
    bounds = lengths.cumsum(0).to(torch.int32).to(device)
    positions = torch.cat([torch.arange(len(ids)) for ids in row])
    longest = max(map(len, row))
    return {
        "input_ids": torch.tensor([[token for ids in row for token in ids]], device=device),
        "position_ids": positions[None].to(device),
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }
