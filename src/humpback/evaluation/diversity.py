"""How diverse texts are: distinct n-grams, entropy, and clusters of similar texts.

Every figure here depends on the number of texts, so compare sets on samples of the same size. Similarity is the Jaccard
similarity of the word n-grams of two texts, estimated from 128 MinHashes (standard error at most .045).
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
_SIMILAR = 0.5
_ROWS = 64


@dataclass(frozen=True, slots=True)
class Diversity:
    """Figures of one set of texts."""

    texts: int
    """Size of the sample."""
    distinct: tuple[float, float, float, float]
    """Distinct n-grams over all n-grams, for n from 1 to 4."""
    entropy: float
    """Of the words, in bits."""
    rare_words: float
    """Share of the distinct words that occur once: the long tail of the vocabulary."""
    nearest: float
    """Mean similarity of a text to its most similar one, 0 to 1; lower is more diverse."""
    clusters: int
    """Groups of texts that are linked by similarities of .5 and above; a text similar to no other is a group."""
    alone: float
    """Share of the texts that are similar to no other: the long tail of the set."""
    largest: float
    """Share of the texts in the largest cluster."""


def diversity(texts: Sequence[str], sample: int = 2000, rng_seed: int = 0) -> Diversity:
    """Measures a seeded sample of texts.

    Args:
        texts: Instructions, or anything else.
        sample: How many to measure; all where there are fewer.
        rng_seed: Draws the sample.

    Raises:
        InputError: No text has a word in it.
    """
    drawn = list(texts) if len(texts) <= sample else random.Random(rng_seed).sample(list(texts), sample)  # noqa: S311
    all_words = words(drawn)
    if not len(all_words.hashes):
        raise InputError("there is no word in these texts", "give texts")
    _, counts = np.unique(all_words.hashes, return_counts=True)
    shares = counts / counts.sum()
    pairs, best = _similar_pairs(_minhashes(all_words))
    sizes = _cluster_sizes(len(drawn), pairs)
    return Diversity(
        texts=len(drawn),
        distinct=(_distinct(all_words, 1), _distinct(all_words, 2), _distinct(all_words, 3), _distinct(all_words, 4)),
        entropy=float(-(shares * np.log2(shares)).sum()),
        rare_words=float((counts == 1).mean()),
        nearest=float(best.mean()),
        clusters=len(sizes),
        alone=sum(size == 1 for size in sizes) / len(drawn),
        largest=max(sizes) / len(drawn),
    )


def _distinct(all_words: Shingles, n: int) -> float:
    hashes = all_words.hashes if n == 1 else all_words.ngrams(n).hashes
    return len(np.unique(hashes)) / len(hashes) if len(hashes) else 0.0


def _minhashes(all_words: Shingles) -> NDArray[np.uint64]:
    """For each text the least hash of its n-grams under each of 128 mixings; texts too short for one by their words."""
    ngrams = all_words.ngrams(_NGRAM)
    keys = np.arange(1, _HASHES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    signatures = np.empty((len(all_words.ends) - 1, _HASHES), np.uint64)
    for text in range(len(signatures)):
        hashes = ngrams.of(text)
        hashes = hashes if len(hashes) else all_words.of(text)
        if len(hashes):
            signatures[text] = mixed(hashes[:, None] ^ keys).min(axis=0)
        else:  # a text without a word is similar to no other
            signatures[text] = mixed(keys + np.uint64(text))
    return signatures


def _similar_pairs(signatures: NDArray[np.uint64]) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Pairs of similar texts, and for each text the similarity to its most similar one."""
    count = len(signatures)
    best = np.zeros(count)
    pairs: list[tuple[int, int]] = []
    columns = np.ascontiguousarray(signatures.T)
    for start in range(0, count, _ROWS):
        rows = columns[:, start : start + _ROWS]
        same = np.zeros((rows.shape[1], count), np.uint16)
        # One hash function at a time: all at once would hold rows x texts x 128 truth values.
        for row_hashes, all_hashes in zip(rows, columns, strict=True):
            same += row_hashes[:, None] == all_hashes[None]
        similar = same / _HASHES
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = 0
        best[start : start + len(similar)] = similar.max(axis=1)
        pairs += [(start + int(i), int(j)) for i, j in np.argwhere(similar >= _SIMILAR) if start + i < j]
    return pairs, best


def _cluster_sizes(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Sizes of the connected components, by union-find."""
    parent = list(range(count))

    def root(text: int) -> int:
        while parent[text] != text:
            parent[text] = parent[parent[text]]
            text = parent[text]
        return text

    for first, second in pairs:
        parent[root(first)] = root(second)
    return np.unique([root(text) for text in range(count)], return_counts=True)[1].tolist()
