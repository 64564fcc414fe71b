"""Sequence packing: which examples of an optimiser step share a row, and on which device.

The examples of a step are fixed before (`order_of_examples`), and here they are only distributed. So each step learns
from the same examples, packed or not, on one device or on several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Lengths = Sequence[int] | np.ndarray[Any, np.dtype[np.int32]]
"""Tokens of each example, by index."""

Row = list[int]
"""The indices of the examples of one forward pass."""


def packed_rows(lengths: Lengths, examples: Sequence[int], row_tokens: int) -> list[Row]:
    """Best fit, longest first: each example goes into the fullest row that it still fits into.

    Args:
        lengths: Of all examples, by index.
        examples: The indices to pack; one may come twice.
        row_tokens: Tokens in a row. A longer example has a row to itself.

    Returns:
        The rows. At most 11 in 9 more than the fewest possible (Johnson 1973).
    """
    rows: list[Row] = []
    free: list[int] = []
    for index in sorted(examples, key=lambda i: (-lengths[i], i)):
        length = int(lengths[index])
        fits = [number for number, space in enumerate(free) if space >= length]
        if fits:
            best = min(fits, key=lambda number: free[number])
            rows[best].append(index)
            free[best] -= length
        else:
            rows.append([index])
            free.append(row_tokens - length)
    return rows


def padded_rows(lengths: Lengths, examples: Sequence[int], size: int) -> list[Row]:
    """The examples in the order of their lengths, `size` in each padded batch, so that there is little padding."""
    ordered = sorted(examples, key=lambda i: (lengths[i], i))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def split_over_devices(lengths: Lengths, examples: Sequence[int], devices: int) -> list[list[int]]:
    """Distributes a step's examples, about as many tokens to each device: the longest first, to the emptiest."""
    shares: list[list[int]] = [[] for _ in range(devices)]
    loads = [0] * devices
    for index in sorted(examples, key=lambda i: (-lengths[i], i)):
        emptiest = loads.index(min(loads))
        shares[emptiest].append(index)
        loads[emptiest] += int(lengths[index])
    return shares


def with_equal_counts(rows: list[Row], count: int) -> list[Row]:
    """Cuts the fullest rows in two until there are `count`, and adds empty ones where that does not suffice.

    All devices need the same number of rows: those that split a model wait for one another in every forward pass.
    """
    rows = [list(row) for row in rows]
    while len(rows) < count:
        fullest = max(range(len(rows)), key=lambda number: len(rows[number]), default=-1)
        if fullest < 0 or len(rows[fullest]) < 2:
            rows.append([])
            continue
        middle = len(rows[fullest]) // 2
        rows.append(rows[fullest][middle:])
        rows[fullest] = rows[fullest][:middle]
    return rows
