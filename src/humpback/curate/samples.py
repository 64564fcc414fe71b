"""Several ratings of each candidate, averaged: one sampled reply is a noisy reading of the model's opinion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from humpback.curate.base import Scorer
from humpback.engines.base import Engine
from humpback.records import Candidate, Outcome, Rating, Usage


@dataclass(frozen=True, slots=True)
class SampledScorer:
    """The mean of the scores that several replies end with. Not in the paper, which draws one.

    A reply without a score is left out of the mean and named in the rating; where no reply has one the rating is that
    of the first. It is 'asked-again' where none of them wrote a score of its own.
    """

    scorers: tuple[Scorer, ...]
    """The same scorer with a seed of its own for each reply."""

    @property
    def name(self) -> str:
        """As of one reply: it is the same scorer, with less noise."""
        return self.scorers[0].name

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard, all of it once, then all of it again."""
        outcomes = [scorer.score(candidates, engine) for scorer in self.scorers]
        ratings = tuple(map(_mean, zip(*(outcome.kept for outcome in outcomes), strict=True)))
        return Outcome(ratings, (), len(candidates), sum((outcome.usage for outcome in outcomes), Usage()))


def _mean(ratings: tuple[Rating, ...]) -> Rating:
    with_score = [rating for rating in ratings if rating.score is not None]
    if not with_score:
        return ratings[0]
    # A reply with a score of its own stands for all, if there is one: its state and text are the more telling.
    first = min(with_score, key=lambda rating: rating.state != "scored")
    mean = sum(rating.score for rating in with_score if rating.score is not None) / len(with_score)
    return replace(first, score=mean, reply=f"[mean of {', '.join(map(_in_short, ratings))}]\n{first.reply}")


def _in_short(rating: Rating) -> str:
    if rating.score is None:
        return rating.state
    return f"{rating.score:g}" if rating.state == "scored" else f"{rating.score:.3g} ({rating.state})"
