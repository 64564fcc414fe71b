"""Intervals: the bootstrap over prompts, and Wilson's for shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
_CONFIDENCE = 0.95
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def bootstrap_mean(values: Sequence[float], prompts: Sequence[str], seed: int) -> Interval:
    """Percentile bootstrap of a mean: whole prompts are drawn with replacement, 2,000 times.

    Args:
        values: One figure for each comparison.
        prompts: Its prompt; comparisons of one prompt are drawn together, for they are not independent.
        seed: Of the draws.

    Returns:
        The 2.5th and 97.5th percentile; nan where there are no values.
    """
    if not values:
        return Interval(math.nan, math.nan)
    _, places = np.unique(np.asarray(prompts, dtype=object).astype(str), return_inverse=True)
    sums = np.bincount(places, weights=np.asarray(values, np.float64))
    counts = np.bincount(places)
    rng = np.random.default_rng(seed)
    means = np.empty(DRAWS)
    for draw in range(DRAWS):
        picked = rng.integers(0, len(sums), len(sums))
        means[draw] = sums[picked].sum() / counts[picked].sum()
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high))


def wilson(count: int, total: int) -> Interval:
    """Wilson's interval for a share: it is no point where count is 0 or total.

    Returns:
        Bounds between 0 and 1; nan where there is nothing.
    """
    if not total:
        return Interval(math.nan, math.nan)
    share, square = count / total, _Z * _Z / total
    centre = (share + square / 2) / (1 + square)
    half = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
