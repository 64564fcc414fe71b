"""How well scores agree with labels: the paper's table of curator quality, for any scorer and any labels.

Takes pairs with a score and a label, gives figures with 95 % intervals from a bootstrap over groups (pairs that share a
prompt are drawn together). A pair without a score is not left out: it counts as worse than all that have one, as
selection treats it. Scores that are equal are in no order, so each figure is its mean over all orders of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from humpback.errors import ConfigError
from humpback.statistics.intervals import Interval, bootstrap_mean

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From the weight of every pair in some draws (draws x pairs) to the figures of each draw (draws x figures)."""

_DRAWS = 1000
_CORRELATION_DRAWS = 200
_CHUNK = 2_000_000
"""Weights that are held at a time."""
_BINS = 10
_TAIL = 2.5


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair with what a scorer and what its label say of it."""

    id: str
    score: float | None
    label: float
    """Higher is better."""
    good: bool | None
    """None where the label does not say so."""
    group: str
    """Pairs of one group (answers to one prompt, a pair and its faulty twin) are compared with one another."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure."""

    name: str
    value: float
    interval: Interval
    of: int
    """Pairs it is about; for figures within groups, groups."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs whose scores, read as probabilities, lie in one tenth of the scale."""

    low: float
    high: float
    pairs: int
    predicted: float
    """Their mean."""
    good: float
    """The part of them that is good."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether a score means what it says: of the pairs given a probability of .8, are four in five good?"""

    bins: tuple[Bin, ...]
    error: Figure
    """Expected calibration error: the mean distance of `predicted` from `good` over all pairs (Guo et al. 2017)."""


def auroc(rows: Sequence[Judged], seed: int = 0) -> Figure:
    """The probability that a good pair scores above one that is not; nan where there are none of either.

    Pairs whose label does not say whether they are good are left out.
    """
    known, good = _known(rows)
    order = _Order(known)

    def statistic(weights: Floats) -> Floats:
        own, bad = order.sums(weights * good), order.sums(weights * (1 - good))
        below = np.cumsum(bad, axis=1) - bad / 2
        return _ratio((own * below).sum(axis=1), own.sum(axis=1) * bad.sum(axis=1))[:, None]

    ((value, interval),) = _estimate(statistic, known, seed)
    return Figure("AUROC", value, interval, len(known))


def at_k(rows: Sequence[Judged], counts: Sequence[int], seed: int = 0) -> tuple[Figure, ...]:
    """Precision and recall of the best-scored so many pairs, for each of some numbers.

    In a draw of the bootstrap it is the same part of the pairs.
    """
    known, good = _known(rows)
    order = _Order(known)
    counts = [min(count, len(known)) for count in counts]
    shares = np.array(counts) / max(1, len(known))

    def statistic(weights: Floats) -> Floats:
        held = np.cumsum(order.sums(weights)[:, ::-1], axis=1)
        hits = np.cumsum(order.sums(weights * good)[:, ::-1], axis=1)
        start = np.zeros((len(weights), 1))
        wanted = shares * held[:, -1:]
        lines = zip(wanted, np.hstack((start, held)), np.hstack((start, hits)), strict=True)
        taken = np.array([np.interp(ends, x, y) for ends, x, y in lines])
        return np.hstack((_ratio(taken, wanted), _ratio(taken, hits[:, -1:])))

    names = [f"{what} at {count}" for what in ("precision", "recall") for count in counts]
    found = _estimate(statistic, known, seed) if known else [(math.nan, Interval(math.nan, math.nan))] * len(names)
    return tuple(Figure(name, *estimate, len(known)) for name, estimate in zip(names, found, strict=True))


def pairwise_accuracy(rows: Sequence[Judged], seed: int = 0) -> Figure:
    """Of two pairs of one group, how often the better-labelled one has the higher score; equal scores count half."""
    right: list[float] = []
    where: list[str] = []
    for name, members in groups_of(rows).items():
        values = np.array([_value(row) for row in members])
        labels = np.array([row.label for row in members])
        better = np.argwhere(labels[:, None] > labels[None, :])
        right += [0.5 if values[i] == values[j] else float(values[i] > values[j]) for i, j in better]
        where += [name] * len(better)
    value = float(np.mean(right)) if right else math.nan
    return Figure("pairwise accuracy within groups", value, bootstrap_mean(right, where, seed), len(set(where)))


def correlations(rows: Sequence[Judged], seed: int = 0) -> tuple[Figure, ...]:
    """Spearman's rho and Kendall's tau-b of score and label over all pairs; 0 where all scores are equal.

    Raises:
        ConfigError: scipy is not installed.
    """
    members = list(groups_of(rows).values())
    draw = np.random.default_rng(seed)
    found = np.empty((_CORRELATION_DRAWS + 1, 2))
    found[0] = _correlation(rows)
    for number in range(1, len(found)):
        drawn = [members[place] for place in draw.integers(0, len(members), len(members))]
        found[number] = _correlation([row for group in drawn for row in group])
    return tuple(
        Figure(name, float(found[0, column]), _interval(found[1:, column]), len(rows))
        for column, name in enumerate(("Spearman", "Kendall"))
    )


def correlations_within(rows: Sequence[Judged], seed: int = 0) -> tuple[Figure, ...]:
    """The same within each group, and the mean over the groups that have different labels.

    Raises:
        ConfigError: scipy is not installed.
    """
    some = {name: group for name, group in groups_of(rows).items() if len({row.label for row in group}) > 1}
    found = [_correlation(group) for group in some.values()]
    figures = []
    for column, name in enumerate(("Spearman", "Kendall")):
        values = [values[column] for values in found]
        mean = float(np.mean(values)) if values else math.nan
        interval = bootstrap_mean(values, list(some), seed)
        figures.append(Figure(f"{name} within groups", mean, interval, len(some)))
    return tuple(figures)


def calibration(rows: Sequence[Judged], seed: int = 0) -> Calibration | None:
    """Scores as probabilities that a pair is good, against how many are; None where they are no probabilities.

    Scores from 0 to 1 are taken as they are, grades from 1 to 5 as (grade - 1) / 4. Pairs without a score do not count.
    """
    known, good = _known([row for row in rows if row.score is not None])
    predicted = _probabilities(np.array([_value(row) for row in known]))
    if predicted is None:
        return None
    places = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    inside = np.eye(_BINS)[places]

    def statistic(weights: Floats) -> Floats:
        gaps = np.abs((weights * (predicted - good)) @ inside)
        return _ratio(gaps.sum(axis=1), weights.sum(axis=1))[:, None]

    ((value, interval),) = _estimate(statistic, known, seed)
    bins = tuple(
        Bin(
            place / _BINS, (place + 1) / _BINS, int(here.sum()), float(predicted[here].mean()), float(good[here].mean())
        )
        for place in range(_BINS)
        if (here := places == place).any()
    )
    return Calibration(bins, Figure("calibration error", value, interval, len(known)))


def groups_of(rows: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The pairs of each group, groups in the order in which they come first."""
    found: dict[str, list[Judged]] = {}
    for row in rows:
        found.setdefault(row.group, []).append(row)
    return found


class _Order:
    """Pairs sorted by score, equal scores in one block."""

    def __init__(self, rows: Sequence[Judged]) -> None:
        values = np.array([_value(row) for row in rows])
        self._by_score = np.argsort(values, kind="stable")
        ranked = values[self._by_score]
        self._starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1])[: len(ranked)])

    def sums(self, weights: Floats) -> Floats:
        """The weight of each block in each draw, from the lowest score to the highest."""
        if not len(self._starts):
            return weights
        return np.add.reduceat(weights[:, self._by_score], self._starts, axis=1)


def _known(rows: Sequence[Judged]) -> tuple[list[Judged], Floats]:
    known = [row for row in rows if row.good is not None]
    return known, np.array([bool(row.good) for row in known], np.float64)


def _value(row: Judged) -> float:
    return -math.inf if row.score is None or math.isnan(row.score) else row.score


def _estimate(statistic: Statistic, rows: Sequence[Judged], seed: int) -> list[tuple[float, Interval]]:
    """Each figure, and its percentile bootstrap over groups: how often each is drawn is the weight of its pairs."""
    names = {name: number for number, name in enumerate(groups_of(rows))}
    places = np.array([names[row.group] for row in rows], np.int64)
    value = statistic(np.ones((1, len(rows))))[0]
    draw, drawn = np.random.default_rng(seed), []
    size = max(1, min(_DRAWS, _CHUNK // max(1, len(rows))))
    for start in range(0, _DRAWS if names else 0, size):
        counts = draw.multinomial(len(names), np.full(len(names), 1 / len(names)), min(size, _DRAWS - start))
        drawn.append(statistic(counts[:, places].astype(np.float64)))
    draws = np.concatenate(drawn) if drawn else np.full((1, len(value)), math.nan)
    return [(float(one), _interval(draws[:, column])) for column, one in enumerate(value)]


def _interval(draws: Floats) -> Interval:
    """From the 2.5th to the 97.5th percentile of the draws in which there is a figure."""
    some = draws[~np.isnan(draws)]
    if not len(some):
        return Interval(math.nan, math.nan)
    low, high = np.percentile(some, [_TAIL, 100 - _TAIL])
    return Interval(float(low), float(high))


def _ratio(over: Floats, under: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(under > 0, over / under, math.nan)


def _correlation(rows: Sequence[Judged]) -> tuple[float, float]:
    try:
        from scipy import stats
    except ImportError:
        raise ConfigError("rank correlations need scipy", "pip install 'humpback-align[evaluate]'") from None
    scores, labels = [_value(row) for row in rows], [row.label for row in rows]
    if len(set(scores)) < 2 or len(set(labels)) < 2:
        return 0.0, 0.0
    return float(stats.spearmanr(stats.rankdata(scores), labels)[0]), float(stats.kendalltau(scores, labels)[0])


def _probabilities(scores: Floats) -> Floats | None:
    if not len(scores):
        return None
    for low, high in ((0, 1), (1, 5)):
        if low <= scores.min() and scores.max() <= high:
            return (scores - low) / (high - low)
    return None
