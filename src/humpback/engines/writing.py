"""Writing: the continuations of many conversations, drawn together and each from its own seed.

A loop of ours because `generate` has one random state for a whole batch: here each request draws from its own, and a
row leaves the batch as soon as it ends.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import torch
from transformers import DynamicCache

from humpback.engines.loaded import Loaded, positions_of
from humpback.engines.sampling import Row, draw
from humpback.records import Completion, Request
from humpback.template import TooLong


def write(loaded: Loaded, requests: Sequence[Request]) -> Iterator[Completion]:
    """Continues the conversations of one window; rows of similar length share a batch."""
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
    for batch in loaded.batches(rows, [_longest(row) for row in rows], [1] * len(rows)):
        yield from _decode(loaded, batch)


def _longest(row: Row) -> int:
    return len(row.ids) + row.sampling.max_new_tokens


@torch.inference_mode()
def _decode(loaded: Loaded, rows: list[Row]) -> Iterator[Completion]:
    ids, mask = loaded.padded([row.ids for row in rows])
    cache = DynamicCache(config=loaded.network.config)
    positions = positions_of(mask)
    stop = set(loaded.template.stop_ids)
    while rows:
        logits = loaded.call(
            input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache,
            logits_to_keep=1, use_cache=True,
        )[:, -1].float()  # fmt: skip
        tokens = draw(logits, rows)
        going = []
        for index, (row, token) in enumerate(zip(rows, tokens, strict=True)):
            row.written.append(token)
            if token in stop:
                yield row.completion(loaded.template, "stop")
            elif len(row.written) == row.sampling.max_new_tokens:
                yield row.completion(loaded.template, "length")
            else:
                going.append(index)
        if len(going) < len(rows):
            kept = torch.tensor(going, device=loaded.device, dtype=torch.long)
            if going:
                cache.batch_select_indices(kept)
            rows, mask, positions = [rows[i] for i in going], mask[kept], positions[kept]
        ids = torch.tensor([[row.written[-1]] for row in rows], device=loaded.device)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        positions = positions[:, -1:] + 1
