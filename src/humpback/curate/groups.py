"""Groups of like instructions without a model: spherical k-means (Dhillon & Modha 2001) over rare words.

An instruction is a vector of its words, each weighed by how rare it is and hashed to one of 512 cells with a sign
(feature hashing: Weinberger et al. 2009). All vectors have the same length. A word that is in all instructions, or in
one alone, counts for nothing. Pairs of words are left out, for they make groups of ways to ask ('What is the'): of 30
planted topics, asked about in ten ways, 30 groups hold 93 % together, and with pairs 69 %.
The centres are learned from a sample. Every instruction then belongs to the centre it is most like; those that are like
none make a last group.

All vectors hold whole numbers small enough for float32 to add them without an error. So the groups are the same in
every process, on every machine, whatever the order or the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from humpback.text.shingles import mixed, words

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]

SAMPLE = 16_384
"""Instructions that centres are learned from, or a few more: 16 for each of the most groups that may be asked for."""

WINDOW = 1024
"""Instructions that are looked at together; memory follows it."""

_CELLS = 512
_LENGTH = 1024
"""Of each vector, rounded to whole numbers: products of two add up to 2**20, and float32 is exact to 2**24."""
_BUCKETS = 1 << 20
_STEPS = 20
_STARTS = 3


@dataclass(frozen=True, slots=True)
class Groups:
    """What tells the group of an instruction."""

    weights: NDArray[np.float32]
    """Of each bucket of words."""
    centres: Vectors

    @property
    def count(self) -> int:
        """How many groups there are, with that of what is like no centre."""
        return len(self.centres) + 1

    def of(self, texts: Sequence[str]) -> Numbers:
        """The group of each instruction; some thousands at a time are enough."""
        return _nearest(_vectors(texts, self.weights), self.centres)[0]


def learn(texts: Sequence[str], count: int) -> Groups:
    """Finds groups.

    Args:
        texts: Instructions, or a sample of them; their order decides between groupings that are as good.
        count: How many groups; there are fewer where fewer instructions differ.
    """
    weights = _rarity(texts)
    parts = [_vectors(texts[at : at + WINDOW], weights) for at in range(0, len(texts), WINDOW)]
    vectors = np.concatenate([part[part.any(axis=1)] for part in parts]) if parts else _vectors([], weights)
    groupings = [_converged(vectors, _start(vectors, count, start)) for start in range(_STARTS)]
    return Groups(weights, max(groupings, key=lambda grouping: grouping[1])[0])


def _buckets(hashes: NDArray[np.uint64]) -> Numbers:
    return (hashes & np.uint64(_BUCKETS - 1)).astype(np.int64)


def _rarity(texts: Sequence[str]) -> NDArray[np.float32]:
    """The weight of each bucket of words: sixteenths of nats that it is rarer than once in each text."""
    counts = np.zeros(_BUCKETS, np.int64)
    for at in range(0, len(texts), WINDOW):
        counts += np.bincount(_buckets(words(texts[at : at + WINDOW]).hashes), minlength=_BUCKETS)
    rarity = np.maximum(np.log(max(1, len(texts)) / np.maximum(counts, 1)), 0)
    return np.where(counts > 1, np.rint(16 * rarity), 0).astype(np.float32)


def _vectors(texts: Sequence[str], weights: NDArray[np.float32]) -> Vectors:
    hashed = words(texts)
    spread = mixed(hashed.hashes)
    # One bit of a hash says the sign, the others the cell.
    signs = 1.0 - 2.0 * (spread & np.uint64(1)).astype(np.float64)
    owners = np.repeat(np.arange(len(texts)), np.diff(hashed.ends))
    cells = owners * _CELLS + ((spread >> np.uint64(1)) % np.uint64(_CELLS)).astype(np.int64)
    sums = np.bincount(cells, signs * weights[_buckets(hashed.hashes)], len(texts) * _CELLS).astype(np.float64)
    return _of_one_length(sums.reshape(-1, _CELLS))


def _of_one_length(sums: NDArray[np.float64]) -> Vectors:
    lengths = np.sqrt(np.square(sums).sum(axis=1, keepdims=True))
    return np.rint(sums * (_LENGTH / np.maximum(lengths, 1))).astype(np.float32)


def _nearest(vectors: Vectors, centres: Vectors) -> tuple[Numbers, Vectors]:
    """The centre that each is most like, and how much; the number behind the last one where it is like none."""
    if not len(centres):
        return np.zeros(len(vectors), np.int64), np.zeros(len(vectors), np.float32)
    likeness = vectors @ centres.T
    best = likeness.max(axis=1)
    return np.where(best > 0, likeness.argmax(axis=1), len(centres)), best


def _start(vectors: Vectors, count: int, rng_seed: int) -> Vectors:
    """Vectors far from one another (k-means++: Arthur & Vassilvitskii 2007), of a part of them all."""
    draw = np.random.default_rng(rng_seed)
    sample = vectors[: max(8 * count, 2000)]
    indices: list[int] = []
    distance = np.full(len(sample), float(_LENGTH**2))
    while len(indices) < count and distance.any():
        sums = np.cumsum(distance)
        indices.append(int(np.searchsorted(sums, draw.random() * sums[-1], side="right")))
        # Components are rounded, so a vector's likeness to itself may differ a little from the square of the length.
        likeness = (sample @ sample[indices[-1]]).astype(np.float64)
        distance = np.minimum(distance, np.maximum(_LENGTH**2 - likeness, 0))
        distance[likeness >= likeness[indices[-1]]] = 0
    return sample[indices]


def _converged(vectors: Vectors, centres: Vectors) -> tuple[Vectors, float]:
    """Centres that no longer move, or hardly, and how like them the vectors are."""
    nearest, best = _nearest(vectors, centres)
    for _ in range(_STEPS):
        groups = [vectors[nearest == number] for number in range(len(centres))]
        sums = np.array([group.sum(axis=0, dtype=np.float64) for group in groups]).reshape(-1, _CELLS)
        centres = np.where(sums.any(axis=1, keepdims=True), _of_one_length(sums), centres)
        before = nearest
        nearest, best = _nearest(vectors, centres)
        if np.array_equal(before, nearest):
            break
    return centres, float(best.sum(dtype=np.float64))
