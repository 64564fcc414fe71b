"""Scorers that ask no model: length and chance, which every other one has to beat, and what augmentation kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from humpback.curate.base import IterationScorer
from humpback.engines.base import Engine
from humpback.errors import EngineError
from humpback.records import (
    Candidate,
    Completion,
    Embedding,
    EmbeddingRequest,
    Likelihood,
    LikelihoodRequest,
    Outcome,
    Rating,
    RatingState,
    Request,
    record_rng_seed,
)


class NoModel:
    """Stands where an engine would, for scorers that ask nothing."""

    model = "none"

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Cannot be asked."""
        raise EngineError("a scorer that needs a model was given none", "report this")

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Cannot be asked."""
        raise EngineError("a scorer that needs a model was given none", "report this")

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """Cannot be asked."""
        raise EngineError("a scorer that needs a model was given none", "report this")

    def close(self) -> None:
        """There is nothing to free."""


@dataclass(frozen=True, slots=True)
class LengthScorer:
    """The longest responses (Zhao et al. 2024, 'Long is more for alignment'): the score is the number of characters.

    Judges, people too, like long answers; a scorer that does no better than this may have learnt only that.
    """

    iteration: int
    name: str = "length"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard."""
        return _rate(self, candidates, engine, lambda candidate: float(len(candidate.response)))


@dataclass(frozen=True, slots=True)
class RandomScorer:
    """A seeded draw from 1 to 5: what a selection of the same size is worth when nothing is known of the candidates."""

    rng_seed: int
    iteration: int
    stage: str
    name: str = "random"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. What a candidate gets follows from the run's seed, the stage and its id."""
        return _rate(self, candidates, engine, self._draw)

    def _draw(self, candidate: Candidate) -> float:
        return random.Random(record_rng_seed(self.rng_seed, self.stage, candidate.id)).uniform(1, 5)  # noqa: S311


@dataclass(frozen=True, slots=True)
class StoredGainScorer:
    """By how many nats the response makes a token of its instruction likelier, as M_yx had it when it wrote it.

    The backward gain without a pass: mutual information (Li et al. 2016, 'A diversity-promoting objective function').
    Candidates without a stored gain are 'unparsed'.
    """

    iteration: int
    name: str = "stored-gain"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard."""
        return _rate(self, candidates, engine, lambda candidate: candidate.gain)


def _rate(
    scorer: IterationScorer,
    candidates: Sequence[Candidate],
    engine: Engine,
    score: Callable[[Candidate], float | None],
) -> Outcome[Rating]:
    ratings = []
    for candidate in candidates:
        value = score(candidate)
        # Nothing failed where there is no gain, so the rating ends with 'stop' and not with 'error'.
        reply = "nothing was kept of it when the instruction was written (augment.gain)" if value is None else ""
        state: RatingState = "unparsed" if value is None else "scored"
        ratings.append(
            Rating(candidate.id, scorer.iteration, scorer.name, engine.model, state, value, reply, "stop")
        )  # fmt: skip
    return Outcome(tuple(ratings), (), len(candidates))
