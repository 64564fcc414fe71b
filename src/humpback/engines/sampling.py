"""Nucleus sampling, each row of a batch from its own random state, so that no row depends on its neighbours."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from humpback.models.template import Template
from humpback.records import FinishReason
from humpback.requests import Completion, Sampling

_NUCLEUS_GUESS = 64
"""Likeliest tokens in which the nucleus is looked for first, so that the whole vocabulary is rarely sorted."""


@dataclass(slots=True)
class Generation:
    """One request that is being generated, with a random state of its own."""

    prompt_ids: tuple[int, ...]
    request_id: str
    sampling: Sampling
    rng: random.Random
    tokens: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    finish: FinishReason | None = None
    on_tokens: Callable[[Sequence[int]], None] | None = None
    """Is given all tokens so far, each time there is one more."""

    @property
    def columns(self) -> int:
        """Tokens that keys and values are kept of: all but the last new one, which the next step reads."""
        return len(self.prompt_ids) + len(self.tokens) - 1

    def append(self, token: int, template: Template) -> None:
        """Adds a new token, which may be the last."""
        self.tokens.append(token)
        if template.ends(self.tokens):
            self.finish = "stop"
        elif len(self.tokens) == self.sampling.max_new_tokens:
            self.finish = "length"
        if self.on_tokens:
            self.on_tokens(self.tokens)

    def completion(self, template: Template) -> Completion:
        """The answer to the request."""
        text = template.decode(self.tokens)
        finish = self.finish or "length"
        return Completion(self.request_id, text, finish, len(self.prompt_ids), len(self.tokens), self.log_probability)


def draw(logits: torch.Tensor, rows: Sequence[Generation]) -> list[int]:
    """One token for each row by nucleus sampling, and its log-probability before temperature and nucleus."""
    top, order = logits.topk(min(_NUCLEUS_GUESS, logits.shape[-1]))
    normaliser = logits.logsumexp(-1)
    temperatures = torch.tensor([row.sampling.temperature or 1.0 for row in rows], device=logits.device)
    tempered = (logits / temperatures[:, None]).logsumexp(-1)
    masses = (top / temperatures[:, None] - tempered[:, None]).exp().cumsum(-1).tolist()
    ranked, top_logits, normalisers = order.tolist(), top.tolist(), normaliser.tolist()
    drawn = []
    for index, row in enumerate(rows):
        if row.sampling.temperature == 0:  # draws no number: greedy answers do not depend on a seed
            token, logit = ranked[index][0], top_logits[index][0]
        else:
            mass, ids, values = masses[index], ranked[index], top_logits[index]
            if mass[-1] < row.sampling.top_p and len(ids) < logits.shape[-1]:
                mass, ids, values = _sorted_vocabulary(logits[index], float(temperatures[index]))
            rank = _pick(mass, row.sampling.top_p, row.rng.random())
            token, logit = ids[rank], values[rank]
        row.log_probability += logit - normalisers[index]
        drawn.append(token)
    return drawn


def _sorted_vocabulary(logits: torch.Tensor, temperature: float) -> tuple[list[float], list[int], list[float]]:
    values, ids = logits.sort(descending=True)
    return (values / temperature).softmax(-1).cumsum(-1).tolist(), ids.tolist(), values.tolist()


def _pick(masses: Sequence[float], top_p: float, uniform: float) -> int:
    """The rank drawn from the smallest set of likeliest tokens whose mass reaches `top_p`."""
    size = next((rank + 1 for rank, mass in enumerate(masses) if mass >= top_p), len(masses))
    threshold = uniform * masses[size - 1]
    return next(rank for rank in range(size) if masses[rank] >= threshold)
