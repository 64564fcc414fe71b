"""Models compared on the same items, over several trainings: chance enters by the items and by how a training went.

A figure here is a ratio of sums, such as nats over target tokens, or points over prompts. Items are drawn anew
(bootstrap), alike for all models, so models are compared item by item. That is far sharper than comparing two means.
How much trainings that differ in their seed alone vary is estimated from all ways to train together, since two or three
of one kind say little; an interval follows the t distribution of that estimate.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from humpback.statistics.intervals import DRAWS, FloatArray, Interval, percentile_interval, resample_counts

Name = TypeVar("Name")
UNTRAINED = 0
"""Stands for the seed of a model that nothing was trained for."""
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
class Noise:
    """How much the figures of trainings that differ in their seed alone vary."""

    variance: float
    """Of one training's figure, in the squared unit of the measure."""
    degrees: int
    """Degrees of freedom of the estimate: trainings less ways to train."""

    @classmethod
    def of(cls, ways: Iterable[Trainings]) -> Noise | None:
        """Pooled over the ways to train that have two trainings or more; None where none has."""
        repeated = [trainings.by_seed for trainings in ways if len(trainings.seeds) > 1]
        degrees = sum(len(figures) - 1 for figures in repeated)
        if not degrees:
            return None
        squares = sum(float(np.var(figures)) * len(figures) for figures in repeated)
        return cls(squares / degrees, degrees)


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


def draws(trainings: Trainings, noise: Noise | None = None, rng_seed: int = 0) -> FloatArray:
    """The figure in each of `DRAWS` draws. The same items are drawn for all trainings that share a number of items.

    Args:
        trainings: What was measured.
        noise: Of trainings; None says how sure the figure is of these models alone.
        rng_seed: Starts the generators.
    """
    totals, weights = trainings.totals.sum(axis=0), trainings.weights.sum(axis=0)
    chunks = resample_counts(len(totals), DRAWS, _CHUNK, rng_seed)
    figures = np.concatenate([(counts @ totals) / (counts @ weights) for counts in chunks])
    if noise is None or trainings.seeds == (UNTRAINED,):
        return figures
    # How sure the variance itself is, is one draw for all; how a training went, one for each way to train.
    certainty = np.random.default_rng([rng_seed, noise.degrees]).chisquare(noise.degrees, DRAWS) / noise.degrees
    generator = np.random.default_rng([rng_seed, zlib.crc32(trainings.totals.tobytes())])
    errors: FloatArray = generator.standard_normal(DRAWS) * np.sqrt(noise.variance / len(trainings.seeds) / certainty)
    return figures + errors


def difference(ours: Trainings, theirs: Trainings, noise: Noise | None = None, rng_seed: int = 0) -> Difference:
    """How much the first way to train is above the second, with its interval.

    Args:
        ours: The first.
        theirs: The second.
        noise: Of trainings; None takes it from these two, if one of them has two trainings.
        rng_seed: Starts the generators.
    """
    noise = noise or Noise.of((ours, theirs))
    common = sorted(set(ours.seeds) & set(theirs.seeds))
    if common:
        ours, theirs = ours.only(common), theirs.only(common)
    lower = sum(first < second for first, second in zip(ours.by_seed, theirs.by_seed, strict=True)) if common else 0
    drawn = draws(ours, noise, rng_seed) - draws(theirs, noise, rng_seed)
    fewest = min(len(ours.seeds), len(theirs.seeds))
    return Difference(ours.value - theirs.value, float(drawn.std()), percentile_interval(drawn), fewest, lower)
