"""Several ratings of each candidate, averaged: one sampled reply is a noisy reading of what the model thinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from humpback.engines.base import Engine
from humpback.records import Candidate, Outcome, Rating, Usage

if TYPE_CHECKING:
    from humpback.curate.scorers import Scorer


@dataclass(frozen=True, slots=True)
class SampledScorer:
    """The mean of the scores that several replies end with. Not in the paper, which draws one.

    A reply without a score is left out of the mean and named in the rating; where no reply has one the rating is that
    of the first. It is 'asked-again' where none of them wrote a score of its own.
    """

    each: tuple[Scorer, ...]
    """The same scorer with a seed of its own for each reply."""

    @property
    def name(self) -> str:
        """As of one reply: it is the same scorer, with less noise."""
        return self.each[0].name

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard, all of it once, then all of it again."""
        outcomes = [scorer.score(candidates, engine) for scorer in self.each]
        ratings = tuple(map(_mean, zip(*(outcome.kept for outcome in outcomes), strict=True)))
        return Outcome(ratings, (), len(candidates), sum((outcome.usage for outcome in outcomes), Usage()))


def _mean(ratings: tuple[Rating, ...]) -> Rating:
    scores = [rating.score for rating in ratings if rating.score is not None]
    if not scores:
        return ratings[0]
    first = min((rating for rating in ratings if rating.score is not None), key=lambda one: one.state != "scored")
    shown = ", ".join(map(_shown, ratings))
    return replace(first, score=sum(scores) / len(scores), reply=f"[mean of {shown}]\n{first.reply}")


def _shown(rating: Rating) -> str:
    if rating.score is None:
        return rating.state
    return f"{rating.score:g}" if rating.state == "scored" else f"{rating.score:.3g} ({rating.state})"
