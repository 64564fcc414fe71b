"""How far people agree on labels without an order: Cohen's kappa of two, Krippendorff's alpha of any number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from humpback.statistics.intervals import DRAWS, Interval, percentile_interval

Unit = Sequence[str]
"""The labels of one item, one for each person who labelled it."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A coefficient of agreement: 1 is perfect, 0 what chance gives; nan where it is not defined."""

    value: float
    interval: Interval
    """Bootstrap over items."""
    items: int
    """Items with two labels or more."""


def cohens_kappa(first: Mapping[str, str], second: Mapping[str, str]) -> Agreement:
    """Cohen's kappa of two people, given by item, on the items that both have labelled."""
    pairs = [(first[item], second[item]) for item in sorted(first.keys() & second.keys())]
    return _with_interval(pairs, _kappa)


def krippendorffs_alpha(units: Sequence[Unit]) -> Agreement:
    """Krippendorff's alpha for nominal labels; not all need have labelled every item."""
    return _with_interval([tuple(sorted(unit)) for unit in units if len(unit) > 1], _alpha)


def _with_interval(
    units: Sequence[tuple[str, ...]], coefficient: Callable[[Mapping[tuple[str, ...], int]], float]
) -> Agreement:
    """Draws over the kinds of items, not over the items: there are few kinds, however many items there are."""
    kinds = Counter(units)
    if not units:
        return Agreement(math.nan, Interval(math.nan, math.nan), 0)
    shares = np.array(list(kinds.values())) / len(units)
    draws = np.random.default_rng(0).multinomial(len(units), shares, size=DRAWS).tolist()
    values = np.array([coefficient(dict(zip(kinds, counts, strict=True))) for counts in draws])
    return Agreement(coefficient(kinds), percentile_interval(values), len(units))


def _kappa(kinds: Mapping[tuple[str, ...], int]) -> float:
    total = sum(kinds.values())
    agreed = sum(count for (a, b), count in kinds.items() if a == b) / total
    first, second = Counter[str](), Counter[str]()
    for (a, b), count in kinds.items():
        first[a] += count
        second[b] += count
    chance = sum(first[label] * second[label] for label in first) / total**2
    return (agreed - chance) / (1 - chance) if chance < 1 else math.nan


def _alpha(kinds: Mapping[tuple[str, ...], int]) -> float:
    labels = Counter[str]()
    disagreed = 0.0
    for unit, count in kinds.items():
        mine = Counter(unit)
        labels.update({label: number * count for label, number in mine.items()})
        disagreed += count * (len(unit) ** 2 - sum(n * n for n in mine.values())) / (len(unit) - 1)
    total = labels.total()
    expected = (total**2 - sum(n * n for n in labels.values())) / (total - 1) if total > 1 else 0.0
    return 1 - disagreed / expected if expected else math.nan
