"""Which examples of an optimiser step go through the model together, and on which device.

A step's examples are fixed before (`order_of_examples`); here they are only shared out, so that packed or not, on one
device or on many, each step learns from the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Lengths = Sequence[int] | np.ndarray[Any, np.dtype[np.int32]]
"""Tokens of each example, by index."""

Row = list[int]
"""The indices of the examples of one forward pass."""


def pack(lengths: Lengths, examples: Sequence[int], room: int) -> list[Row]:
    """Best fit, longest first: each example goes into the fullest row that still has room for it.

    Args:
        lengths: Of all examples, by index.
        examples: The indices to pack; one may come twice.
        room: Tokens in a row. A longer example has a row to itself.

    Returns:
        The rows. At most 11 in 9 more than the fewest possible (Johnson 1973).
    """
    rows: list[Row] = []
    left: list[int] = []
    for index in sorted(examples, key=lambda i: (-lengths[i], i)):
        length = int(lengths[index])
        fits = [number for number, space in enumerate(left) if space >= length]
        if fits:
            best = min(fits, key=lambda number: left[number])
            rows[best].append(index)
            left[best] -= length
        else:
            rows.append([index])
            left.append(room - length)
    return rows


def in_batches(lengths: Lengths, examples: Sequence[int], size: int) -> list[Row]:
    """The examples by length, so many in each padded row: little padding."""
    ordered = sorted(examples, key=lambda i: (lengths[i], i))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def share_out(lengths: Lengths, examples: Sequence[int], devices: int) -> list[list[int]]:
    """The examples of a step over devices, about the same number of tokens on each: longest first, to the emptiest."""
    shares: list[list[int]] = [[] for _ in range(devices)]
    loads = [0] * devices
    for index in sorted(examples, key=lambda i: (-lengths[i], i)):
        emptiest = loads.index(min(loads))
        shares[emptiest].append(index)
        loads[emptiest] += int(lengths[index])
    return shares


def even_out(rows: list[Row], count: int) -> list[Row]:
    """As many rows as the other devices have, by cutting the fullest in two; empty ones where that does not do.

    Devices that split a model wait for one another in every forward pass.
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
