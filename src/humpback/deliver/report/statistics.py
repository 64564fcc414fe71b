"""Iterators of records to the numbers of the report, in bounded memory.

Lengths and scores are counted into fixed bins with running moments, so that half a million candidates are never held.
Scores take one number for each candidate; how they moved takes a 64-bit key more. Every function reads its iterators
once.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from humpback.config import spec_of
from humpback.curate.separation import Separation
from humpback.deliver.report.data import Distribution, Histogram, LengthSummary, Movement, RatingSummary
from humpback.records import Candidate, Curated, Pair, Rating, RatingState
from humpback.statistics.ranks import spearman

BINS_PER_DECADE = 20
LENGTH_EDGES: tuple[float, ...] = tuple(10 ** (step / BINS_PER_DECADE) for step in range(5 * BINS_PER_DECADE + 1))
"""Lengths from 1 to 100,000 characters in even steps of the logarithm: seed and web text differ by orders."""

SCORE_EDGES: tuple[float, ...] = tuple((step - 0.5) / 100 for step in range(100, 502))
"""Scores from 1 to 5 in bins of 0.01 around each hundredth; coarser ones are summed from these when drawn."""

FREE_BINS = 400
"""Bins for scores on another scale than 1 to 5, even from the lowest to the highest."""

MOVEMENT_BINS = 9

FloatArray = npt.NDArray[np.float64]


class Tally:
    """Counts numbers one by one: a histogram with fixed edges, and moments by Welford's method.

    Args:
        edges: Rising edges of the bins; what lies outside is counted in the outermost ones.
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self._edges = tuple(edges)
        self._counts = [0] * (len(edges) - 1)
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0
        self._minimum = math.inf
        self._maximum = -math.inf

    def add(self, value: float) -> None:
        """Counts one number."""
        number = bisect_right(self._edges, value) - 1
        self._counts[min(max(number, 0), len(self._counts) - 1)] += 1
        self._n += 1
        away = value - self._mean
        self._mean += away / self._n
        self._squares += away * (value - self._mean)
        self._minimum = min(self._minimum, value)
        self._maximum = max(self._maximum, value)

    def distribution(self) -> Distribution:
        """What was counted so far."""
        histogram = Histogram(self._edges, tuple(self._counts))
        if not self._n:
            return Distribution(0, 0.0, 0.0, 0.0, 0.0, histogram)
        deviation = math.sqrt(max(self._squares, 0.0) / self._n)
        return Distribution(self._n, self._mean, deviation, self._minimum, self._maximum, histogram)


def length_summary(name: str, rows: Iterable[Pair | Candidate | Curated]) -> LengthSummary:
    """Lengths in characters of the instructions and responses of one set."""
    instruction, response = Tally(LENGTH_EDGES), Tally(LENGTH_EDGES)
    for row in rows:
        instruction.add(len(row.instruction))
        response.add(len(row.response))
    return LengthSummary(name, instruction.distribution(), response.distribution())


def rating_summary(
    ratings: Iterable[Rating],
    *,
    iteration: int,
    kept: int,
    threshold: float | None = None,
    separation: Separation | None = None,
    model: str = "",
    kept_ids: Container[str] = frozenset(),
) -> RatingSummary:
    """States and scores of one iteration.

    Args:
        ratings: All ratings of the iteration, in any order and state.
        iteration: Which one, from 1.
        kept: Candidates that the iteration kept.
        threshold: The lowest score kept, where the cut is a score.
        separation: What was found about the scorer's power to tell candidates apart.
        model: What to call the rater; empty takes the identity written in the ratings.
        kept_ids: Ids of the candidates kept; asked only about those that are 'checked'.
    """
    scores = array("d")
    states: Counter[RatingState] = Counter()
    scorer, checked_kept = "", 0
    for rating in ratings:
        states[rating.state] += 1
        scorer, model = scorer or rating.scorer, model or rating.model
        checked_kept += rating.state == "checked" and rating.id in kept_ids
        if rating.score is not None and math.isfinite(rating.score):
            scores.append(rating.score)
    tally = Tally(score_edges(scores, scorer))
    for score in scores:
        tally.add(score)
    return RatingSummary(
        iteration=iteration,
        scorer=scorer,
        model=model,
        states=states,
        distribution=tally.distribution(),
        kept=kept,
        threshold=threshold,
        separation=separation,
        checked_kept=checked_kept,
    )


def score_edges(scores: Sequence[float], scorer: str) -> tuple[float, ...]:
    """Edges for the scores of this scorer: the scale from 1 to 5, or else from its lowest score to its highest."""
    low, high = (min(scores), max(scores)) if scores else (1.0, 5.0)
    if spec_of(scorer).takes_threshold and low >= 1 and high <= 5:
        return SCORE_EDGES
    if high - low < 1e-9 * max(1.0, abs(low)):
        low, high = low - 0.5, high + 0.5
    return tuple(float(edge) for edge in np.linspace(low, high, FREE_BINS + 1))


def movement(
    first: Iterable[Rating],
    second: Iterable[Rating],
    kept_first: Iterable[str],
    kept_second: Iterable[str],
    *,
    iterations: tuple[int, int] = (1, 2),
) -> Movement:
    """How scores and choices moved between two iterations.

    Args:
        first: Ratings of the earlier iteration.
        second: Ratings of the later one.
        kept_first: Ids of the candidates that the earlier iteration kept.
        kept_second: Ids of those that the later one kept.
        iterations: Their numbers.
    """
    keys_a, scores_a = _scores(first)
    keys_b, scores_b = _scores(second)
    _, indices_a, indices_b = np.intersect1d(keys_a, keys_b, assume_unique=True, return_indices=True)
    before, after = scores_a[indices_a], scores_b[indices_b]
    edges = movement_edges(before, after)
    x, y = (np.clip(scores, edges[0], edges[-1]) for scores in (before, after))
    table = np.histogram2d(x, y, bins=[edges, edges])[0]
    ids_a, ids_b = _keys(kept_first), _keys(kept_second)
    return Movement(
        first=iterations[0],
        second=iterations[1],
        edges=tuple(float(edge) for edge in edges),
        counts=tuple(tuple(int(count) for count in row) for row in table),
        pairs=len(before),
        correlation=spearman(before, after),
        mean_change=float(np.mean(after - before)) if len(before) else 0.0,
        kept_first=len(ids_a),
        kept_second=len(ids_b),
        kept_both=len(np.intersect1d(ids_a, ids_b, assume_unique=True)),
    )


def movement_edges(before: FloatArray, after: FloatArray) -> FloatArray:
    """Edges of bins: around 1, 1.5, ..., 5 for whole and half scores, else even over the scores that occur."""
    both = np.concatenate([before, after])
    halves = both[(both >= 1) & (both <= 5) & (both * 2 == np.round(both * 2))]
    if len(halves) == len(both):
        return np.arange(0.75, 5.5, 0.5)
    # A few stray scores must not squeeze all others into one bin: they are counted in the outermost ones.
    low, high = (float(edge) for edge in np.quantile(both, [0.005, 0.995]))
    if high - low < 1e-6:
        low, high = low - 0.5, low + 0.5
    return np.linspace(low, high, MOVEMENT_BINS + 1)


def count_sources(sources: Iterable[str]) -> int:
    """How many different documents records come from; those of one document may stand in several places."""
    return len(_keys(source for source, _ in groupby(sources)))


def _scores(ratings: Iterable[Rating]) -> tuple[npt.NDArray[np.uint64], FloatArray]:
    """Keys and scores of what was scored, one of each for a candidate."""
    keys, scores = array("Q"), array("d")
    for rating in ratings:
        if rating.score is not None and math.isfinite(rating.score):
            keys.append(_key(rating.id))
            scores.append(rating.score)
    unique, first_indices = np.unique(np.array(keys, dtype=np.uint64), return_index=True)
    return unique, np.array(scores, dtype=np.float64)[first_indices]


def _keys(ids: Iterable[str]) -> npt.NDArray[np.uint64]:
    return np.unique(np.array(array("Q", (_key(item) for item in ids)), dtype=np.uint64))


def _key(record_id: str) -> int:
    """64 bits instead of a string: two of a million candidates share a key once in forty million runs."""
    return int.from_bytes(hashlib.blake2b(record_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
