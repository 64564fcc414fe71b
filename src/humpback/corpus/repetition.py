"""Does a piece say the same thing twice? Paper, appendix: n-gram Jaccard similarity between pairs of sentences."""

from __future__ import annotations

import re

from humpback.config import SegmentSettings
from humpback.corpus.piece import Piece

_MAX_SENTENCES = 80
_MIN_SENTENCE_WORDS = 8
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_`]*\s+|\n+")
_TARGET = re.compile(r"(?<=\])\([^()\s]{0,2000}\)|https?://\S{1,2000}")

_Grams = frozenset[tuple[str, ...]]


def repeats_itself(piece: Piece, settings: SegmentSettings) -> str | None:
    """Two of its sentences share too many word n-grams (Jaccard similarity of their sets).

    Sentences of fewer than 8 words and code do not count. At most the first 80 sentences are compared, by way of the
    n-grams they have in common.
    """
    grams = _sentences(piece, settings.repetition_ngram)
    if len(frozenset().union(*grams)) == sum(map(len, grams)):
        return None  # no two share any: the usual case
    for number, one in enumerate(grams):
        for other in grams[:number]:
            shared = len(one & other)
            similarity = shared / (len(one) + len(other) - shared)
            if similarity > settings.max_repetition:
                words = " ".join(min(one & other))
                return f"two sentences share {similarity:.0%} of their {settings.repetition_ngram}-grams: {words!r}"
    return None


def _sentences(piece: Piece, n: int) -> list[_Grams]:
    """The n-grams of each of its first sentences that are long enough to count."""
    grams: list[_Grams] = []
    text = _TARGET.sub("", piece.prose) if "](" in piece.prose or "://" in piece.prose else piece.prose
    for sentence in _SENTENCE_END.split(text.lower()):
        words = _WORD.findall(sentence)
        if len(words) >= max(_MIN_SENTENCE_WORDS, n):
            grams.append(frozenset(zip(*(words[shift:] for shift in range(n)), strict=False)))
        if len(grams) == _MAX_SENTENCES:
            break
    return grams
