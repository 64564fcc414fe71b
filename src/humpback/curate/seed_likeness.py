"""The scorer `seed-likeness`: how much a model's hidden states of a pair are like those of the seed's own pairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from humpback.curate.base import rate_each
from humpback.engines.base import Engine
from humpback.likeness.measuring import Sampled, by_hidden_states, stored_direction
from humpback.records import Candidate, Outcome, Rating, SeedDirection
from humpback.requests import Embedding, EmbeddingRequest

_TOKENS = 128
"""Tokens of a pair that are read: the instruction, and how the response begins."""


def find_pair_direction(
    pairs: Sequence[Sampled], candidates: Sequence[Sampled], engine: Engine
) -> Outcome[SeedDirection]:
    """The direction from the candidates to the seed's own pairs.

    Args:
        pairs: Seed pairs as texts (`pair_text`), in random order.
        candidates: The same of a sample of the candidates.
        engine: The model that rates.

    Raises:
        StageError: There are too few of either.
    """
    return by_hidden_states(pairs, candidates, engine, _TOKENS)


def pair_text(instruction: str, response: str) -> str:
    """A pair as one plain text, without the template of a conversation."""
    return f"{instruction}\n\n{response}"


class SeedLikenessScorer:
    """How far a pair lies from the mean of the candidates (0) to that of the seed's own pairs (1). Ours.

    Args:
        iteration: t; M_{t-1} rates.
        record: The direction, found with the same model.
    """

    name = "seed-likeness"

    def __init__(self, iteration: int, record: SeedDirection) -> None:
        self.iteration = iteration
        self._direction = stored_direction(record)
        self._seen = dict(zip(record.seen_ids, record.seen_scores, strict=True))

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        return rate_each(self, candidates, engine, engine.embed(_requests(candidates)), self._score)

    def _score(self, candidate: Candidate, answer: Embedding) -> tuple[float, str]:
        # Those that the direction was made from have a score by one that has not seen them.
        if candidate.id in self._seen:
            return self._seen[candidate.id], ""
        return float(self._direction.scores(np.array([answer.values]))[0]), ""


def _requests(candidates: Iterable[Candidate]) -> Iterator[EmbeddingRequest]:
    for candidate in candidates:
        yield EmbeddingRequest(candidate.id, pair_text(candidate.instruction, candidate.response), _TOKENS)
