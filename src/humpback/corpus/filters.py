"""The rules that a piece must pass to become a segment, in the order they are asked; the first that objects counts.

Each is a pure function from a piece to what it saw, or None where it does not object. The paper's rules are the
lengths, the repetition and the headers (section 2.1, appendix); the others refuse what cannot be a good answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from humpback.config import SegmentSettings
from humpback.corpus.sections import prose
from humpback.corpus.segments import Piece, is_navigation

_MAX_SENTENCES = 80
_MIN_SENTENCE_WORDS = 8
_MAX_LINKED = 0.5
_MIN_LETTERS = 0.12
_ACRONYM = 5
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_TITLE_WORD = re.compile(r"[^\W\d_]{2}|[\u3040-\u9fff]|(?<!\w)[A-Z](?!\w)")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_`]*\s+|\n+")
_LINK = re.compile(r"\[[^\[\]]{0,500}\]\([^()\s]{0,2000}\)|<?https?://[^\s<>)\]]{1,2000}>?")
_TARGET = re.compile(r"(?<=\])\([^()\s]{0,2000}\)|https?://\S{1,2000}")
_EMOJI = re.compile(r":[a-z0-9_+-]+:$")
_CODE_SPAN = re.compile(r"`[^`\n]{1,400}`")
_TO_THE_RATER = re.compile(
    r"^[\s*_#>-]{0,8}(?:(?:final|overall|my)\s+)?(?:score|rating|grade)[\s*_]{0,8}[:=][\s*_]{0,8}[1-5](?:\.\d)?(?!\d)"
    r"|\b(?:ignore|disregard|forget)\s+(?:(?:all|any|the|these|your|my)\s+){0,3}"
    r"(?:(?:previous|prior|above|preceding|earlier)\s+)?(?:instructions?|prompts?|rules)\b"
    r"|\bgive\s+(?:this|it|my)\s+(?:\w+\s+){0,2}(?:the\s+)?(?:best|highest|top|full|perfect|maximum)?[^.\n]{0,30}"
    r"\b(?:scores?|ratings?|grades?|marks?)\b"
    r"|\b(?:5|five)\s*(?:out\s+of|/)\s*(?:5|five)\b",
    re.IGNORECASE | re.MULTILINE,
)
_OPENING = re.compile(r"^[\s>*_\-+\"'“‘(\[]*")


class Filter(NamedTuple):
    """A rule: the phrase its objections are counted under, and the function that looks."""

    reason: str
    look: Callable[[Piece, SegmentSettings], str | None]


class Objection(NamedTuple):
    """Why a piece is not a segment."""

    reason: str
    detail: str


def without_header(piece: Piece, settings: SegmentSettings) -> str | None:
    """Text under no header, or under one without a word, such as a version or a date in figures."""
    if piece.headed and not _TITLE_WORD.search(piece.header):
        return f"header {piece.header!r}"
    return None


def navigation_header(piece: Piece, settings: SegmentSettings) -> str | None:
    """The header is one of a page's furniture."""
    phrase = is_navigation(piece.header, settings.header_blocklist) if piece.headed else ""
    return f"header {piece.header[:80]!r}: {phrase}" if phrase else None


def shouted_header(piece: Piece, settings: SegmentSettings) -> str | None:
    """The header is all upper-case; a single short word such as 'JSON' is an acronym and may be."""
    header = piece.header
    if not piece.headed or not header.isupper() or (header.isalnum() and len(header) <= _ACRONYM):
        return None
    return f"header {header[:80]!r}"


def too_short(piece: Piece, settings: SegmentSettings) -> str | None:
    """Fewer characters than the least."""
    return f"{len(piece.text)} characters" if len(piece.text) < settings.min_chars else None


def too_long(piece: Piece, settings: SegmentSettings) -> str | None:
    """More characters than the greatest, with no header to cut at."""
    return f"{len(piece.text)} characters" if len(piece.text) > settings.max_chars else None


def mostly_links(piece: Piece, settings: SegmentSettings) -> str | None:
    """A list of links, with hardly any text of its own."""
    linked = sum(len(link) for link in _LINK.findall(piece.text))
    share = linked / len(piece.text)
    return f"{share:.0%} of the text" if share > _MAX_LINKED else None


def mostly_code(piece: Piece, settings: SegmentSettings) -> str | None:
    """Little but code, figures or symbols: an answer says something in words."""
    letters = sum(map(str.isalpha, _CODE_SPAN.sub("", prose(piece.text))))
    share = letters / len(piece.text)
    return f"{share:.0%} of the text is letters of prose" if share < _MIN_LETTERS else None


def starts_inside(piece: Piece, settings: SegmentSettings) -> str | None:
    """A stretch of plain text opens in the middle of a sentence. Under a header, a small letter begins a name."""
    if piece.headed:
        return None
    opening = piece.text[_OPENING.match(piece.text).end() :][:40]  # type: ignore[union-attr]
    return f"opens with {opening!r}" if opening[:1].islower() and opening.split()[0].isalpha() else None


def stops_short(piece: Piece, settings: SegmentSettings) -> str | None:
    """It ends where something was to follow: an introduction of which the list stands elsewhere."""
    last = piece.text.rstrip("*_ \n")
    return f"ends with {last[-40:]!r}" if last.endswith((":", ",")) and not _EMOJI.search(last) else None


def repeats_itself(piece: Piece, settings: SegmentSettings) -> str | None:
    """Two of its sentences share too many word n-grams (Jaccard similarity of their sets).

    Sentences of fewer than 8 words and code do not count. At most the first 80 sentences are compared, by way of the
    n-grams they have in common.
    """
    n = settings.repetition_ngram
    grams: list[frozenset[tuple[str, ...]]] = []
    for sentence in _SENTENCE_END.split(_TARGET.sub("", prose(piece.text))):
        words = _WORD.findall(sentence.lower())
        if len(words) >= max(_MIN_SENTENCE_WORDS, n):
            grams.append(frozenset(zip(*(words[shift:] for shift in range(n)), strict=False)))
        if len(grams) == _MAX_SENTENCES:
            break
    for index, one in enumerate(grams):
        for other in grams[index + 1 :]:
            shared = len(one & other)
            if shared and shared / (len(one) + len(other) - shared) > settings.max_repetition:
                similarity = shared / (len(one) + len(other) - shared)
                return f"two sentences share {similarity:.0%} of their {n}-grams: {' '.join(sorted(one & other)[0])!r}"
    return None


def wrong_language(piece: Piece, settings: SegmentSettings) -> str | None:
    """Its prose is in none of the languages asked for."""
    if not settings.languages:
        return None
    language, probability = identify(piece.text)
    return None if language in settings.languages else f"{language}, probability {probability:.2f}"


def speaks_to_the_rater(piece: Piece, settings: SegmentSettings) -> str | None:
    """The text states a score of its own or gives orders to whoever rates it.

    A small model copies such a score: measured with `benchmarks/injection.py`. Reviews with marks go the same way; they
    are no assistant's answers either.
    """
    found = _TO_THE_RATER.search(piece.text)
    return f"says {found.group()[:80].strip()!r}" if found else None


FILTERS: tuple[Filter, ...] = (
    Filter("no header", without_header),
    Filter("navigation header", navigation_header),
    Filter("header all upper-case", shouted_header),
    Filter("too short", too_short),
    Filter("too long", too_long),
    Filter("mostly links", mostly_links),
    Filter("mostly code or symbols", mostly_code),
    Filter("starts inside a sentence", starts_inside),
    Filter("stops short", stops_short),
    Filter("speaks to the rater", speaks_to_the_rater),
    Filter("repeats itself", repeats_itself),
    Filter("wrong language", wrong_language),
)
"""Cheap rules first: a piece is counted once, under the first that objects."""


def judge(piece: Piece, settings: SegmentSettings) -> Objection | None:
    """The first objection to a piece, or None where it may become a segment."""
    for rule in FILTERS:
        detail = rule.look(piece, settings)
        if detail is not None:
            return Objection(rule.reason, detail)
    return None


@lru_cache(maxsize=2)
def identify(text: str) -> tuple[str, float]:
    """The language of a text's prose: ISO 639-1 code and probability."""
    words = _LINK.sub(" ", _CODE_SPAN.sub(" ", prose(text)))
    language, probability = _identifier().classify(words[:4000])
    return str(language), float(probability)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
