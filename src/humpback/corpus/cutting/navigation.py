"""Headers of sections that answer nothing: tables of contents, comments, licences, release notes."""

from __future__ import annotations

import re
from functools import lru_cache

from humpback.config import SegmentSettings
from humpback.corpus.languages import phrases_of
from humpback.corpus.parsing.sections import words

_FILLERS = words(
    "a all an and apache bsd copyright for free full gpl here info information leave list mit more notice now online "
    "our page policy section software the this to us your"
)
_LONGEST_HEADER = 400
"""Characters of a header that are examined: the cache below stays bounded."""
_RELEASE = re.compile(r"\W{0,8}(?:version|release)?\W{0,8}v?\d+(?:\.\w+)+", re.IGNORECASE)
_OF_RELEASES = re.compile(
    r"version|releas(?:e|ed)|yanked|jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec", re.IGNORECASE
)
_TOPICS = frozenset({"terms of service", "privacy policy", "cookie", "code of conduct", "newsletter", "advertisement"})
"""Headers of a site's furniture that are also what people write about."""
_ASKS = re.compile(r"\W{0,8}(?:what|why|how|when|who|which|should|does|do|can|is|are)\b", re.IGNORECASE)
_OF_THE_SITE = re.compile(
    r"\b(?:we|us|our|my|i|please|licensed|licen[cs]e|copyright|subscribe|sign up|you agree|these terms"
    r"|by (?:using|accessing|participating)"
    r"|this (?:site|website|page|project|policy|agreement|software|package|work|repository|code of conduct))\b",
    re.IGNORECASE,
)
_LONG_WORD = re.compile(r"[^\W\d_]{3}")
_WORD = re.compile(r"[^\W_]+")


def navigation_headers(settings: SegmentSettings) -> tuple[str, ...]:
    """The phrases of the settings, and those of the languages that are kept."""
    return settings.header_blocklist + phrases_of(settings.languages, "headings")


def is_navigation(header: str, blocklist: tuple[str, ...], text: str = "") -> str:
    """The phrase that makes a header a navigation header, or an empty string.

    A phrase counts if it has more words than the remainder of the header, not counting fillers and numbers: 'MIT
    License' and '3 Comments' are navigation, 'Comments in Python' is not. The header may have the plural of the
    phrase's words. A version number, with or without a date, is the header of a release note.

    A text about terms of service is told from a site's own by its words: where `text` is given and speaks neither for
    a site nor to its visitor, or the header asks a question, it is no navigation.
    """
    phrase = _navigation(header[:_LONGEST_HEADER], blocklist)
    if phrase in _TOPICS and (_ASKS.match(header) or (text and not _OF_THE_SITE.search(text))):
        return ""
    return phrase


@lru_cache(maxsize=4096)
def _navigation(header: str, blocklist: tuple[str, ...]) -> str:
    if _RELEASE.match(header) and not _LONG_WORD.search(_OF_RELEASES.sub("", header)):
        return "a release"
    header_words = [word for word in _WORD.findall(header.lower()) if not word.isdigit()]
    phrases = _by_first_word(blocklist)
    matches = {  # a dict and not a set: the first match in the header decides the phrase that is reported
        phrase: None
        for index, word in enumerate(header_words)
        for phrase in phrases.get(word, ())
        if all(word in (term, term + "s") for word, term in zip(header_words[index:], phrase, strict=False))
        and index + len(phrase) <= len(header_words)
    }
    for phrase in matches:
        ignored = _FILLERS.union(phrase)
        remainder = [word for word in header_words if not ignored & {word, word.removesuffix("s")}]
        if len(remainder) < len(phrase):
            return " ".join(phrase)
    return ""


@lru_cache(maxsize=4)
def _by_first_word(blocklist: tuple[str, ...]) -> dict[str, list[tuple[str, ...]]]:
    """The phrases as words, by their first word in the singular and in the plural."""
    phrases: dict[str, list[tuple[str, ...]]] = {}
    for phrase in filter(None, (tuple(_WORD.findall(text.lower())) for text in blocklist)):
        phrases.setdefault(phrase[0], []).append(phrase)
        phrases.setdefault(phrase[0] + "s", []).append(phrase)
    return phrases
