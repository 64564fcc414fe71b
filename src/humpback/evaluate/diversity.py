"""How diverse texts are: distinct n-grams, entropy, and clusters of texts that resemble one another.

Every figure here depends on how many texts there are, so sets are compared on samples of the same size. Similarity is
the Jaccard similarity of the word n-grams of two texts, estimated from 128 MinHashes (standard error at most .045).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from humpback.errors import InputError
from humpback.text.shingles import Shingles, mixed, words

_HASHES = 128
_NGRAM = 2
"""Words in an n-gram for similarity: instructions are short, and single words are shared by all."""
_ALIKE = 0.5
_ROWS = 64


@dataclass(frozen=True, slots=True)
class Diversity:
    """Figures of one set of texts."""

    texts: int
    """How many were looked at: the sample."""
    distinct: tuple[float, float, float, float]
    """Distinct n-grams over all n-grams, for n from 1 to 4."""
    entropy: float
    """Of the words, in bits."""
    rare_words: float
    """Share of the distinct words that occur once: the long tail of the vocabulary."""
    nearest: float
    """Mean similarity of a text to the one most like it, 0 to 1; lower is more diverse."""
    clusters: int
    """Groups of texts that are linked by similarities of .5 and above; a text without a like is one."""
    alone: float
    """Share of the texts without a like: the long tail of the set."""
    largest: float
    """Share of the texts in the largest cluster."""


def diversity(texts: Sequence[str], sample: int = 2000, seed: int = 0) -> Diversity:
    """Measures a seeded sample of texts.

    Args:
        texts: Instructions, or anything else.
        sample: How many to look at; all where there are fewer.
        seed: Of the sample.

    Raises:
        InputError: No text has a word in it.
    """
    some = list(texts) if len(texts) <= sample else random.Random(seed).sample(list(texts), sample)  # noqa: S311
    all_words = words(some)
    if not len(all_words.hashes):
        raise InputError("there is no word in these texts", "give texts")
    _, counts = np.unique(all_words.hashes, return_counts=True)
    shares = counts / counts.sum()
    pairs, best = _likes(_minhashes(all_words))
    sizes = _cluster_sizes(len(some), pairs)
    return Diversity(
        texts=len(some),
        distinct=(_distinct(all_words, 1), _distinct(all_words, 2), _distinct(all_words, 3), _distinct(all_words, 4)),
        entropy=float(-(shares * np.log2(shares)).sum()),
        rare_words=float((counts == 1).mean()),
        nearest=float(best.mean()),
        clusters=len(sizes),
        alone=sum(size == 1 for size in sizes) / len(some),
        largest=max(sizes) / len(some),
    )


def _distinct(found: Shingles, n: int) -> float:
    hashes = found.hashes if n == 1 else found.ngrams(n).hashes
    return len(np.unique(hashes)) / len(hashes) if len(hashes) else 0.0


def _minhashes(found: Shingles) -> NDArray[np.uint64]:
    """For each text the least of its n-grams' hashes under each of 128 mixings; shorter texts by their words."""
    ngrams = found.ngrams(_NGRAM)
    keys = np.arange(1, _HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    signatures = np.empty((len(found.ends) - 1, _HASHES), np.uint64)
    for text in range(len(signatures)):
        hashes = ngrams.of(text)
        hashes = hashes if len(hashes) else found.of(text)
        if len(hashes):
            signatures[text] = mixed(hashes[:, None] ^ keys).min(axis=0)
        else:  # a text without a word is like no other
            signatures[text] = mixed(keys + np.uint64(text))
    return signatures


def _likes(signatures: NDArray[np.uint64]) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Pairs of texts that are alike, and for each text the similarity to the one most like it."""
    count = len(signatures)
    best = np.zeros(count)
    pairs: list[tuple[int, int]] = []
    columns = np.ascontiguousarray(signatures.T)
    for start in range(0, count, _ROWS):
        rows = columns[:, start : start + _ROWS]
        same = np.zeros((rows.shape[1], count), np.uint16)
        for own, others in zip(rows, columns, strict=True):
            same += own[:, None] == others[None]
        similar = same / _HASHES
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = 0
        best[start : start + len(similar)] = similar.max(axis=1)
        pairs += [(start + int(i), int(j)) for i, j in np.argwhere(similar >= _ALIKE) if start + i < j]
    return pairs, best


def _cluster_sizes(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    parent = list(range(count))

    def root(text: int) -> int:
        while parent[text] != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    for one, two in pairs:
        parent[root(one)] = root(two)
    return np.unique([root(text) for text in range(count)], return_counts=True)[1].tolist()
