"""Keys and values of rows that are written together: they grow in place, and rows come and go.

Rows end together, at the last column. What a row has not filled, on the left, is for the mask to hide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from humpback.engines.loaded import Loaded

_WORTH_SHARING = 16
"""Tokens that sequences must have in common before they are computed once for all."""

_ROOM = 64
"""Columns that are set aside whenever a cache grows."""


class RoomyLayer(DynamicLayer):
    """One layer's keys and values in tensors with room to spare, so that a step copies nothing but its own.

    A window is kept by the mask alone: all columns stay.
    """

    def __init__(self, stored: tuple[torch.Tensor, torch.Tensor] | None = None, length: int = 0) -> None:
        super().__init__()
        self._stored = stored
        if stored is not None:
            self.dtype, self.device, self.is_initialized = stored[0].dtype, stored[0].device, True
            self._show(length)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes the new columns behind the others and returns all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if self._stored is None or self._stored[0].shape[-2] < end:
            self._stored = _grown(self.keys, key_states, end), _grown(self.values, value_states, end)
        for stored, new in zip(self._stored, (key_states, value_states), strict=True):
            stored[:, :, start:end] = new
        self._show(end)
        return self.keys, self.values

    def _show(self, length: int) -> None:
        assert self._stored is not None
        self.keys, self.values = (stored[:, :, :length] for stored in self._stored)


def _grown(old: torch.Tensor, new: torch.Tensor, columns: int) -> torch.Tensor:
    grown = new.new_zeros(*new.shape[:2], columns + _ROOM, new.shape[-1])
    if old.numel():
        grown[:, :, : old.shape[-2]] = old
    return grown


@dataclass(frozen=True, slots=True)
class Piece:
    """The columns of one row of a cache, from the first to one of them."""

    cache: Cache
    row: int
    start: int
    end: int


def fresh_cache() -> Cache:
    """An empty cache whose rows can be rearranged."""
    return Cache(layer_class_to_replicate=RoomyLayer)


def state_cache(config: Any) -> Cache | None:
    """The model's own cache where it holds states that cannot be rearranged; None for a model of attention alone."""
    own = DynamicCache(config=config)
    return None if all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in own.layers) else own


def gathered(pieces: Sequence[Piece], room: int = _ROOM) -> Cache:
    """A new cache with one row for each piece, all ending at the last column, and room for more columns."""
    width = max(piece.end - piece.start for piece in pieces)
    return Cache(layers=[_gathered_layer(pieces, index, width, room) for index in range(len(pieces[0].cache.layers))])


def _gathered_layer(pieces: Sequence[Piece], index: int, width: int, room: int) -> RoomyLayer:
    first = pieces[0].cache.layers[index]
    if not first.is_initialized:  # a layer that uses the keys of another one
        return RoomyLayer()
    stored = []
    for name in ("keys", "values"):
        like = getattr(first, name)
        # Zeros, not whatever is there: what is hidden is multiplied by nothing, and nothing times infinity is not.
        target = like.new_zeros(len(pieces), like.shape[1], width + room, like.shape[-1])
        for row, piece in enumerate(pieces):
            source = getattr(piece.cache.layers[index], name)
            target[row, :, width - (piece.end - piece.start) : width] = source[piece.row, :, piece.start : piece.end]
        stored.append(target)
    return RoomyLayer((stored[0], stored[1]), width)


@torch.inference_mode()
def shared_prefix(loaded: Loaded, ids: Sequence[int]) -> Piece | None:
    """Keys and values of tokens that many sequences begin with; None where that does not pay or cannot be."""
    if len(ids) < _WORTH_SHARING or state_cache(loaded.network.config) is not None:
        return None
    cache = fresh_cache()
    tokens = torch.tensor([ids], device=loaded.device)
    loaded.call(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return Piece(cache, 0, 0, len(ids))
