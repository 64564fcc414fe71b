"""Models compared on the same items, over several trainings: a bootstrap that draws both items and trainings.

A figure here is a ratio of sums, such as nats over target tokens, or points over prompts. Two sources of chance are in
it: which items were measured, and how the training went. Items are drawn alike for all models, so models are compared
item by item. Of S trainings S - 1 are drawn: with so few, drawing S would make the variance (S - 1) / S of what it is
(Rao and Wu 1988). Trainings with the same seeds are drawn alike too.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from humpback.statistics.intervals import DRAWS, Interval

Name = TypeVar("Name")
FloatArray = npt.NDArray[np.float64]
_AT_ONCE = 100
"""Draws made at a time: bounds the memory for many items."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measure found for one model on one item."""

    item: str
    total: float
    """What is summed, such as nats."""
    weight: float = 1.0
    """What it is divided by once it is summed, such as tokens."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """What a measure found for one way to train: rows are trainings, columns the items all models have in common."""

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
        rows = [place for place, seed in enumerate(self.seeds) if seed in seeds]
        return Trainings(tuple(self.seeds[row] for row in rows), self.totals[rows], self.weights[rows])


@dataclass(frozen=True, slots=True)
class Difference:
    """One way to train against another, over the seeds that both have (all of each where they have none in common)."""

    difference: float
    interval: Interval
    seeds: int
    """Trainings of each; of the one that has fewer."""
    lower: int
    """Seeds in which the first one's figure is below the other's, of those in common."""


def line_up(found: Mapping[Name, Mapping[int, Sequence[Measured]]]) -> tuple[dict[Name, Trainings], int]:
    """Brings readings of many models to one set of items.

    Args:
        found: By name and seed, what was read of each item.

    Returns:
        The trainings by name, and how many items were left out because one model or another lacks them.
    """
    tables = [{row.item: row for row in rows} for seeds in found.values() for rows in seeds.values()]
    every = set().union(*tables) if tables else set()
    items = sorted(every.intersection(*tables)) if tables else []
    made = {}
    for name, seeds in found.items():
        order = sorted(seeds)
        rows = [{row.item: row for row in seeds[seed]} for seed in order]
        made[name] = Trainings(
            tuple(order),
            np.array([[row[item].total for item in items] for row in rows], np.float64),
            np.array([[row[item].weight for item in items] for row in rows], np.float64),
        )
    return made, len(every) - len(items)


def draws(trainings: Trainings, seed: int = 0) -> FloatArray:
    """The figure in each of `DRAWS` draws; the same items are drawn for all trainings on them."""
    items, rows = trainings.totals.shape[1], len(trainings.seeds)
    picked = _seed_draws(trainings.seeds, seed) if rows > 1 else np.ones((DRAWS, rows))
    generator = np.random.default_rng(seed)
    parts = []
    for start in range(0, DRAWS, _AT_ONCE):
        counts = generator.multinomial(items, np.full(items, 1 / items), size=min(_AT_ONCE, DRAWS - start))
        drawn = picked[start : start + _AT_ONCE]
        totals, weights = counts @ trainings.totals.T, counts @ trainings.weights.T
        parts.append((drawn * totals).sum(axis=1) / (drawn * weights).sum(axis=1))
    return np.concatenate(parts)


def interval_of(values: FloatArray) -> Interval:
    """The 95 % percentile interval of draws."""
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(low), float(high))


def difference(ours: Trainings, theirs: Trainings, seed: int = 0) -> Difference:
    """What the first way to train is above the second, with its interval."""
    common = sorted(set(ours.seeds) & set(theirs.seeds))
    if common:
        ours, theirs = ours.only(common), theirs.only(common)
    below = sum(one < other for one, other in zip(ours.by_seed, theirs.by_seed, strict=True)) if common else 0
    found = draws(ours, seed) - draws(theirs, seed)
    fewest = min(len(ours.seeds), len(theirs.seeds))
    return Difference(ours.value - theirs.value, interval_of(found), fewest, below)


def _seed_draws(seeds: tuple[int, ...], seed: int) -> FloatArray:
    """How often each training counts in each draw; follows from the seeds, so that the same ones are drawn alike."""
    generator = np.random.default_rng([seed, zlib.crc32(repr(seeds).encode())])
    rows = len(seeds)
    return generator.multinomial(rows - 1, np.full(rows, 1 / rows), size=DRAWS).astype(np.float64)
