"""Nucleus sampling, each row of a batch from its own random state, so that no row depends on its neighbours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from humpback.models.template import Template
from humpback.records import Completion, FinishReason, Sampling

_NUCLEUS_GUESS = 64
"""Tokens looked at before the whole vocabulary is sorted: nearly every nucleus lies within."""


@dataclass(slots=True)
class Row:
    """One request on its way through a batch, with a random state of its own."""

    ids: tuple[int, ...]
    id: str
    sampling: Sampling
    random: random.Random
    written: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    finish: FinishReason | None = None

    @property
    def columns(self) -> int:
        """Tokens that keys and values are kept of: all but the last one written, which is still to be read."""
        return len(self.ids) + len(self.written) - 1

    def take(self, token: int, stop: Sequence[int]) -> None:
        """Writes a token, which may be the last."""
        self.written.append(token)
        if token in stop:
            self.finish = "stop"
        elif len(self.written) == self.sampling.max_new_tokens:
            self.finish = "length"

    def completion(self, template: Template) -> Completion:
        """What has been written, as the answer."""
        text = template.decode(self.written)
        finish = self.finish or "length"
        return Completion(self.id, text, finish, len(self.ids), len(self.written), self.log_probability)


def draw(logits: torch.Tensor, rows: Sequence[Row]) -> list[int]:
    """One token for each row by nucleus sampling, and its log-probability before temperature and nucleus."""
    top, order = logits.topk(min(_NUCLEUS_GUESS, logits.shape[-1]))
    normaliser = logits.logsumexp(-1)
    warmth = torch.tensor([row.sampling.temperature or 1.0 for row in rows], device=logits.device)
    tempered = (logits / warmth[:, None]).logsumexp(-1)
    masses = (top / warmth[:, None] - tempered[:, None]).exp().cumsum(-1).tolist()
    ranked, top_logits, normalisers = order.tolist(), top.tolist(), normaliser.tolist()
    tokens = []
    for index, row in enumerate(rows):
        if row.sampling.temperature == 0:
            token, logit = ranked[index][0], top_logits[index][0]
        else:
            mass, ids, values = masses[index], ranked[index], top_logits[index]
            if mass[-1] < row.sampling.top_p and len(ids) < logits.shape[-1]:
                mass, ids, values = _whole(logits[index], float(warmth[index]))
            rank = _pick(mass, row.sampling.top_p, row.random.random())
            token, logit = ids[rank], values[rank]
        row.log_probability += logit - normalisers[index]
        tokens.append(token)
    return tokens


def _whole(logits: torch.Tensor, temperature: float) -> tuple[list[float], list[int], list[float]]:
    values, ids = logits.sort(descending=True)
    return (values / temperature).softmax(-1).cumsum(-1).tolist(), ids.tolist(), values.tolist()


def _pick(masses: Sequence[float], top_p: float, chance: float) -> int:
    """The rank drawn from the smallest set of likeliest tokens whose mass reaches `top_p`."""
    size = next((rank + 1 for rank, mass in enumerate(masses) if mass >= top_p), len(masses))
    aim = chance * masses[size - 1]
    return next(rank for rank in range(size) if masses[rank] >= aim)
