"""The length-controlled win rate: what the win rate would be if both models wrote answers of the same length.

After Dubois et al. 2024 (AlpacaEval 2). A logistic regression predicts each preference from three terms: a constant for
the model, the difficulty of the prompt, and tanh of the difference in length, divided by its standard deviation. The
mean prediction with the length term set to zero is the figure. As in AlpacaEval, the weights carry an L1 penalty whose
strength is chosen by five-fold cross-validation, and comparisons of the baseline with a wordy and a terse version of
itself, where they are given, bound the length term.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from humpback.errors import ConfigError, InputError
from humpback.evaluation.comparisons import Comparison
from humpback.statistics.intervals import Interval, percentile_interval, resample_counts

Array: TypeAlias = NDArray[np.float64]
Difficulty: TypeAlias = Mapping[int, float]
"""Of each prompt, by its index in the evaluation set."""

_STRENGTHS = np.logspace(-4, 4, 10)
_FOLDS = 5
FEWEST = 2 * _FOLDS
"""Preferences that it takes to control for length."""
_SEED = 123
"""AlpacaEval's, for the shuffling of the solver; it changes the last digits."""
_DRAWS = 500
_RIDGE = 0.01
"""Keeps the weights of a draw finite where all its preferences are one."""
_GAMED_WEIGHT = 0.1
"""Weight of a gamed comparison against one of the model: .2, over two gamed models."""
_JOINT_STRENGTH = 1.0


@dataclass(frozen=True, slots=True)
class Gamed:
    """The baseline against a wordy or terse version of itself, on one prompt."""

    index: int
    preference: float
    """0 to 1, for the version."""
    length: float
    """Characters of the baseline less those of the version, over the standard deviation."""


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """The length-controlled win rate of a model, in percent."""

    win_rate: float
    interval: Interval
    """Bootstrap over the comparisons, fitted anew for each draw. Not by the L1 penalty, which can set every draw of few
    comparisons to 50."""
    standard_error: float | None
    """AlpacaEval's: how far the predictions lie apart, over the root of their number. It knows nothing of the noise of
    the fit, so without difficulties, where all predictions are one, there is none."""
    form: str
    """The terms of the fit."""
    weights: tuple[float, ...]
    """Of tanh(length), of the difficulty where it is in the fit, and of the model, in this order."""


def length_controlled(
    comparisons: Sequence[Comparison],
    difficulty: Difficulty | None = None,
    gamed: Sequence[Gamed] = (),
    rng_seed: int = 0,
) -> LengthControlled:
    """The length-controlled win rate of generator_2 against generator_1.

    Args:
        comparisons: Of one model with one baseline. Those without a preference are predicted, but not fitted.
        difficulty: Of the prompts. Without it the term is left out, and the figure is not AlpacaEval's.
        gamed: Comparisons that bound the length term.
        rng_seed: Of the interval.

    Raises:
        InputError: Fewer than ten preferences, or a prompt has no difficulty.
    """
    judged = np.array([comparison.preference is not None for comparison in comparisons], bool)
    if judged.sum() < FEWEST:
        raise InputError(f"{judged.sum()} preferences are too few to control for length", f"give at least {FEWEST}")
    lengths = length_differences(comparisons)
    preferences = np.array([math.nan if c.preference is None else c.preference - 1 for c in comparisons])
    difficulties = _difficulties([comparison.index for comparison in comparisons], difficulty)
    x = _design(lengths, difficulties, np.ones(len(comparisons)))
    train_x, train_y, train_weights = x[judged], preferences[judged], np.ones(int(judged.sum()))
    if gamed:
        gamed_difficulties = _difficulties([row.index for row in gamed], difficulty)
        gamed_x = _design(np.array([row.length for row in gamed]), gamed_difficulties, np.zeros(len(gamed)))
        # Before the model's own, as in AlpacaEval: the folds follow from the order.
        train_x = np.vstack([gamed_x, train_x])
        train_y = np.concatenate([[row.preference for row in gamed], train_y])
        train_weights = np.concatenate([np.full(len(gamed), _GAMED_WEIGHT), train_weights])
    strength = _strength(train_x, train_y, train_weights)
    theta = _fit(train_x, train_y, train_weights, strength, np.random.RandomState(_SEED))
    # The figure is the prediction for answers as long as the baseline's.
    x[:, 0] = 0.0
    predicted = 1 / (1 + np.exp(-(x @ theta)))
    (counts,) = resample_counts(len(x), _DRAWS, _DRAWS, rng_seed)
    drawn = np.hstack([np.ones((_DRAWS, len(train_x) - judged.sum())), counts[:, judged]])
    means = _means(x, counts, _newton(train_x, train_y, train_weights * drawn))
    form = "tanh(length)" + (" + difficulty" if difficulties is not None else "") + " + model"
    form += ", held down by gamed comparisons" if gamed else ""
    interval = percentile_interval(100 * means)
    error = None if difficulties is None else 100 * stdev(predicted.tolist()) / math.sqrt(len(predicted))
    return LengthControlled(100 * float(predicted.mean()), interval, error, form, tuple(map(float, theta)))


def length_differences(comparisons: Sequence[Comparison]) -> Array:
    """Characters of output_1 less those of output_2, over their standard deviation; zeros where that is zero."""
    lengths = np.array([len(row.output_1) - len(row.output_2) for row in comparisons], np.float64)
    deviation = lengths.std(ddof=1) if len(lengths) > 1 else 0.0
    return lengths / deviation if deviation else np.zeros(len(lengths))


def gamed_of(comparisons: Sequence[Comparison]) -> list[Gamed]:
    """Annotations of a gamed model (a wordy or a terse version of the baseline), for `length_controlled`."""
    return [
        Gamed(comparison.index, comparison.preference - 1, float(length))
        for comparison, length in zip(comparisons, length_differences(comparisons), strict=True)
        if comparison.preference is not None
    ]


def joint_difficulty(models: Sequence[Sequence[Comparison]]) -> dict[int, float]:
    """Difficulty of each prompt from the annotations of many models against one baseline.

    One logistic regression on all of them, with a constant and a length term for each model and a constant for each
    prompt, which is its difficulty: the log-odds by which models do better there than elsewhere, shrunk towards zero.

    Raises:
        InputError: Fewer than two models.
    """
    if len(models) < 2:
        raise InputError("with one model, difficulty cannot be separated from the model", "give annotations of more")
    logistic, sparse = _libraries()
    prompts = sorted({comparison.index for comparisons in models for comparison in comparisons})
    prompt_columns = {index: column for column, index in enumerate(prompts)}
    entries: list[tuple[int, int, float]] = []
    target: list[float] = []
    for number, comparisons in enumerate(models):
        model_column = len(prompts) + 2 * number
        for comparison, length in zip(comparisons, length_differences(comparisons), strict=True):
            if comparison.preference is None:
                continue
            row = len(target)
            entries += [
                (row, prompt_columns[comparison.index], 1.0),
                (row, model_column, 1.0),
                (row, model_column + 1, math.tanh(length)),
            ]
            target.append(comparison.preference - 1)
    row_ids, columns, values = zip(*entries, strict=True)
    x = sparse.csr_array((values, (row_ids, columns)), shape=(len(target), len(prompts) + 2 * len(models)))
    y = np.array(target)
    model = logistic(C=_JOINT_STRENGTH, fit_intercept=False, max_iter=1000)
    labels = np.repeat([1, 0], len(y))
    model.fit(sparse.vstack([x, x]).tocsr(), labels, sample_weight=np.concatenate([y, 1 - y]))
    return {index: float(model.coef_[0][column]) for index, column in prompt_columns.items()}


def _difficulties(indices: Sequence[int], difficulty: Difficulty | None) -> Array | None:
    if difficulty is None:
        return None
    if missing := [index for index in indices if index not in difficulty]:
        raise InputError(f"{len(missing)} prompts have no difficulty, such as number {missing[0]}",
                         "give difficulties of this evaluation set, or none")  # fmt: skip
    return np.array([difficulty[index] for index in indices], np.float64)


def _design(lengths: Array, difficulty: Array | None, model: Array) -> Array:
    columns = [np.tanh(lengths), *([] if difficulty is None else [difficulty]), model]
    return np.column_stack(columns)


def _strength(x: Array, y: Array, weights: Array) -> float:
    """The strength of the penalty that predicts best in cross-validation."""
    _libraries()
    from sklearn.model_selection import GroupKFold

    folds = list(GroupKFold(_FOLDS).split(x, groups=np.arange(len(x))))
    losses = np.zeros(len(_STRENGTHS))
    for train, test in folds:
        # One stream of random numbers for each fold, as in AlpacaEval's solver. Where the curve is flat, last digits
        # decide the strength.
        stream = np.random.RandomState(_SEED)
        for column, strength in enumerate(_STRENGTHS):
            theta = _fit(x[train], y[train], weights[train], strength, stream)
            losses[column] += _loss(x[test] @ theta, y[test], weights[test])
    return float(_STRENGTHS[int(np.argmin(losses))])


def _fit(x: Array, y: Array, weights: Array, strength: float, stream: np.random.RandomState) -> Array:
    """Weights of the terms. A soft label becomes two examples, one of each class, that share its weight."""
    logistic, _ = _libraries()
    model = logistic(
        C=strength, l1_ratio=1.0, solver="liblinear", fit_intercept=False, random_state=stream, max_iter=1000
    )
    twice, labels = np.vstack([x, x]), np.repeat([1, 0], len(x))
    shared = np.concatenate([y, 1 - y]) * np.concatenate([weights, weights])
    model.fit(twice, labels, sample_weight=shared)
    return np.asarray(model.coef_[0], np.float64)


def _newton(x: Array, y: Array, weights: Array) -> Array:
    """Weights of the terms (draws x terms) for each draw's weights of the comparisons (draws x comparisons)."""
    theta = np.zeros((len(weights), x.shape[1]))
    for _ in range(25):
        chance = 1 / (1 + np.exp(-theta @ x.T))
        slope = (weights * (chance - y)) @ x + _RIDGE * theta
        bend = np.einsum("dn,ni,nj->dij", weights * chance * (1 - chance), x, x) + _RIDGE * np.eye(x.shape[1])
        theta -= np.linalg.solve(bend, slope[..., None])[..., 0]
    return theta


def _means(x: Array, counts: NDArray[np.int64], theta: Array) -> Array:
    """The mean prediction of each draw."""
    return np.asarray((counts / (1 + np.exp(-theta @ x.T))).sum(axis=1) / counts.sum(axis=1), np.float64)


def _loss(logits: Array, y: Array, weights: Array) -> float:
    """Cross-entropy with soft labels, each term times its weight."""
    return float(np.mean(weights * (y * np.logaddexp(0, -logits) + (1 - y) * np.logaddexp(0, logits))))


def _libraries() -> tuple[Callable[..., Any], ModuleType]:
    try:
        from scipy import sparse
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise ConfigError("length control needs scikit-learn", "pip install 'humpback-align[evaluate]'") from None
    return LogisticRegression, sparse
