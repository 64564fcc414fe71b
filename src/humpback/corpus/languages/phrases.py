"""Phrases to search in many texts: a pattern is tried only around words that every match must contain.

A regular expression with many alternatives tries them at every character. That takes a hundred times as long as a
search for a few plain words, and most texts contain none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_BEFORE = 80
_AFTER = 80
"""Characters around such a word in which the pattern is searched. No phrase is longer."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """Patterns for lower-case text."""

    patterns: Mapping[str, re.Pattern[str]]
    """What is searched, by a word that each match of it contains."""

    def search(self, text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        """A match in a lower-case text, or None. Time is linear in the text's length."""
        return next(self.matches(text, start, end), None)

    def matches(self, text: str, start: int = 0, end: int | None = None) -> Iterator[re.Match[str]]:
        """All matches, by the word that each holds; one that holds two of the words comes twice."""
        end = len(text) if end is None else end
        for word, pattern in self.patterns.items():
            at = text.find(word, start, end)
            while at >= 0:
                begin, stop = max(start, at - _BEFORE), at
                while 0 <= at <= stop:
                    stop = at + len(word) + _AFTER
                    at = text.find(word, at + len(word), end)
                yield from pattern.finditer(text, begin, min(stop, end))


def phrases(hold: str, *patterns: str) -> Phrases:
    """Phrases from words separated by commas, and alternative patterns."""
    return Phrases(dict.fromkeys(hold.split(","), re.compile("|".join(patterns), re.MULTILINE)))
