"""Reading without writing: how likely a model finds what stands there, of many requests at a time.

A request asks for places of a sequence: tokens of continuations, of parts of the conversation, or single tokens that
could come next. Logits are built for these places alone, and what all sequences begin with (a rubric) is computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from humpback.engines.asked import Asked, Row, answer, asked
from humpback.engines.cache import Piece, gathered, shared_prefix
from humpback.engines.loaded import Loaded
from humpback.models.template import TooLong, common_prefix
from humpback.records import Likelihood, LikelihoodRequest

_NORMALISED_CELLS = 8_000_000
"""Logits that are normalised at a time: what the sum needs besides stays in the caches of a processor."""


def read(loaded: Loaded, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
    """Answers the requests of one window."""
    found: list[Asked | str] = []
    for request in requests:
        try:
            found.append(asked(loaded.template, loaded.max_tokens, request))
        except TooLong as error:
            found.append(str(error))
    values = iter(_values(loaded, [row for one in found if isinstance(one, Asked) for row in one.rows]))
    return [
        Likelihood(request.id, error=one) if isinstance(one, str) else answer(request.id, one, values)
        for request, one in zip(requests, found, strict=True)
    ]


def _values(loaded: Loaded, rows: Sequence[Row]) -> list[list[float]]:
    """For each row the log-probabilities at its places, then those of its choices."""
    values: list[list[float]] = [[] for _ in rows]
    if not rows:
        return values
    shared = min(len(common_prefix([row.ids for row in rows])), min(_first_read(row) for row in rows) - 1)
    prefix = shared_prefix(loaded, rows[0].ids[:shared]) if len(rows) > 1 else None
    skip = prefix.end if prefix else 0
    order = sorted((i for i, row in enumerate(rows) if row.places or row.choices), key=lambda i: len(rows[i].ids))
    counts = [len(rows[index].places) + bool(rows[index].choices) for index in order]
    for batch in loaded.batches(order, [len(rows[index].ids) for index in order], counts):
        for index, found in zip(batch, _read_batch(loaded, [rows[i] for i in batch], prefix, skip), strict=True):
            values[index] = found
    return values


def _first_read(row: Row) -> int:
    return min((*row.places, len(row.ids)))


@torch.inference_mode()
def _read_batch(loaded: Loaded, rows: list[Row], prefix: Piece | None, skip: int) -> list[list[float]]:
    there = [(index, place) for index, row in enumerate(rows) for place in row.places]
    chosen = [(index, len(row.ids)) for index, row in enumerate(rows) if row.choices]
    logits = _logits(loaded, [row.ids[skip:] for row in rows], [(i, place - 1 - skip) for i, place in there + chosen],
                     prefix, skip)  # fmt: skip
    size = max(1, _NORMALISED_CELLS // logits.shape[-1])
    normaliser = torch.cat([span.float().logsumexp(-1) for span in logits.split(size)])
    targets = torch.tensor([rows[index].ids[place] for index, place in there], device=logits.device, dtype=torch.long)
    picked = logits[: len(there)].gather(1, targets[:, None])[:, 0].float() - normaliser[: len(there)]
    values: list[list[float]] = [[] for _ in rows]
    for (index, _), value in zip(there, picked.tolist(), strict=True):
        values[index].append(value)
    for at, (index, _) in enumerate(chosen, len(there)):
        values[index] += (logits[at, list(rows[index].choices)].float() - normaliser[at]).tolist()
    return values


def _logits(
    loaded: Loaded, rows: list[tuple[int, ...]], places: list[tuple[int, int]], prefix: Piece | None, skip: int
) -> torch.Tensor:  # fmt: skip
    """Logits behind the given (row, token) places, of shape (places, vocabulary).

    Rows are filled up on the right, where causal attention never looks: positions and windows stay what they are
    without a batch.
    """
    lengths = torch.tensor([len(row) for row in rows], device=loaded.device)
    width = int(lengths.max())
    pad = loaded.template.pad_id
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=loaded.device)
    mask = (torch.arange(skip + width, device=loaded.device)[None] < (skip + lengths)[:, None]).long()
    inputs: dict[str, object] = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
    if prefix is not None:
        inputs |= {"past_key_values": gathered([prefix] * len(rows), width), "use_cache": True}
    at, columns = (torch.tensor(side, device=loaded.device) for side in zip(*places, strict=True))
    return loaded.call_at((at, columns), **inputs)
