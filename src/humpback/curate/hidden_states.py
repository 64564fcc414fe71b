"""Scorers that go by a direction among a model's hidden states: where along it does a candidate lie?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from humpback.curate.base import rate_each
from humpback.engines.base import Engine
from humpback.likeness.measuring import stored_direction
from humpback.records import Candidate, Outcome, Rating, SeedDirection
from humpback.requests import Embedding, EmbeddingRequest


@dataclass(frozen=True, slots=True)
class Looked:
    """What of a candidate is looked at."""

    text: Callable[[Candidate], str]
    """Read as plain text."""
    tokens: int
    """How many at its beginning are read."""
    seen_as: Callable[[Candidate], str]
    """Its id among the texts that the direction was made from."""


class HiddenStatesScorer:
    """0 is the mean of the one side that the direction was made from, 1 that of the other.

    Args:
        name: What `curate.scorer` calls it.
        iteration: t; M_{t-1} rates.
        record: The direction, found with the same model.
        looked: What of a candidate is looked at.
    """

    def __init__(self, name: str, iteration: int, record: SeedDirection, looked: Looked) -> None:
        self.name, self.iteration = name, iteration
        self._looked = looked
        self._direction = stored_direction(record)
        self._seen = dict(zip(record.seen_ids, record.seen_scores, strict=True))

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        looked = self._looked
        requests = (EmbeddingRequest(one.id, looked.text(one), looked.tokens) for one in candidates)
        return rate_each(self, candidates, engine, engine.embed(requests), self._score)

    def _score(self, candidate: Candidate, answer: Embedding) -> tuple[float, str]:
        # Those that the direction was made from have a score by one that has not seen them.
        seen = self._seen.get(self._looked.seen_as(candidate))
        return float(self._direction.scores(np.array([answer.values]))[0]) if seen is None else seen, ""
