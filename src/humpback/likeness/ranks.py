"""The value at a rank of any number of values, in memory that does not grow with them.

Values are whole numbers of 64 bits that are gone through several times. Each pass counts them by their next 16 bits and
goes on with those that hold the rank, until few enough are left to sort: two passes for most corpora.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_DIGIT_BITS = 16
_HELD = 1 << 20


@dataclass(frozen=True, slots=True)
class Ranked:
    """A value at a rank."""

    value: int
    above: int
    """How many values are larger."""


def nth_largest(blocks: Callable[[], Iterable[Keys]], rank: int, limit: int = _HELD) -> Ranked | None:
    """The value at a rank, the largest at 1; None where there are fewer values.

    Args:
        blocks: Gives all values, some at a time, each time that it is called.
        rank: Which one.
        limit: Values that may be in memory.
    """
    prefix, shift, above = 0, 64, 0
    while True:
        values, counts = _with_prefix(blocks(), prefix, shift, limit)
        if shift == 64 and counts.sum() < rank:
            return None
        if values is not None:
            value = int(np.partition(values, len(values) - (rank - above))[len(values) - (rank - above)])
            return Ranked(value, above + int(np.count_nonzero(values > value)))
        larger = np.cumsum(counts[::-1])[::-1] - counts
        digit = int(np.flatnonzero(above + larger < rank)[0])
        above += int(larger[digit])
        prefix, shift = prefix << _DIGIT_BITS | digit, shift - _DIGIT_BITS
        if shift == 0:
            return Ranked(prefix, above)


def _with_prefix(blocks: Iterable[Keys], prefix: int, shift: int, limit: int) -> tuple[Keys | None, NDArray[np.int64]]:
    """The values whose upper bits are the prefix, unless they are too many, and how many have each next digit."""
    counts = np.zeros(1 << _DIGIT_BITS, np.int64)
    matching: list[Keys] = []
    total = 0
    for block in blocks:
        values = block if shift == 64 else block[block >> np.uint64(shift) == prefix]
        total += len(values)
        matching = [*matching, values] if total <= limit else []
        digits = values >> np.uint64(shift - _DIGIT_BITS) & np.uint64((1 << _DIGIT_BITS) - 1)
        counts += np.bincount(digits.astype(np.int64), minlength=len(counts))
    return (np.concatenate(matching) if matching and total <= limit else None), counts


def sortable(scores: NDArray[np.float64]) -> Keys:
    """Floats as whole numbers in the same order; 0 where a score is NaN, which no other score becomes."""
    bits = (scores + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0: both zeros are one value
    keys = np.where(bits >> np.uint64(63), ~bits, bits | np.uint64(1 << 63))
    return np.where(np.isnan(scores), np.uint64(0), keys)


def from_sortable(key: int) -> float:
    """The float that `sortable` made the number of."""
    bits = key ^ (1 << 63) if key >> 63 else ~key & (1 << 64) - 1
    return float(np.array(bits, np.uint64).view(np.float64))
