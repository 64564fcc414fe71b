"""Does a piece say the same thing twice? Paper, appendix: n-gram Jaccard similarity between pairs of sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from humpback.config import SegmentSettings
from humpback.corpus.cutting.piece import Piece

_MAX_SENTENCES = 80
_MIN_SENTENCE_WORDS = 8
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_`]*\s+|\n+")
_TARGET = re.compile(r"(?<=\])\([^()\s]{0,2000}\)|https?://\S{1,2000}")


def repeats_itself(piece: Piece, settings: SegmentSettings) -> str | None:
    """Two of its sentences share too many word n-grams (Jaccard similarity of their sets).

    Sentences of fewer than 8 words and code do not count. At most the first 80 sentences are compared, by way of the
    n-grams they have in common.
    """
    n = settings.repetition_ngram
    text = _TARGET.sub("", piece.prose) if "](" in piece.prose or "://" in piece.prose else piece.prose
    text = text.lower()
    words = _WORD.findall(text)
    repeated = len(words) - len(set(_grams(words, n)))
    if repeated < settings.max_repetition * (_MIN_SENTENCE_WORDS - n + 1):
        return None  # too few for any two sentences: the usual case
    grams = _sentences(text, n)
    for number, sentence in enumerate(grams):
        for earlier in grams[:number]:
            shared = len(sentence & earlier)
            similarity = shared / (len(sentence) + len(earlier) - shared)
            if similarity > settings.max_repetition:
                return f"two sentences share {similarity:.0%} of their {n}-grams: {' '.join(min(sentence & earlier))!r}"
    return None


def _sentences(text: str, n: int) -> list[frozenset[tuple[str, ...]]]:
    """The n-grams of each of its first sentences that are long enough to count."""
    grams: list[frozenset[tuple[str, ...]]] = []
    for sentence in _SENTENCE_END.split(text):
        words = _WORD.findall(sentence)
        if len(words) >= max(_MIN_SENTENCE_WORDS, n):
            grams.append(frozenset(_grams(words, n)))
        if len(grams) == _MAX_SENTENCES:
            break
    return grams


def _grams(words: list[str], n: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[shift:] for shift in range(n)), strict=False)
