"""Models compared on the same items, over several trainings: a bootstrap that draws both items and trainings.

A figure here is a ratio of sums, such as nats over target tokens, or points over prompts. Chance enters twice: by the
items that were measured, and by how the training went. Items are drawn alike for all models, so models are compared
item by item. That is far sharper than comparing two means. Of S trainings S - 1 are drawn: with so few, drawing S would
make the variance (S - 1) / S of what it is (Rao and Wu 1988). Trainings with the same seeds are drawn alike too.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from humpback.statistics.intervals import DRAWS, FloatArray, Interval, percentile_interval, resample_counts

Name = TypeVar("Name")
_CHUNK = 100
"""Draws made at a time: bounds the memory for many items."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measure gives for one model on one item."""

    item: str
    total: float
    """What is summed, such as nats."""
    weight: float = 1.0
    """What the sum is divided by, such as tokens."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """Measurements of one way to train: rows are trainings, columns the items that all models have in common."""

    seeds: tuple[int, ...]
    totals: FloatArray
    weights: FloatArray

    @property
    def value(self) -> float:
        """The figure over all items and trainings."""
        return float(self.totals.sum() / self.weights.sum())

    @property
    def by_seed(self) -> tuple[float, ...]:
        """The figure of each training."""
        return tuple(float(value) for value in self.totals.sum(axis=1) / self.weights.sum(axis=1))

    def only(self, seeds: Sequence[int]) -> Trainings:
        """The trainings with these seeds."""
        rows = [row for row, seed in enumerate(self.seeds) if seed in seeds]
        return Trainings(tuple(self.seeds[row] for row in rows), self.totals[rows], self.weights[rows])


@dataclass(frozen=True, slots=True)
class Difference:
    """One way to train minus another, over the seeds that both have (all of each where they have none in common)."""

    difference: float
    standard_error: float
    interval: Interval
    seeds: int
    """Trainings of each; of the one that has fewer."""
    lower: int
    """Common seeds in which the first one's figure is below the other's."""


def line_up(readings: Mapping[Name, Mapping[int, Sequence[Measured]]]) -> tuple[dict[Name, Trainings], int]:
    """Brings readings of many models to one set of items.

    Args:
        readings: By name and seed, what was read of each item.

    Returns:
        The trainings by name, and how many items were left out because one model or another lacks them.
    """
    tables = {
        name: {seed: {row.item: row for row in seeds[seed]} for seed in sorted(seeds)}
        for name, seeds in readings.items()
    }
    item_sets = [table.keys() for by_seed in tables.values() for table in by_seed.values()]
    union = set().union(*item_sets)
    items = sorted(union.intersection(*item_sets))
    trainings = {
        name: Trainings(
            tuple(by_seed),
            np.array([[table[item].total for item in items] for table in by_seed.values()], np.float64),
            np.array([[table[item].weight for item in items] for table in by_seed.values()], np.float64),
        )
        for name, by_seed in tables.items()
    }
    return trainings, len(union) - len(items)


def draws(trainings: Trainings, rng_seed: int = 0) -> FloatArray:
    """The figure in each of `DRAWS` draws. The same items are drawn for all trainings that share a number of items."""
    items, rows = trainings.totals.shape[1], len(trainings.seeds)
    picked = _training_counts(trainings.seeds, rng_seed) if rows > 1 else np.ones((DRAWS, rows))
    figures = np.empty(DRAWS)
    for chunk, counts in enumerate(resample_counts(items, DRAWS, _CHUNK, rng_seed)):
        span = slice(chunk * _CHUNK, chunk * _CHUNK + len(counts))
        totals, weights = counts @ trainings.totals.T, counts @ trainings.weights.T
        figures[span] = (picked[span] * totals).sum(axis=1) / (picked[span] * weights).sum(axis=1)
    return figures


def difference(ours: Trainings, theirs: Trainings, rng_seed: int = 0) -> Difference:
    """How much the first way to train is above the second, with its interval."""
    common = sorted(set(ours.seeds) & set(theirs.seeds))
    if common:
        ours, theirs = ours.only(common), theirs.only(common)
    lower = sum(first < second for first, second in zip(ours.by_seed, theirs.by_seed, strict=True)) if common else 0
    drawn = draws(ours, rng_seed) - draws(theirs, rng_seed)
    fewest = min(len(ours.seeds), len(theirs.seeds))
    return Difference(ours.value - theirs.value, float(drawn.std()), percentile_interval(drawn), fewest, lower)


def _training_counts(seeds: tuple[int, ...], rng_seed: int) -> FloatArray:
    """How often each training counts in each draw; follows from the seeds, so that the same ones are drawn alike."""
    generator = np.random.default_rng([rng_seed, zlib.crc32(repr(seeds).encode())])
    rows = len(seeds)
    return generator.multinomial(rows - 1, np.full(rows, 1 / rows), size=DRAWS).astype(np.float64)
