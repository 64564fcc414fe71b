"""Intervals of 95 %: percentiles of bootstrap draws, and Wilson's for shares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DRAWS = 2000
Z = 1.959963984540054
"""Half the width of a 95 % interval of the normal distribution, in standard deviations."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % confidence interval."""

    low: float
    high: float


def percentile_interval(draws: FloatArray, tail: float = 0.025) -> Interval:
    """From the 2.5th to the 97.5th percentile of the draws that have a figure; nan where none has one."""
    figures = draws[~np.isnan(draws)]
    if not len(figures):
        return Interval(math.nan, math.nan)
    low, high = np.quantile(figures, [tail, 1 - tail])
    return Interval(float(low), float(high))


def resample_counts(items: int, draws: int, chunk: int, rng_seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """How often each item is drawn when so many are drawn with replacement, again and again.

    Args:
        items: How many there are, and how many a draw takes.
        draws: How many draws are made.
        chunk: Draws in one array: bounds the memory. It does not change what is drawn.
        rng_seed: Starts the generator.

    Yields:
        Arrays of draws x items.
    """
    generator = np.random.default_rng(rng_seed)
    for start in range(0, draws, chunk):
        yield generator.multinomial(items, np.full(items, 1 / items), size=min(chunk, draws - start))


def bootstrap_mean(values: Sequence[float], prompts: Sequence[str], rng_seed: int) -> Interval:
    """Percentile bootstrap of a mean: whole prompts are drawn with replacement, 2,000 times.

    Args:
        values: One figure for each comparison.
        prompts: Its prompt; comparisons of one prompt are not independent, so they are drawn together.
        rng_seed: Starts the generator of the draws.

    Returns:
        nan where there are no values.
    """
    if not values:
        return Interval(math.nan, math.nan)
    _, groups = np.unique(np.asarray(prompts, dtype=object).astype(str), return_inverse=True)
    sums = np.bincount(groups, weights=np.asarray(values, np.float64))
    counts = np.bincount(groups)
    # Not `resample_counts`: recorded win rates were drawn by index, and the same seed must give the same interval.
    generator = np.random.default_rng(rng_seed)
    means = np.empty(DRAWS)
    for draw in range(DRAWS):
        picked = generator.integers(0, len(sums), len(sums))
        means[draw] = sums[picked].sum() / counts[picked].sum()
    # Not .025, which differs in its last binary digit: recorded intervals have this one.
    return percentile_interval(means, tail=(1 - 0.95) / 2)


def wilson(count: int, total: int) -> Interval:
    """Wilson's interval for a share. It is sound where the share is near 0 or 1, and where the total is small.

    Returns:
        Bounds between 0 and 1; nan where the total is 0.
    """
    if not total:
        return Interval(math.nan, math.nan)
    share, square = count / total, Z * Z / total
    centre = (share + square / 2) / (1 + square)
    half = Z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
