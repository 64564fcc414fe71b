"""The cache of keys and values for rows that are generated together: it grows in place, and rows join and leave.

All rows end at the last column. The mask hides the columns on the left that a shorter row does not fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from humpback.engines.loaded_model import LoadedModel

_MIN_SHARED_TOKENS = 16
"""Sequences share a prefix only if it has at least so many tokens; below that a pass of its own does not pay."""

_SPARE_COLUMNS = 64
"""Columns that a cache grows by at a time, so that it is not copied for each token."""


class PreallocatedLayer(DynamicLayer):
    """One layer's keys and values in tensors with spare columns, so that a step copies only its own column.

    All columns stay, also behind a sliding window, which is left to the mask.
    """

    def __init__(self, stored: tuple[torch.Tensor, torch.Tensor] | None = None, length: int = 0) -> None:
        super().__init__()
        self._stored = stored
        if stored is not None:
            self.dtype, self.device, self.is_initialized = stored[0].dtype, stored[0].device, True
            self._expose(length)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes the new columns behind the others and returns all."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if self._stored is None or self._stored[0].shape[-2] < end:
            self._stored = _enlarged(self.keys, key_states, end), _enlarged(self.values, value_states, end)
        for stored, new in zip(self._stored, (key_states, value_states), strict=True):
            stored[:, :, start:end] = new
        self._expose(end)
        return self.keys, self.values

    def _expose(self, length: int) -> None:
        assert self._stored is not None
        self.keys, self.values = (stored[:, :, :length] for stored in self._stored)


def _enlarged(old: torch.Tensor, new: torch.Tensor, columns: int) -> torch.Tensor:
    enlarged = new.new_zeros(*new.shape[:2], columns + _SPARE_COLUMNS, new.shape[-1])
    if old.numel():
        enlarged[:, :, : old.shape[-2]] = old
    return enlarged


@dataclass(frozen=True, slots=True)
class CacheSlice:
    """The columns of one row of a cache, from the first to one of them."""

    cache: Cache
    row: int
    start: int
    end: int


def fresh_cache() -> Cache:
    """An empty cache whose rows can be rearranged."""
    return Cache(layer_class_to_replicate=PreallocatedLayer)


def state_cache(config: Any) -> Cache | None:
    """The library's cache for a model that keeps states, whose rows cannot be rearranged; else None."""
    standard = DynamicCache(config=config)
    return (
        None if all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in standard.layers) else standard
    )


def gather_rows(slices: Sequence[CacheSlice], spare: int = _SPARE_COLUMNS) -> Cache:
    """A new cache with one row for each part, all ending at the last column, and spare columns behind."""
    width = max(part.end - part.start for part in slices)
    return Cache(layers=[_gather_layer(slices, index, width, spare) for index in range(len(slices[0].cache.layers))])


def _gather_layer(slices: Sequence[CacheSlice], index: int, width: int, spare: int) -> PreallocatedLayer:
    first = slices[0].cache.layers[index]
    if not first.is_initialized:  # a layer that uses the keys of another one
        return PreallocatedLayer()
    stored = []
    for name in ("keys", "values"):
        like = getattr(first, name)
        # Zeros, because hidden columns are multiplied by 0, and uninitialised memory may hold infinity: 0 * inf is NaN.
        target = like.new_zeros(len(slices), like.shape[1], width + spare, like.shape[-1])
        for row, part in enumerate(slices):
            source = getattr(part.cache.layers[index], name)
            target[row, :, width - (part.end - part.start) : width] = source[part.row, :, part.start : part.end]
        stored.append(target)
    return PreallocatedLayer((stored[0], stored[1]), width)


@torch.inference_mode()
def shared_prefix(loaded: LoadedModel, ids: Sequence[int]) -> CacheSlice | None:
    """Keys and values of tokens that many sequences begin with; None where that does not pay or cannot be."""
    if len(ids) < _MIN_SHARED_TOKENS or state_cache(loaded.network.config) is not None:
        return None
    cache = fresh_cache()
    tokens = torch.tensor([ids], device=loaded.device)
    loaded.logits(input_ids=tokens, cache=cache, use_cache=True, logits_to_keep=1)
    return CacheSlice(cache, 0, 0, len(ids))
