"""Scorers that ask no model: length and chance, which every other one has to beat, and what augmentation kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from humpback.curate.base import IterationScorer
from humpback.engines.base import Engine
from humpback.errors import EngineError
from humpback.records import Candidate, Outcome, Rating, RatingState, record_rng_seed


class NoModel:
    """Stands where an engine would, for scorers that ask nothing."""

    model = "none"

    def generate(self, requests: Iterable[object]) -> Iterator[NoReturn]:
        """Cannot be asked."""
        raise EngineError("a scorer that needs a model was given none", "report this")

    loglikelihood = embed = generate

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


def _relative_gain(candidate: Candidate) -> float | None:
    """The part of the loss of the instruction that the response takes away; below 0 where it adds to it."""
    if candidate.gain is None:
        return None
    alone = candidate.log_probability - candidate.gain
    return candidate.gain / -alone if alone < 0 else 0.0


STORED: Mapping[str, Callable[[Candidate], float | None]] = {
    "stored-gain": lambda candidate: candidate.gain,
    # A mean log-probability is below 0: pairs that no model has written the instruction of have 0 there.
    "stored-likelihood": lambda candidate: candidate.log_probability or None,
    "stored-relative-gain": _relative_gain,
}
"""What self-augmentation has kept of each instruction, in nats for a token of it, as M_yx had it when it wrote it.

stored-gain: by how much the response makes the instruction likelier: the backward gain without a pass (mutual
information: Li et al. 2016, 'A diversity-promoting objective function').
stored-likelihood: how likely the instruction is for the response. A question that could be asked of any text is likely
too; and yet it tells more bad pairs from good ones than the gain does (docs/curation.md).
stored-relative-gain: the gain divided by the loss of the instruction without the response, so that neither a question
of any text nor one of rare words has an advantage for that alone: `relative-gain` of the other direction."""


@dataclass(frozen=True, slots=True)
class StoredScorer:
    """One of `STORED`, by its name. Candidates of which nothing is kept are 'unparsed'."""

    iteration: int
    name: str

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard."""
        return _rate(self, candidates, engine, STORED[self.name])


def _rate(
    scorer: IterationScorer,
    candidates: Sequence[Candidate],
    engine: Engine,
    score: Callable[[Candidate], float | None],
) -> Outcome[Rating]:
    ratings = []
    for candidate in candidates:
        value = score(candidate)
        # Nothing failed where nothing is kept, so the rating ends with 'stop' and not with 'error'.
        reply = "nothing was kept of it when the instruction was written (augment.gain)" if value is None else ""
        state: RatingState = "unparsed" if value is None else "scored"
        ratings.append(
            Rating(candidate.id, scorer.iteration, scorer.name, engine.model, state, value, reply, "stop")
        )  # fmt: skip
    return Outcome(tuple(ratings), (), len(candidates))
