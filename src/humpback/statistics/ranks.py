"""Figures that know only the order of values: mean ranks, Spearman's correlation, AUROC."""

from __future__ import annotations

import math

import numpy as np

from humpback.statistics.intervals import FloatArray


def mean_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, blocks, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: FloatArray = (last - (counts - 1) / 2.0)[blocks]
    return ranks


def spearman(first: FloatArray, second: FloatArray) -> float | None:
    """Spearman's rank correlation; None where a side does not vary."""
    if len(first) < 2:
        return None
    first_ranks, second_ranks = mean_ranks(first), mean_ranks(second)
    if first_ranks.std() == 0 or second_ranks.std() == 0:
        return None
    return float(np.corrcoef(first_ranks, second_ranks)[1, 0])


def auroc(lower: FloatArray, higher: FloatArray) -> float:
    """The probability that a value of `higher` is above one of `lower`; equal values count half."""
    ordered, pairs = np.sort(lower), len(lower) * len(higher)
    below = int(np.searchsorted(ordered, higher, "left").sum())
    below_or_equal = int(np.searchsorted(ordered, higher, "right").sum())
    return below / pairs + (below_or_equal - below) / pairs / 2 if pairs else math.nan


class TieBlocks:
    """Values in rising order, equal ones in one block: sums over them for many weightings at once."""

    def __init__(self, values: FloatArray) -> None:
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])

    def sums(self, weights: FloatArray) -> FloatArray:
        """The weight of each block, lowest values first.

        Args:
            weights: draws x values.

        Returns:
            draws x blocks.
        """
        if not len(self._starts):
            return weights
        return np.add.reduceat(weights[:, self._order], self._starts, axis=1)

    def auroc(self, lower: FloatArray, higher: FloatArray) -> FloatArray:
        """AUROC of each draw, by the weights (draws x values) that each value has on either side."""
        below, above = self.sums(lower), self.sums(higher)
        below_half = np.cumsum(below, axis=1) - below / 2
        return ratio((above * below_half).sum(axis=1), above.sum(axis=1) * below.sum(axis=1))


def ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Element by element; nan where the denominator is 0: a draw can hold none of a kind."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, math.nan)
