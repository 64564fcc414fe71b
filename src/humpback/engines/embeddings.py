"""What a model makes of many texts: the mean of the hidden states behind its middle layer.

The middle is where a text's kind and subject are; the last layers turn to the next token. The forward pass ends there,
so the upper half and the head cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from humpback.engines.loaded_model import LoadedModel
from humpback.errors import UnsupportedError
from humpback.requests import Embedding, EmbeddingRequest


@dataclass(frozen=True, slots=True)
class _PlainRow:
    """One text as tokens."""

    request_id: str
    ids: tuple[int, ...]
    start: int
    """First token that counts: a begin-of-text token before it does not."""


def embeddings(loaded: LoadedModel, requests: Sequence[EmbeddingRequest]) -> list[Embedding]:
    """Answers the requests of one window."""
    answers = [Embedding(request.id, error="the text is empty") for request in requests if not request.text]
    rows = [_row(loaded, request) for request in requests if request.text]
    rows.sort(key=lambda row: len(row.ids))
    layer = middle_layer(loaded.network)
    for batch in loaded.batches(rows, [len(row.ids) for row in rows], [0] * len(rows)):
        answers += _embed_batch(loaded, layer, batch)
    return answers


def middle_layer(network: Any) -> torch.nn.Module:
    """The last layer of the lower half.

    Raises:
        UnsupportedError: The model does not keep its layers in one list.
    """
    count = int(network.config.get_text_config().num_hidden_layers)
    for module in network.get_decoder().modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count:
            return module[max(1, count // 2) - 1]
    raise UnsupportedError("the layers of this model are not found", "set corpus.choose.by to words")


def _row(loaded: LoadedModel, request: EmbeddingRequest) -> _PlainRow:
    begin, text = loaded.template.plain_text(request.text, min(request.max_tokens, loaded.max_tokens - 1))
    return _PlainRow(request.id, (*begin, *text), len(begin))


@torch.inference_mode()
def _embed_batch(loaded: LoadedModel, layer: torch.nn.Module, rows: Sequence[_PlainRow]) -> list[Embedding]:
    ids, mask = loaded.padded_right([row.ids for row in rows])
    states = loaded.hidden_states(layer, input_ids=ids, attention_mask=mask, use_cache=False)
    if states.ndim != 3:  # such as several streams side by side
        raise UnsupportedError(
            "the hidden states of this model are not one vector a token", "set corpus.choose.by to words"
        )
    counted = mask.bool()
    for index, row in enumerate(rows):
        counted[index, : row.start] = False
    # In float32 also where the model computes in bfloat16. Padding is left out and not multiplied by 0: it may be NaN.
    sums = states.float().masked_fill(~counted[..., None], 0.0).sum(dim=1)
    means = (sums / counted.sum(dim=1, keepdim=True)).tolist()
    return [
        Embedding(row.request_id, tuple(mean), len(row.ids) - row.start) for row, mean in zip(rows, means, strict=True)
    ]
