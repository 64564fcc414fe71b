"""The mean rank of a candidate by several scorers, whose scales need not have anything in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from humpback.config import SingleScorer
from humpback.records import Candidate, Outcome, Rating

NAME = "ensemble"


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


def mean_ranks(
    candidates: Sequence[Candidate],
    rated: Sequence[Iterable[Rating]],
    ranks: Sequence[Ranks],
    weights: Mapping[SingleScorer, float],
    iteration: int,
) -> Outcome[Rating]:
    """Rates one shard: the weighted mean of the ranks, from 0 to 1. Where a scorer gives no score the others decide.

    Args:
        candidates: One shard.
        rated: Its ratings by each scorer, joined by id.
        ranks: Of each scorer's scores over all candidates, in the same order.
        weights: Of each scorer, by name.
        iteration: Which one.
    """
    weight = {str(name): value for name, value in weights.items()}
    members = [{rating.id: rating for rating in ratings} for ratings in rated]
    ratings = []
    for candidate in candidates:
        rated_by = [(member[candidate.id], rank) for member, rank in zip(members, ranks, strict=True)]
        shares = {rating.scorer: rank.share(rating.score) for rating, rank in rated_by if rating.score is not None}
        model = next((rating.model for rating, _ in rated_by if rating.score is not None), rated_by[0][0].model)
        if not shares:
            reason = rated_by[0][0].reply
            ratings.append(Rating(candidate.id, iteration, NAME, model, "unparsed", None, reason, "error"))
            continue
        total = sum(weight[name] for name in shares)
        score = sum(weight[name] * share for name, share in shares.items()) / total
        reply = " ".join(f"{name}={share:.3f}" for name, share in shares.items())
        ratings.append(Rating(candidate.id, iteration, NAME, model, "scored", score, reply, "stop"))
    return Outcome(tuple(ratings), (), len(candidates))
