"""The rank of a candidate by several scorers, whose scales need not have anything in common.

Members that answer one question are averaged. Where there are several questions, the lowest answer is the score: an
instruction that fits a text exactly must not make up for a text that is no answer, nor the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from humpback.config import SingleScorer
from humpback.curate.baselines import NoModel
from humpback.records import Candidate, Outcome, Rating


class Ranks:
    """Where a score stands among those of all candidates; holds 8 bytes for each.

    Args:
        scores: All that one scorer gave, None where it gave none.
    """

    def __init__(self, scores: Iterable[float | None]) -> None:
        self._sorted = np.sort(np.fromiter((score for score in scores if score is not None), dtype=np.float64))

    def share(self, score: float) -> float:
        """The part of all scores that lie below, those equal to it counted half."""
        below, upto = (np.searchsorted(self._sorted, score, side) for side in ("left", "right"))
        return float(below + upto) / 2 / len(self._sorted)


class Question:
    """What some scorers answer together: the weighted mean of their ranks. Where one gives no score the others decide.

    Args:
        name: What it is called in a rating; empty for the only one.
        weights: Of each scorer.
        ranks: Of each scorer's scores over all candidates.
        scores: All scores of each scorer, in one order. Given where there are several questions, so that each is
            answered by a rank too: the mean of many ranks lies nearer to the middle than that of one.
    """

    def __init__(
        self,
        name: str,
        weights: Mapping[SingleScorer, float],
        ranks: Mapping[str, Ranks],
        scores: Mapping[str, Iterable[float | None]] | None = None,
    ) -> None:
        self.name = name
        self._weights: dict[str, float] = {str(member): weight for member, weight in weights.items()}
        self._ranks = ranks
        self._means: Ranks | None = None
        if scores is not None:
            columns = zip(*(scores[member] for member in self._weights), strict=True)
            self._means = Ranks(self._mean(dict(zip(self._weights, row, strict=True))) for row in columns)

    def answer(self, scores: Mapping[str, float | None]) -> float | None:
        """From 0 to 1, for the scores of one candidate by name; None where none of the scorers gave one."""
        mean = self._mean(scores)
        return mean if mean is None or self._means is None else self._means.share(mean)

    def shares(self, scores: Mapping[str, float | None]) -> dict[str, float]:
        """The rank of one candidate by each scorer that gave it a score."""
        member_scores = ((member, scores.get(member)) for member in self._weights)
        return {member: self._ranks[member].share(score) for member, score in member_scores if score is not None}

    def _mean(self, scores: Mapping[str, float | None]) -> float | None:
        shares = self.shares(scores)
        total = sum(self._weights[member] for member in shares)
        return sum(self._weights[member] * share for member, share in shares.items()) / total if shares else None


@dataclass(frozen=True, slots=True)
class RankScorer:
    """Rates by ranks: the lowest answer to its questions, from 0 to 1."""

    name: str
    iteration: int
    questions: Sequence[Question]

    def rate(self, candidates: Sequence[Candidate], rated: Sequence[Iterable[Rating]]) -> Outcome[Rating]:
        """Rates one shard.

        Args:
            candidates: The shard.
            rated: Its ratings by each scorer, joined by id.
        """
        members = [{rating.id: rating for rating in ratings} for ratings in rated]
        ratings = (self._rating(candidate.id, [member[candidate.id] for member in members]) for candidate in candidates)
        return Outcome(tuple(ratings), (), len(candidates))

    def _rating(self, record_id: str, rated_by: Sequence[Rating]) -> Rating:
        scores = {rating.scorer: rating.score for rating in rated_by}
        asked = (rating.model for rating in rated_by if rating.score is not None and rating.model != NoModel.model)
        model = next(asked, rated_by[0].model)
        answers = {question.name: question.answer(scores) for question in self.questions}
        reply = " ".join(f"{name}={share:.3f}" for name, share in self._parts_of_reply(answers, scores))
        score = min((answer for answer in answers.values() if answer is not None), default=None)
        if score is None or None in answers.values():
            reason = next(rating.reply for rating in rated_by if rating.score is None)
            return Rating(record_id, self.iteration, self.name, model, "unparsed", None, reason, "error")
        return Rating(record_id, self.iteration, self.name, model, "scored", score, reply, "stop")

    def _parts_of_reply(
        self, answers: Mapping[str, float | None], scores: Mapping[str, float | None]
    ) -> Iterator[tuple[str, float]]:
        """What the reply names: the answer to each question that has a name, and the rank by each scorer."""
        for name, answer in answers.items():
            if name and answer is not None:
                yield name, answer
        for question in self.questions:
            yield from question.shares(scores).items()
