"""Log-likelihoods of many requests: how likely the model finds tokens that are given to it.

A request asks for positions of a sequence: tokens of continuations, of spans of the conversation, or single tokens that
could come next. Logits are computed at these positions alone, and the beginning that all sequences share (a rubric) is
computed once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from humpback.engines.cache import CacheSlice, gather_rows, shared_prefix
from humpback.engines.loaded_model import LoadedModel
from humpback.engines.token_rows import RowRequest, TokenRow, to_likelihood, to_rows
from humpback.models.template import TooLong, common_prefix
from humpback.requests import Likelihood, LikelihoodRequest

_NORMALISED_CELLS = 8_000_000
"""Logits that are normalised at a time: the copy that the sum needs then stays in the processor's caches."""


def loglikelihoods(loaded: LoadedModel, requests: Sequence[LikelihoodRequest]) -> list[Likelihood]:
    """Answers the requests of one window."""
    row_requests: list[RowRequest | str] = []
    for request in requests:
        try:
            row_requests.append(to_rows(loaded.template, loaded.max_tokens, request))
        except TooLong as error:
            row_requests.append(str(error))
    rows = [row for item in row_requests if isinstance(item, RowRequest) for row in item.rows]
    values = iter(_values(loaded, rows))
    return [
        Likelihood(request.id, error=item) if isinstance(item, str) else to_likelihood(request.id, item, values)
        for request, item in zip(requests, row_requests, strict=True)
    ]


def _values(loaded: LoadedModel, rows: Sequence[TokenRow]) -> list[list[float]]:
    """For each row the log-probabilities at its positions, then those of its choices."""
    values: list[list[float]] = [[] for _ in rows]
    if not rows:
        return values
    # The token before the first one to read stays out of the prefix: its logits are needed.
    shared = min(len(common_prefix([row.ids for row in rows])), min(map(_first_position, rows)) - 1)
    prefix = shared_prefix(loaded, rows[0].ids[:shared]) if len(rows) > 1 else None
    skip = prefix.end if prefix else 0
    order = sorted((i for i, row in enumerate(rows) if row.positions or row.choices), key=lambda i: len(rows[i].ids))
    counts = [len(rows[index].positions) + bool(rows[index].choices) for index in order]
    for batch in loaded.batches(order, [len(rows[index].ids) for index in order], counts):
        batch_values = _batch_values(loaded, [rows[i] for i in batch], prefix, skip)
        for index, row_values in zip(batch, batch_values, strict=True):
            values[index] = row_values
    return values


def _first_position(row: TokenRow) -> int:
    return min((*row.positions, len(row.ids)))


@torch.inference_mode()
def _batch_values(
    loaded: LoadedModel, rows: list[TokenRow], prefix: CacheSlice | None, skip: int
) -> list[list[float]]:  # fmt: skip
    in_row = [(index, position) for index, row in enumerate(rows) for position in row.positions]
    behind_row = [(index, len(row.ids)) for index, row in enumerate(rows) if row.choices]
    # The logits that predict a token stand at the token before it.
    predicting = [(index, position - 1 - skip) for index, position in in_row + behind_row]
    logits = _logits(loaded, [row.ids[skip:] for row in rows], predicting, prefix, skip)
    size = max(1, _NORMALISED_CELLS // logits.shape[-1])
    # In float32 also where the model computes in bfloat16, whose 8 bits are too few for a sum over a vocabulary.
    normaliser = torch.cat([block.float().logsumexp(-1) for block in logits.split(size)])
    target_ids = [rows[index].ids[position] for index, position in in_row]
    targets = torch.tensor(target_ids, device=logits.device, dtype=torch.long)
    picked = logits[: len(in_row)].gather(1, targets[:, None])[:, 0].float() - normaliser[: len(in_row)]
    values: list[list[float]] = [[] for _ in rows]
    for (index, _), value in zip(in_row, picked.tolist(), strict=True):
        values[index].append(value)
    for line, (index, _) in enumerate(behind_row, len(in_row)):
        values[index] += (logits[line, list(rows[index].choices)].float() - normaliser[line]).tolist()
    return values


def _logits(
    loaded: LoadedModel,
    rows: list[tuple[int, ...]],
    positions: list[tuple[int, int]],
    prefix: CacheSlice | None,
    skip: int,
) -> torch.Tensor:
    """Logits at the given (row, token) positions, of shape (positions, vocabulary)."""
    ids, mask = loaded.padded_right(rows, skip)
    inputs: dict[str, object] = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
    if prefix is not None:
        inputs |= {"cache": gather_rows([prefix] * len(rows), ids.shape[1]), "use_cache": True}
    row_index, column = (torch.tensor(side, device=loaded.device) for side in zip(*positions, strict=True))
    return loaded.logits_at((row_index, column), **inputs)
