"""Phrases to look for in many texts: a pattern is only tried around words that it cannot do without.

A regular expression with many alternatives tries them at every character, which takes a hundred times as long as to
find that a text does not hold any of a few words at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BEFORE = 80
_AFTER = 80
"""Characters around such a word in which the pattern is looked for; no phrase is longer."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """A pattern for lower-case text."""

    hold: tuple[str, ...]
    """Each match holds one of these."""
    pattern: re.Pattern[str]

    def search(self, text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        """A match in a lower-case text, or None. Time is linear in the text's length."""
        end = len(text) if end is None else end
        for word in self.hold:
            at, done = text.find(word, start, end), start
            while at >= 0:
                stop = min(end, at + len(word) + _AFTER)
                found = self.pattern.search(text, max(done, at - _BEFORE), stop)
                if found:
                    return found
                done = max(done, at - _BEFORE)
                at = text.find(word, at + len(word), end)
        return None


def phrases(hold: str, *patterns: str) -> Phrases:
    """Phrases from words parted by commas, and alternative patterns."""
    return Phrases(tuple(hold.split(",")), re.compile("|".join(patterns), re.MULTILINE))
