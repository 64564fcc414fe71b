"""How much two texts are alike, by their words."""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The words of a text, without case."""
    return _WORD.findall(text.casefold())


def word_f1(first: str, second: str) -> float:
    """F1 of the words of two texts, each as often as it stands there; 0 where they share none."""
    return f1(words(first), words(second))


def f1(first: list[str], second: list[str]) -> float:
    """F1 of two lists of words; 0 where they share none."""
    common = (Counter(first) & Counter(second)).total()
    return 2 * common / (len(first) + len(second)) if common else 0.0
