"""Vectors in a byte for each dimension, whose cosine similarity does not depend on what they are compared with.

A vector is divided by its largest component and rounded to 127 steps on each side of zero: with 640 dimensions that
changes a cosine by less than .002. Products of such numbers are whole, and their sums are exact in any order: however
many vectors are compared at a time, the same two have the same similarity to the last digit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from humpback.likeness.direction import Vectors

Packed = NDArray[np.int8]
"""Vectors x dimensions, each from -127 to 127."""

_STEPS = 127
_EXACT_IN_FLOAT32 = (1 << 24) // _STEPS**2
"""Dimensions up to which every sum of products is a whole number that a float of 32 bits holds."""


def pack(vectors: Vectors) -> Packed:
    """The direction of each vector."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    return np.rint(vectors * (_STEPS / np.where(largest > 0, largest, 1))).astype(np.int8)


def unpack(data: bytes, dimensions: int) -> Packed:
    """Packed vectors from their bytes, one behind the other."""
    return np.frombuffer(data, np.int8).reshape(-1, dimensions)


def similarities(first: Packed, second: Packed) -> NDArray[np.float64]:
    """Cosine similarity of each vector of the first to each of the second; 0 where one has no direction.

    It is 1 only for vectors that are the same once they are packed.
    """
    exact: type[np.floating[Any]] = np.float32 if first.shape[1] <= _EXACT_IN_FLOAT32 else np.float64
    products = (first.astype(exact) @ second.astype(exact).T).astype(np.float64)
    squares = np.outer(_squared_lengths(first), _squared_lengths(second))
    return np.asarray(products / np.sqrt(np.where(squares > 0, squares, 1)))


def _squared_lengths(vectors: Packed) -> NDArray[np.float64]:
    return np.asarray((vectors.astype(np.float64) ** 2).sum(axis=1))
