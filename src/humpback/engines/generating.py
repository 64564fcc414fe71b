"""Writing: the continuations of many conversations, drawn together and each from its own seed.

A loop of ours because `generate` has one random state for a whole batch: here each request draws from its own, a row
that has ended makes room for one that waits, and what all prompts begin with (a rubric) is computed once.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import Cache

from humpback.engines.cache import Piece, fresh_cache, gathered, shared_prefix, state_cache
from humpback.engines.loaded import MAX_ROWS, Loaded, positions_of
from humpback.engines.sampling import Row, draw
from humpback.models.template import TooLong, common_prefix
from humpback.records import Completion, Request

_CACHED = 4
"""How many times `batch_tokens` keys and values are kept of: they weigh a small part of what a token in flight does."""

_IDLE = 4
"""Rows that have ended are taken out, and others in, once they are one in so many."""


def write(loaded: Loaded, requests: Sequence[Request]) -> Iterator[Completion]:
    """Continues the conversations of one window; rows of similar length are under way together."""
    rows = []
    for request in requests:
        room = loaded.max_tokens - request.sampling.max_new_tokens
        try:
            ids = loaded.template.prompt(request.messages, request.answer_prefix, room)
        except TooLong as error:
            yield Completion(request.id, "", "error", 0, 0, 0.0, str(error))
            continue
        rows.append(Row(ids, request.id, request.sampling, random.Random(request.sampling.seed)))  # noqa: S311
    rows.sort(key=_longest)
    if state_cache(loaded.network.config) is None:
        yield from _flowing(loaded, deque(rows))
        return
    for batch in _batches(loaded, rows):
        yield from _fixed(loaded, batch)


def _longest(row: Row) -> int:
    return len(row.ids) + row.sampling.max_new_tokens


def _batches(loaded: Loaded, rows: list[Row]) -> Iterator[list[Row]]:
    return loaded.batches(rows, [_longest(row) for row in rows], [1] * len(rows))


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """Rows that are being written; they end together, at the last column of the mask and of the cache."""

    rows: list[Row]
    cache: Cache
    mask: torch.Tensor

    def places(self) -> list[tuple[Row, Piece]]:
        """Where in the cache each row is."""
        width = self.mask.shape[1]
        return [(row, Piece(self.cache, i, width - row.columns, width)) for i, row in enumerate(self.rows)
                if not row.finish]  # fmt: skip


@torch.inference_mode()
def _flowing(loaded: Loaded, waiting: deque[Row]) -> Iterator[Completion]:
    """Keeps the batch full: rows that have ended are replaced."""
    shared = common_prefix([row.ids[:-1] for row in waiting]) if len(waiting) > 1 else ()
    prefix = shared_prefix(loaded, shared)
    batch: _UnderWay | None = None
    while waiting or batch:
        places = batch.places() if batch else []
        joining = _admitted(loaded, [row for row, _ in places], waiting)
        for rows in _batches(loaded, joining):
            places += _begun(loaded, rows, prefix)
            yield from _ended(loaded, rows)
        if joining or (batch and len(places) <= len(batch.rows) * (1 - 1 / _IDLE)):
            batch = _together(loaded, [place for place in places if not place[0].finish])
        if batch:
            going = [row for row in batch.rows if not row.finish]
            batch = _stepped(loaded, batch)
            yield from _ended(loaded, going)


def _admitted(loaded: Loaded, going: list[Row], waiting: deque[Row]) -> list[Row]:
    """Takes from those that wait as many as there is room for, none where that is too few to be worth it."""
    joining: list[Row] = []
    longest = max(map(_longest, going), default=0)
    while waiting:
        rows, longest = len(going) + len(joining) + 1, max(longest, _longest(waiting[0]))
        if rows > 1 and (rows > MAX_ROWS or rows * longest > _CACHED * loaded.batch_tokens):
            break
        joining.append(waiting.popleft())
    if len(joining) * _IDLE < len(going):
        waiting.extendleft(reversed(joining))
        return []
    return joining


def _begun(loaded: Loaded, rows: list[Row], prefix: Piece | None) -> list[tuple[Row, Piece]]:
    """Reads the prompts and draws the first token of each.

    Rows are filled up on the right, where causal attention never looks.
    """
    skip = prefix.end if prefix else 0
    lengths = torch.tensor([len(row.ids) - skip for row in rows], device=loaded.device)
    width = int(lengths.max())
    cache = gathered([prefix] * len(rows), width) if prefix else fresh_cache()
    pad = loaded.template.pad_id
    ids = torch.tensor([[*row.ids[skip:], *[pad] * (skip + width - len(row.ids))] for row in rows],
                       device=loaded.device)  # fmt: skip
    mask = (torch.arange(skip + width, device=loaded.device)[None] < (skip + lengths)[:, None]).long()
    places = (torch.arange(len(rows), device=loaded.device), lengths - 1)
    logits = loaded.call_at(places, input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True)
    _take(loaded, rows, logits)
    return [(row, Piece(cache, index, 0, len(row.ids))) for index, row in enumerate(rows)]


def _together(loaded: Loaded, places: list[tuple[Row, Piece]]) -> _UnderWay | None:
    """Puts rows into one cache, with columns for what they all may still write."""
    if not places:
        return None
    rows = [row for row, _ in places]
    room = max(row.sampling.max_new_tokens - len(row.written) for row in rows)
    cache = gathered([piece for _, piece in places], room)
    width = max(row.columns for row in rows)
    begins = torch.tensor([width - row.columns for row in rows], device=loaded.device)
    return _UnderWay(rows, cache, (torch.arange(width, device=loaded.device)[None] >= begins[:, None]).long())


def _stepped(loaded: Loaded, batch: _UnderWay) -> _UnderWay:
    """Writes one more token in each row. Those that have ended are computed along until they are taken out."""
    ids = torch.tensor([[row.written[-1]] for row in batch.rows], device=loaded.device)
    mask = torch.cat([batch.mask, batch.mask.new_ones(len(batch.rows), 1)], dim=1)
    logits = loaded.call(
        input_ids=ids, attention_mask=mask, position_ids=mask.sum(1, keepdim=True) - 1, past_key_values=batch.cache,
        use_cache=True,
    )[:, -1]  # fmt: skip
    going = [index for index, row in enumerate(batch.rows) if not row.finish]
    _take(loaded, [batch.rows[index] for index in going], logits if len(going) == len(batch.rows) else logits[going])
    return _UnderWay(batch.rows, batch.cache, mask)


def _take(loaded: Loaded, rows: list[Row], logits: torch.Tensor) -> None:
    for row, token in zip(rows, draw(logits.float(), rows), strict=True):
        row.take(token, loaded.template.stop_ids)


def _ended(loaded: Loaded, rows: Iterable[Row]) -> Iterator[Completion]:
    return (row.completion(loaded.template) for row in rows if row.finish)


@torch.inference_mode()
def _fixed(loaded: Loaded, rows: list[Row]) -> Iterator[Completion]:
    """For models whose memory is a state that cannot be rearranged: one batch after the other, which shrinks."""
    ids, mask = loaded.padded([row.ids for row in rows])
    cache = state_cache(loaded.network.config)
    positions = positions_of(mask)
    while rows:
        logits = loaded.call(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache,
            logits_to_keep=1, use_cache=True,
        )[:, -1]  # fmt: skip
        _take(loaded, rows, logits)
        yield from _ended(loaded, rows)
        going = [index for index, row in enumerate(rows) if not row.finish]
        if going and cache and len(going) < len(rows):
            cache.reorder_cache(torch.tensor(going, device=loaded.device))
        rows, mask, positions = [rows[i] for i in going], mask[going], positions[going]
        ids = torch.tensor([[row.written[-1]] for row in rows], device=loaded.device)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1
