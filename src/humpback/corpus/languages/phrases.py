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
WORD = re.compile(r"[^\W_]+")
FIRST_WORD = re.compile(r"[\s>*_#\-–—•|+»«<\"'“‘„(\[¿¡]{0,12}([^\W_]+|©)")
"""The beginning of a line with its first word."""


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


@dataclass(frozen=True, slots=True)
class Openings:
    """Phrases that a line may begin with."""

    patterns: Mapping[str, re.Pattern[str]]
    """What is tried, by the first word of the line."""
    others: re.Pattern[str]
    """Phrases that begin with a number or with any word,"""
    spaceless: re.Pattern[str]
    """and those of scripts without spaces."""

    def match(self, line: str) -> re.Match[str] | None:
        """The phrase that a line in lower case begins with, marks of Markdown and quotation in front of it aside."""
        word = FIRST_WORD.match(line)
        if word is None:
            return None
        pattern, start = self.patterns.get(word[1]), word.start(1)
        found = pattern.match(line, start) if pattern else None
        found = found or self.others.match(line, start)
        return found if found or line.isascii() else self.spaceless.match(line, start)


@dataclass(frozen=True, slots=True)
class Mentions:
    """Phrases to look for in lines: only those of which a line has a rare word are tried."""

    patterns: Mapping[str, re.Pattern[str]]
    spaceless: re.Pattern[str]

    def search(self, line: str) -> re.Match[str] | None:
        """A phrase in a line in lower case."""
        words = WORD.findall(line)
        if not self.patterns.keys().isdisjoint(words):
            for word in self.patterns.keys() & set(words):
                if found := self.patterns[word].search(line):
                    return found
        return None if line.isascii() else self.spaceless.search(line)


def phrases(hold: str, *patterns: str) -> Phrases:
    """Phrases from words separated by commas, and alternative patterns."""
    return Phrases(dict.fromkeys(hold.split(","), re.compile("|".join(patterns), re.MULTILINE)))
