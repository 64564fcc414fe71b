"""How well scores agree with labels: the paper's table of curator quality, for any scorer and any labels.

Takes pairs with a score and a label. Gives figures with 95 % intervals from a bootstrap over groups: pairs that share a
prompt are drawn together. A pair without a score is not left out: it counts as worse than all that have one, as in
selection. Equal scores have no order, so each figure is its mean over all orders of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from humpback.errors import ConfigError
from humpback.statistics.intervals import FloatArray, Interval, bootstrap_mean, percentile_interval, resample_counts
from humpback.statistics.ranks import TieBlocks, auroc_interval, ratio, spearman

Statistic = Callable[[FloatArray], FloatArray]
"""From the weight of every pair in some draws (draws x pairs) to the figures of each draw (draws x figures)."""

_DRAWS = 1000
_FEW_GROUPS = 40
_CHUNK = 2_000_000
"""Weights that are held at a time."""
_BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair with its score and its label."""

    id: str
    score: float | None
    label: float
    """Higher is better."""
    good: bool | None
    """None where the label does not say it."""
    group: str
    """Pairs of one group (answers to one prompt, a pair and its faulty twin) are compared with one another."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure."""

    name: str
    value: float
    interval: Interval
    of: int
    """Pairs that it is about; for figures within groups, groups."""


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


def auroc(rows: Sequence[Judged], rng_seed: int = 0) -> Figure:
    """The probability that a good pair scores above a bad one; nan where there are none of either.

    Pairs whose label does not say whether they are good are left out. Where either side has fewer than 40 groups the
    interval is that of `auroc_interval`: a bootstrap of so few is too narrow.
    """
    labelled, good = _with_verdict(rows)
    blocks = TieBlocks(_scores(labelled))

    def statistic(weights: FloatArray) -> FloatArray:
        return blocks.auroc(weights * (1 - good), weights * good)[:, None]

    ((value, interval),) = _estimate(statistic, labelled, rng_seed)
    lower, higher = (len({row.group for row in labelled if row.good is side}) for side in (False, True))
    if 0 < min(lower, higher) < _FEW_GROUPS:
        interval = auroc_interval(value, lower, higher)
    return Figure("AUROC", value, interval, len(labelled))


def at_k(rows: Sequence[Judged], counts: Sequence[int], rng_seed: int = 0) -> tuple[Figure, ...]:
    """Precision and recall of the best-scored so many pairs, for each of some numbers.

    In a draw of the bootstrap it is the same part of the pairs.
    """
    labelled, good = _with_verdict(rows)
    blocks = TieBlocks(_scores(labelled))
    counts = [min(count, len(labelled)) for count in counts]
    shares = np.array(counts) / max(1, len(labelled))

    def statistic(weights: FloatArray) -> FloatArray:
        # From the best block on. A cut inside a block takes each of its pairs in part: the mean over all orders.
        pairs = np.cumsum(blocks.sums(weights)[:, ::-1], axis=1)
        hits = np.cumsum(blocks.sums(weights * good)[:, ::-1], axis=1)
        zero = np.zeros((len(weights), 1))
        cuts = shares * pairs[:, -1:]
        curves = zip(cuts, np.hstack((zero, pairs)), np.hstack((zero, hits)), strict=True)
        hits_at_cuts = np.array([np.interp(cut, x, y) for cut, x, y in curves])
        return np.hstack((ratio(hits_at_cuts, cuts), ratio(hits_at_cuts, hits[:, -1:])))

    names = [f"{measure} at {count}" for measure in ("precision", "recall") for count in counts]
    if not labelled:
        return tuple(Figure(name, math.nan, Interval(math.nan, math.nan), 0) for name in names)
    estimates = _estimate(statistic, labelled, rng_seed)
    return tuple(Figure(name, *estimate, len(labelled)) for name, estimate in zip(names, estimates, strict=True))


def pairwise_accuracy(rows: Sequence[Judged], rng_seed: int = 0) -> Figure:
    """Of two pairs of one group, how often the better-labelled one has the higher score; equal scores count half."""
    points: list[float] = []
    groups: list[str] = []
    for name, members in groups_of(rows).items():
        scores = _scores(members)
        labels = np.array([row.label for row in members])
        better = np.argwhere(labels[:, None] > labels[None, :])
        points += [0.5 if scores[i] == scores[j] else float(scores[i] > scores[j]) for i, j in better]
        groups += [name] * len(better)
    value = float(np.mean(points)) if points else math.nan
    interval = bootstrap_mean(points, groups, rng_seed)
    return Figure("pairwise accuracy within groups", value, interval, len(set(groups)))


def correlations(rows: Sequence[Judged], rng_seed: int = 0) -> tuple[Figure, ...]:
    """Spearman's rho and Kendall's tau-b of score and label over all pairs; 0 where all scores are equal.

    Raises:
        ConfigError: scipy is not installed.
    """
    scores, labels = _scores(rows), _labels(rows)
    members = _members(rows)
    generator = np.random.default_rng(rng_seed)
    figures = np.empty((_DRAWS + 1, 2))
    figures[0] = _correlation(scores, labels)
    for draw in range(1, len(figures)):
        picked = np.concatenate([members[index] for index in generator.integers(0, len(members), len(members))])
        figures[draw] = _correlation(scores[picked], labels[picked])
    return tuple(
        Figure(name, float(figures[0, column]), percentile_interval(figures[1:, column]), len(rows))
        for column, name in enumerate(("Spearman", "Kendall"))
    )


def correlations_within(rows: Sequence[Judged], rng_seed: int = 0) -> tuple[Figure, ...]:
    """The same within each group, and the mean over the groups that have different labels.

    Raises:
        ConfigError: scipy is not installed.
    """
    groups = {name: group for name, group in groups_of(rows).items() if len({row.label for row in group}) > 1}
    by_group = [_correlation(_scores(group), _labels(group)) for group in groups.values()]
    figures = []
    for column, name in enumerate(("Spearman", "Kendall")):
        values = [correlation[column] for correlation in by_group]
        mean = float(np.mean(values)) if values else math.nan
        interval = bootstrap_mean(values, list(groups), rng_seed)
        figures.append(Figure(f"{name} within groups", mean, interval, len(groups)))
    return tuple(figures)


def calibration(rows: Sequence[Judged], scale: tuple[float, float], rng_seed: int = 0) -> Calibration | None:
    """Scores that are probabilities that a pair is good, against how many are; None where no pair has a score.

    Args:
        rows: Pairs; those without a score do not count.
        scale: The score that stands for 0, and the one that stands for 1.
        rng_seed: Starts the generator of the bootstrap.
    """
    labelled, good = _with_verdict([row for row in rows if row.score is not None])
    if not labelled:
        return None
    low, high = scale
    predicted = (_scores(labelled) - low) / (high - low)
    bin_numbers = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
    one_hot = np.eye(_BINS)[bin_numbers]

    def statistic(weights: FloatArray) -> FloatArray:
        gaps = np.abs((weights * (predicted - good)) @ one_hot)
        return ratio(gaps.sum(axis=1), weights.sum(axis=1))[:, None]

    ((value, interval),) = _estimate(statistic, labelled, rng_seed)
    bins = []
    for number in sorted(set(bin_numbers.tolist())):
        members = bin_numbers == number
        means = float(predicted[members].mean()), float(good[members].mean())
        bins.append(Bin(number / _BINS, (number + 1) / _BINS, int(members.sum()), *means))
    return Calibration(tuple(bins), Figure("calibration error", value, interval, len(labelled)))


def groups_of(rows: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The pairs of each group, groups in the order in which they come first."""
    groups: dict[str, list[Judged]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return groups


def _members(rows: Sequence[Judged]) -> list[npt.NDArray[np.int64]]:
    """The indices of the pairs of each group."""
    indices: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        indices.setdefault(row.group, []).append(index)
    return [np.array(group, np.int64) for group in indices.values()]


def _labels(rows: Sequence[Judged]) -> FloatArray:
    return np.array([row.label for row in rows], np.float64)


def _with_verdict(rows: Sequence[Judged]) -> tuple[list[Judged], FloatArray]:
    """The pairs whose label says whether they are good, and 1 for each good one."""
    labelled = [row for row in rows if row.good is not None]
    return labelled, np.array([bool(row.good) for row in labelled], np.float64)


def _scores(rows: Sequence[Judged]) -> FloatArray:
    """Scores; what has none is below all others."""
    missing = -math.inf
    scores = [missing if row.score is None or math.isnan(row.score) else row.score for row in rows]
    return np.array(scores, np.float64)


def _estimate(statistic: Statistic, rows: Sequence[Judged], rng_seed: int) -> list[tuple[float, Interval]]:
    """Each figure, and its percentile bootstrap over groups: how often each is drawn is the weight of its pairs."""
    numbers = {name: number for number, name in enumerate(groups_of(rows))}
    groups = np.array([numbers[row.group] for row in rows], np.int64)
    values = statistic(np.ones((1, len(rows))))[0]
    if not numbers:
        return [(float(value), Interval(math.nan, math.nan)) for value in values]
    chunk = max(1, min(_DRAWS, _CHUNK // len(rows)))
    draws = np.concatenate([
        statistic(counts[:, groups].astype(np.float64))
        for counts in resample_counts(len(numbers), _DRAWS, chunk, rng_seed)
    ])  # fmt: skip
    return [(float(value), percentile_interval(draws[:, column])) for column, value in enumerate(values)]


def _correlation(scores: FloatArray, labels: FloatArray) -> tuple[float, float]:
    """Spearman's and Kendall's, both 0 where a side does not vary: such scores order nothing."""
    try:
        from scipy.stats import kendalltau
    except ImportError:
        raise ConfigError("rank correlations need scipy", "pip install 'humpback-align[evaluate]'") from None
    rho = spearman(scores, labels)
    return (0.0, 0.0) if rho is None else (rho, float(kendalltau(scores, labels)[0]))
