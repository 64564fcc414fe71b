"""Continues many conversations in one batch, each with its own random state.

A loop of ours because the library's `generate` has one random state for a whole batch. Here each request draws from its
own, a request that waits takes the place of one that has ended, and the beginning that all prompts share (a rubric) is
computed once.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import Cache

from humpback.engines.cache import CacheSlice, fresh_cache, gather_rows, shared_prefix, state_cache
from humpback.engines.loaded_model import MAX_ROWS, LoadedModel, positions_of
from humpback.engines.sampling import Generation, draw
from humpback.models.template import TooLong, common_prefix
from humpback.requests import Completion, Request

_CACHE_FACTOR = 4
"""Keys and values are kept of so many times `batch_tokens`: they take little memory beside what a pass takes."""

_REPACK_SHARE = 4
"""Rows that have ended leave, and others join, once they are one row in so many: each time the cache is copied."""


def generate(
    loaded: LoadedModel, requests: Sequence[Request], on_tokens: Callable[[Sequence[int]], None] | None = None
) -> Iterator[Completion]:
    """Continues the conversations of one window; rows of similar length run together.

    Args:
        loaded: The model.
        requests: What is asked of it.
        on_tokens: Where a single request is asked, is given all its tokens each time there is one more.
    """
    rows = []
    for request in requests:
        prompt_tokens = loaded.max_tokens - request.sampling.max_new_tokens
        try:
            ids = loaded.template.prompt(request.messages, request.answer_prefix, prompt_tokens)
        except TooLong as error:
            yield Completion(request.id, "", "error", 0, 0, 0.0, str(error))
            continue
        rng = random.Random(request.sampling.seed)  # noqa: S311
        rows.append(Generation(ids, request.id, request.sampling, rng, on_tokens=on_tokens))
    rows.sort(key=_final_length)  # neighbours in a batch then end at about the same time
    if state_cache(loaded.network.config) is None:
        yield from _generate_continuously(loaded, deque(rows))
        return
    for batch in _batches(loaded, rows):
        yield from _generate_fixed(loaded, batch)


def _final_length(row: Generation) -> int:
    return len(row.prompt_ids) + row.sampling.max_new_tokens


def _batches(loaded: LoadedModel, rows: list[Generation]) -> Iterator[list[Generation]]:
    return loaded.batches(rows, [_final_length(row) for row in rows], [1] * len(rows))


@dataclass(frozen=True, slots=True)
class _RunningBatch:
    """Rows that are being generated; all end at the last column of the mask and of the cache."""

    rows: list[Generation]
    cache: Cache
    mask: torch.Tensor

    def slices(self) -> list[tuple[Generation, CacheSlice]]:
        """The unfinished rows, each with its slice of the cache."""
        width = self.mask.shape[1]
        return [
            (row, CacheSlice(self.cache, index, width - row.columns, width))
            for index, row in enumerate(self.rows)
            if not row.finish
        ]


@torch.inference_mode()
def _generate_continuously(loaded: LoadedModel, waiting: deque[Generation]) -> Iterator[Completion]:
    """Keeps the batch full: rows that wait take the place of rows that have ended."""
    shared = common_prefix([row.prompt_ids[:-1] for row in waiting]) if len(waiting) > 1 else ()
    prefix = shared_prefix(loaded, shared)
    batch: _RunningBatch | None = None
    while waiting or batch:
        active = batch.slices() if batch else []
        joining = _admit(loaded, [row for row, _ in active], waiting)
        for rows in _batches(loaded, joining):
            active += _prefill(loaded, rows, prefix)
            yield from _completions(loaded, rows)
        if joining or (batch and len(active) <= len(batch.rows) * (1 - 1 / _REPACK_SHARE)):
            batch = _join(loaded, [(row, part) for row, part in active if not row.finish])
        if batch:
            running = [row for row in batch.rows if not row.finish]
            batch = _step(loaded, batch)
            yield from _completions(loaded, running)


def _admit(loaded: LoadedModel, running: list[Generation], waiting: deque[Generation]) -> list[Generation]:
    """Takes as many waiting rows as fit, or none where they are too few to be worth a copy of the cache."""
    joining: list[Generation] = []
    longest = max(map(_final_length, running), default=0)
    while waiting:
        rows, longest = len(running) + len(joining) + 1, max(longest, _final_length(waiting[0]))
        if rows > 1 and (rows > MAX_ROWS or rows * longest > _CACHE_FACTOR * loaded.batch_tokens):
            break
        joining.append(waiting.popleft())
    if len(joining) * _REPACK_SHARE < len(running):
        waiting.extendleft(reversed(joining))
        return []
    return joining


def _prefill(
    loaded: LoadedModel, rows: list[Generation], prefix: CacheSlice | None
) -> list[tuple[Generation, CacheSlice]]:
    """Computes the prompts and draws the first token of each.

    Rows are padded on the right, where causal attention never looks.
    """
    skip = prefix.end if prefix else 0
    lengths = torch.tensor([len(row.prompt_ids) - skip for row in rows], device=loaded.device)
    width = int(lengths.max())
    cache = gather_rows([prefix] * len(rows), width) if prefix else fresh_cache()
    pad = loaded.template.pad_id
    ids = torch.tensor([[*row.prompt_ids[skip:], *[pad] * (skip + width - len(row.prompt_ids))] for row in rows],
                       device=loaded.device)  # fmt: skip
    mask = (torch.arange(skip + width, device=loaded.device)[None] < (skip + lengths)[:, None]).long()
    last = (torch.arange(len(rows), device=loaded.device), lengths - 1)
    logits = loaded.logits_at(last, input_ids=ids, attention_mask=mask, cache=cache, use_cache=True)
    _sample(loaded, rows, logits)
    return [(row, CacheSlice(cache, index, 0, len(row.prompt_ids))) for index, row in enumerate(rows)]


def _join(loaded: LoadedModel, active: list[tuple[Generation, CacheSlice]]) -> _RunningBatch | None:
    """Puts rows into one cache, with spare columns for the tokens that they may still get."""
    if not active:
        return None
    rows = [row for row, _ in active]
    spare = max(row.sampling.max_new_tokens - len(row.tokens) for row in rows)
    cache = gather_rows([part for _, part in active], spare)
    width = max(row.columns for row in rows)
    begins = torch.tensor([width - row.columns for row in rows], device=loaded.device)
    return _RunningBatch(rows, cache, (torch.arange(width, device=loaded.device)[None] >= begins[:, None]).long())


def _step(loaded: LoadedModel, batch: _RunningBatch) -> _RunningBatch:
    """Draws one more token in each row. Rows that have ended are still computed, until they leave the batch."""
    ids = torch.tensor([[row.tokens[-1]] for row in batch.rows], device=loaded.device)
    mask = torch.cat([batch.mask, batch.mask.new_ones(len(batch.rows), 1)], dim=1)
    logits = loaded.logits(
        input_ids=ids, attention_mask=mask, position_ids=mask.sum(1, keepdim=True) - 1, cache=batch.cache,
        use_cache=True,
    )[:, -1]  # fmt: skip
    running = [index for index, row in enumerate(batch.rows) if not row.finish]
    # Without this test the logits of a vocabulary are copied at each step, mostly to leave nothing out.
    logits = logits if len(running) == len(batch.rows) else logits[running]
    _sample(loaded, [batch.rows[index] for index in running], logits)
    return _RunningBatch(batch.rows, batch.cache, mask)


def _sample(loaded: LoadedModel, rows: list[Generation], logits: torch.Tensor) -> None:
    for row, token in zip(rows, draw(logits.float(), rows), strict=True):
        row.append(token, loaded.template)


def _completions(loaded: LoadedModel, rows: Iterable[Generation]) -> Iterator[Completion]:
    return (row.completion(loaded.template) for row in rows if row.finish)


@torch.inference_mode()
def _generate_fixed(loaded: LoadedModel, rows: list[Generation]) -> Iterator[Completion]:
    """For models that keep states, where no other row can join: batch after batch, each shrinking to its end."""
    ids, mask = loaded.padded([row.prompt_ids for row in rows])
    cache = state_cache(loaded.network.config)
    positions = positions_of(mask)
    while rows:
        logits = loaded.logits(
            input_ids=ids, attention_mask=mask, position_ids=positions, cache=cache,
            logits_to_keep=1, use_cache=True,
        )[:, -1]  # fmt: skip
        _sample(loaded, rows, logits)
        yield from _completions(loaded, rows)
        running = [index for index, row in enumerate(rows) if not row.finish]
        if running and cache and len(running) < len(rows):
            cache.reorder_cache(torch.tensor(running, device=loaded.device))
        rows, mask, positions = [rows[i] for i in running], mask[running], positions[running]
        ids = torch.tensor([[row.tokens[-1]] for row in rows], device=loaded.device)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1
