"""How much a text's words are those of the answers and not of the corpus: naive Bayes over hashed words.

Words have no case and are hashed to 65,536 buckets. The score is the mean log-odds of a word, so that length does not
count. No model is asked: some ten thousand texts a second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from humpback.likeness.direction import ScoreTexts
from humpback.text.shingles import words

Buckets = NDArray[np.int64]
"""The words of one text, each as the number of its bucket."""
WordOdds = NDArray[np.float64]
"""For each bucket of words the log-odds that speak for an answer."""

BUCKETS = 1 << 16
_WINDOW = 1024
"""Texts that are hashed at a time."""


def word_buckets(texts: Sequence[str]) -> list[Buckets]:
    """The words of each text."""
    buckets: list[Buckets] = []
    for at in range(0, len(texts), _WINDOW):
        window = texts[at : at + _WINDOW]
        hashed = words(window)
        numbers = (hashed.hashes & np.uint64(BUCKETS - 1)).astype(np.int64)
        buckets += np.split(numbers, hashed.ends[1:-1])
    return buckets


def fit_word_odds(answers: Sequence[Buckets], passages: Sequence[Buckets]) -> WordOdds:
    """Log-odds of each bucket; 0 for words that neither side has."""
    counts = [np.bincount(np.concatenate(side), minlength=BUCKETS) for side in (answers, passages)]
    totals = [max(1, int(count.sum())) for count in counts]
    # Both shares are smoothed by the same amount, one word of the smaller side: with a count added on each side, words
    # that neither side has would speak for the smaller one.
    smoothing = 1 / min(totals)
    in_answers, in_passages = (count / total + smoothing for count, total in zip(counts, totals, strict=True))
    return np.asarray(np.log(in_answers / in_passages))


def word_scores(texts: Sequence[Buckets], odds: WordOdds) -> NDArray[np.float64]:
    """The mean log-odds of a word of each text; 0 where there are no words."""
    return np.array([odds[buckets].mean() if len(buckets) else 0.0 for buckets in texts])


def fit_word_scores(answers: Sequence[Buckets], passages: Sequence[Buckets]) -> ScoreTexts[Buckets]:
    """`fit_word_odds` as a function that scores texts."""
    odds = fit_word_odds(answers, passages)
    return lambda texts: word_scores(texts, odds)
