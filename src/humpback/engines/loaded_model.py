"""A causal language model in memory, with what the computation of its logits needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache as cached
from inspect import signature
from typing import Any, TypeVar, cast

import torch

from humpback.errors import EngineError
from humpback.models.template import Template

_LOGIT_CELLS = 250_000_000
"""Most values of logits in one batch: 1 GB in float32, so that a vocabulary of 262,144 does not decide the memory."""

MAX_ROWS = 64
"""Most rows in one batch."""

_SATURATED_CPU, _SATURATED_GPU = 512, 4096
"""Tokens from which a larger batch computes no faster: from there a row that adds much padding waits."""

_PADDING = 16
"""In a batch of that size padding may be one token in so many."""

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to be called, its tokenizer's template, and the bounds of a batch."""

    network: Any
    template: Template
    device: torch.device
    max_tokens: int
    """Longest sequence, prompt and answer together."""
    batch_tokens: int
    """Tokens, padding included, in one batch."""
    vocabulary: int

    def logits(self, **inputs: object) -> torch.Tensor:
        """The logits of one forward pass.

        Raises:
            EngineError: The memory does not suffice.
        """
        return cast(torch.Tensor, self._forward(**inputs).logits)

    def logits_at(self, positions: tuple[torch.Tensor, torch.Tensor], **inputs: object) -> torch.Tensor:
        """The logits at the given (row, token) positions alone, of shape (positions, vocabulary)."""

        def keep(module: object, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
            return (args[0][positions][None],)

        # A hook before the head keeps these positions. Architectures differ in what follows the head (scales, caps):
        # the model still does it itself.
        hook = self.network.get_output_embeddings().register_forward_pre_hook(keep)
        try:
            return self.logits(**inputs)[0]
        finally:
            hook.remove()

    def hidden_states(self, layer: torch.nn.Module, **inputs: object) -> torch.Tensor:
        """What a layer gives on, of shape (rows, tokens, dimensions). No layer behind it is computed."""

        def stop(module: object, args: object, output: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
            raise _LayerReached(output if isinstance(output, torch.Tensor) else output[0])

        hook = layer.register_forward_hook(stop)
        try:
            self._forward(**inputs)
        except _LayerReached as reached:
            return reached.states
        finally:
            hook.remove()
        raise RuntimeError("the model does not call its middle layer")

    def _forward(self, cache: object = None, **inputs: object) -> Any:
        if cache is not None:
            inputs[_cache_parameter(type(self.network).forward)] = cache
        try:
            return self.network(**inputs)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise EngineError(f"out of memory ({error})", "lower model.batch_tokens or model.max_tokens") from None

    def padded(self, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and attention mask of rows that end together, of shape (rows, longest)."""
        width = max(map(len, rows))
        pad = self.template.pad_id
        ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=self.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=self.device)
        return ids, mask

    def padded_right(self, rows: Sequence[Sequence[int]], before: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and attention mask of rows that begin together, where causal attention never looks at the padding.

        So token positions and sliding windows stay what they are without a batch.

        Args:
            rows: Token ids of each row.
            before: Tokens that are in the cache before each row; the mask holds them too.
        """
        width = max(map(len, rows))
        pad = self.template.pad_id
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=self.device)
        ends = torch.tensor([before + len(row) for row in rows], device=self.device)
        mask = torch.arange(before + width, device=self.device)[None] < ends[:, None]
        return ids, mask.long()

    def batches(self, items: list[_Item], lengths: list[int], logits: list[int]) -> Iterator[list[_Item]]:
        """Cuts items into batches whose padded tokens, logits and rows stay within bounds."""
        saturated = _SATURATED_CPU if self.device.type == "cpu" else _SATURATED_GPU
        start = longest = positions = real = 0
        for end, length in enumerate(lengths):
            rows = end - start + 1
            longest, positions = max(longest, length), max(positions, logits[end])
            full = rows * longest > self.batch_tokens or rows * positions * self.vocabulary > _LOGIT_CELLS
            wasteful = real >= saturated and rows * longest - real - length > real / _PADDING
            if rows > 1 and (full or wasteful or rows > MAX_ROWS):
                yield items[start:end]
                start, longest, positions, real = end, length, logits[end], 0
            real += length
        if items[start:]:
            yield items[start:]


@cached
def _cache_parameter(forward: Callable[..., object]) -> str:
    """What a model calls its cache: transformers renamed it in 5.24, and takes the old name until 5.40."""
    return "cache" if "cache" in signature(forward).parameters else "past_key_values"


class _LayerReached(Exception):
    """No error: it ends a forward pass, and carries out of it what a layer gives on."""

    def __init__(self, states: torch.Tensor) -> None:
        super().__init__()
        self.states = states


def positions_of(mask: torch.Tensor) -> torch.Tensor:
    """Where each token stands in its own row: padding on the left does not count."""
    return (mask.cumsum(-1) - 1).clamp(min=0)
