"""Scorers that every other one has to beat: the length of the response, and chance. Neither asks the model anything."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from humpback.engines.base import Engine
from humpback.records import Candidate, Outcome, Rating, record_seed


@dataclass(frozen=True, slots=True)
class LengthScorer:
    """The longest responses (Zhao et al. 2024, 'Long is more for alignment'): the score is the number of characters.

    Judges, people too, like long answers; a scorer that does no better than this may have learnt only that.
    """

    iteration: int
    name: str = "length"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard."""
        return _rated(self, candidates, engine, lambda one: float(len(one.response)))


@dataclass(frozen=True, slots=True)
class RandomScorer:
    """A seeded draw from 1 to 5: what a selection of the same size is worth when nothing is known of the candidates."""

    seed: int
    iteration: int
    stage: str
    name: str = "random"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. What a candidate gets follows from the run's seed, the stage and its id."""
        return _rated(self, candidates, engine, self._drawn)

    def _drawn(self, candidate: Candidate) -> float:
        return random.Random(record_seed(self.seed, self.stage, candidate.id)).uniform(1, 5)  # noqa: S311


def _rated(
    scorer: LengthScorer | RandomScorer,
    candidates: Sequence[Candidate],
    engine: Engine,
    score: Callable[[Candidate], float],
) -> Outcome[Rating]:
    ratings = tuple(
        Rating(one.id, scorer.iteration, scorer.name, engine.model, "scored", score(one), "", "stop")
        for one in candidates
    )
    return Outcome(ratings, (), len(candidates))
