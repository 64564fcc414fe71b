"""Does a scorer tell candidates apart?

A small model often gives nearly everything the same score. A cutoff then picks at random, or by ties, and the curated
set is no better than an uncurated sample of its size. This is said in the report, not left to be noticed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humpback.config import spec_of

MODE_SHARE = 0.9
"""One value that holds more than this part of all scores leaves too little to choose from."""


@dataclass(frozen=True, slots=True)
class Separation:
    """How far the scores of one iteration lie apart."""

    n: int
    mean: float
    """NaN where there are no scores."""
    standard_deviation: float
    mode: float
    """The most common value, rounded to the scorer's step."""
    mode_share: float
    """The part of all scores that has it."""
    flat: bool
    """Whether the scorer does not separate."""
    sentence: str
    """The verdict, for the report."""


def separation(scores: Sequence[float], scorer: str = "rating") -> Separation:
    """Measures how far scores lie apart.

    They are flat where there are fewer than two, where their standard deviation is below the scorer's least spread, or
    where one value holds more than `MODE_SHARE`. Step and spread are in the table of scorers: written grades move in
    halves, while the mean over five grades has less space to move.

    Args:
        scores: The scores of the candidates that have one.
        scorer: What gave them, as in `Rating.scorer`.
    """
    n = len(scores)
    if n == 0:
        sentence = "There are no scores, so nothing can be told apart."
        return Separation(0, math.nan, math.nan, math.nan, math.nan, True, sentence)
    spec = spec_of(scorer)
    values = np.asarray(scores, dtype=np.float64)
    # Half up, not half to even, so that neighbouring values are treated alike. Of equal counts the lowest value wins.
    buckets, counts = np.unique(np.floor(values / spec.step + 0.5), return_counts=True)
    mode, share = round(float(buckets[counts.argmax()]) * spec.step, 2), float(counts.max()) / n
    mean, deviation = float(values.mean()), float(values.std())
    facts = f"{n} scores, mean {mean:.2f}, standard deviation {deviation:.2f}; {share:.0%} of them are {mode:g}"
    if n < 2:
        flat, sentence = True, "One score alone says nothing about how candidates are told apart."
    elif share > MODE_SHARE:
        flat, sentence = True, f"The scorer does not separate: nearly all candidates get the same score ({facts})."
    elif deviation < spec.spread:
        flat, sentence = True, f"The scorer hardly separates: its scores lie within a narrow band ({facts})."
    else:
        flat, sentence = False, f"The scorer separates candidates ({facts})."
    return Separation(n, mean, deviation, mode, share, flat, sentence)
