"""The direction in which answers differ from the corpus, among vectors of texts.

Dimensions are standardised, by the mean and the standard deviation over both sides. The direction leads from the mean
of the corpus to the mean of the answers; how far along it a text lies says how much it is like them. Nothing is fitted
but two means, so a few hundred answers are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from humpback.statistics.ranks import auroc

Vectors = NDArray[np.float64]
"""Texts x dimensions."""

FOLDS = 5

_PENALTY = 0.02
"""On the squares of a probe's weights, for each dimension. A tenth and ten times as much tell about the same."""

Text = TypeVar("Text")
ScoreTexts = Callable[[Sequence[Text]], Vectors]
FitScores = Callable[[Sequence[Text], Sequence[Text]], ScoreTexts[Text]]
"""From answers and corpus passages, what gives each text a score: higher is more like the answers."""


@dataclass(frozen=True, slots=True)
class Direction:
    """Where a text lies between the corpus and the answers."""

    centre: Vectors
    """Mean of each dimension."""
    scale: Vectors
    """Standard deviation of each dimension."""
    weights: Vectors
    offset: float

    def standardised(self, vectors: Vectors) -> Vectors:
        """Vectors in standard deviations of each dimension."""
        return (vectors - self.centre) / self.scale

    def scores(self, vectors: Vectors) -> Vectors:
        """How far along the direction each vector lies: the corpus's mean at 0, the answers' at 1."""
        # Not a matrix product, whose last digits depend on how many vectors come together.
        return np.asarray((self.standardised(vectors) * self.weights).sum(axis=1) - self.offset)


def fit_direction(answers: Vectors, passages: Vectors) -> Direction:
    """The direction from the mean of the corpus passages to the mean of the answers."""
    standard = _standard(answers, passages)
    start, end = (standard.standardised(side).mean(axis=0) for side in (passages, answers))
    return _between(standard, end - start, answers, passages)


def fit_probe(answers: Vectors, passages: Vectors) -> Direction:
    """The direction that tells the answers from the passages best: ridge regression, both sides of equal weight.

    Where `fit_direction` only follows the means, this one also knows which dimensions vary together. It wants texts
    that are known to be no answers.
    """
    standard = _standard(answers, passages)
    texts = standard.standardised(np.concatenate([answers, passages]))
    sides = np.repeat([1.0, -1.0], [len(answers), len(passages)])
    weights = len(texts) / 2 / np.where(sides > 0, len(answers), len(passages))
    # In as many unknowns as there are texts, for a large model has more dimensions than that.
    weighed = texts * np.sqrt(weights)[:, None]
    penalty = _PENALTY * texts.shape[1] * np.eye(len(texts))
    products = weighed @ weighed.T / len(texts) + penalty
    along = weighed.T @ np.linalg.solve(products, np.sqrt(weights) * sides)
    return _between(standard, along, answers, passages)


def _standard(answers: Vectors, passages: Vectors) -> Direction:
    """What makes each dimension a standard one; leads nowhere yet."""
    both = np.concatenate([answers, passages])
    deviations = both.std(axis=0)
    return Direction(both.mean(axis=0), np.where(deviations > 0, deviations, 1.0), np.zeros(both.shape[1]), 0.0)


def _between(standard: Direction, along: Vectors, answers: Vectors, passages: Vectors) -> Direction:
    """A direction, in units that put the mean of the passages at 0 and that of the answers at 1."""
    start, end = (float(standard.standardised(side).mean(axis=0) @ along) for side in (passages, answers))
    # Two equal means have no direction; then every score is 0.
    weights = along / (end - start) if end > start else np.zeros_like(along)
    return replace(standard, weights=weights, offset=start / (end - start) if end > start else 0.0)


def fit_vector_scores(answers: Sequence[Vectors], passages: Sequence[Vectors]) -> ScoreTexts[Vectors]:
    """`fit_direction` for lists of vectors."""
    direction = fit_direction(np.asarray(answers), np.asarray(passages))
    return lambda vectors: direction.scores(np.asarray(vectors))


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Scores of texts by a fit that has not seen them."""

    answers: Vectors
    passages: Vectors

    @property
    def auroc(self) -> float:
        """The probability that an answer scores above a corpus passage: .5 is chance."""
        return auroc(self.passages, self.answers)


def held_back_scores(answers: Sequence[Text], passages: Sequence[Text], fit: FitScores[Text]) -> HeldBack:
    """Scores each text by a fit on the other folds.

    Args:
        answers: In random order: every fifth text is in the same fold.
        passages: The same of the corpus.
        fit: What is tried out.
    """
    scores = [np.empty(len(texts)) for texts in (answers, passages)]
    for fold in range(FOLDS):
        other_folds = [[text for at, text in enumerate(texts) if at % FOLDS != fold] for texts in (answers, passages)]
        score = fit(*other_folds)
        for values, texts in zip(scores, (answers, passages), strict=True):
            values[fold::FOLDS] = score(texts[fold::FOLDS])
    return HeldBack(*scores)
