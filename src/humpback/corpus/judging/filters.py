"""The filters that a piece must pass to become a segment, in their order. The first that objects gives the reason.

Each is a pure function from a piece to the detail of its objection, or None. The paper's filters are the lengths, the
repetition and the headers (section 2.1, appendix). The others refuse what cannot be a good answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from humpback.config import FilterName, SegmentSettings
from humpback.corpus.cutting.navigation import is_navigation, navigation_headers
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.judging.language import identify
from humpback.corpus.judging.leaning import leans_on_page, opens_inside
from humpback.corpus.judging.missing import misses_something
from humpback.corpus.judging.personal import holds_personal_data
from humpback.corpus.judging.purpose import advertises, holds_comments, sets_exercises
from humpback.corpus.judging.repetition import repeats_itself
from humpback.corpus.judging.shape import (
    many_capitals,
    many_ellipses,
    many_symbols,
    mostly_bullets,
    mostly_code,
    mostly_links,
    starts_inside,
    stops_short,
    too_long,
    too_short,
)
from humpback.corpus.languages.phrases import phrases

_ACRONYM = 5
_TITLE_WORD = re.compile(r"[^\W\d_]{2}|[\u3040-\u9fff]|(?<!\w)[A-Z](?!\w)")
_WITH_LETTER = re.compile(r"\d*[^\W\d_]\w*")
_WITHOUT_CASE = re.compile(r"[\u05d0-\u06ff\u0900-\u109f\u1100-\u11ff\u3040-\u9fff\uac00-\ud7a3]")
_TEMPLATE = phrases(
    "{{,{%,lorem ipsum,[gallery,[caption,[embed,[/",
    r"\[/?(?:gallery|caption|embed|audio|video|playlist)(?: [^\]\n]{0,60})?\](?!\()",
    r"\{\{[^{}\n]{0,200}\}\}",
    r"\{%[^{}\n]{0,200}%\}",
    r"lorem ipsum dolor",
)
_TO_THE_RATER = (
    phrases(
        "score,rating,grade",
        r"^[\s*_#>-]{0,8}(?:(?:final|overall|my)\s{1,4})?(?:score|rating|grade)[\s*_]{0,8}[:=][\s*_]{0,8}[1-5](?:\.\d)?(?!\d)",
    ),
    phrases(
        "ignore,disregard,forget",
        r"\b(?:ignore|disregard|forget)\s{1,4}(?:(?:all|any|the|these|your|my)\s{1,4}){0,3}"
        r"(?:(?:previous|prior|above|preceding|earlier)\s{1,4})?(?:instructions?|prompts?|rules)\b",
    ),
    phrases(
        "score,rating,grade,mark",
        r"\bgive\s{1,4}(?:this|it|my)\s{1,4}(?:\w{1,20}\s{1,4}){0,2}(?:the\s{1,4})?"
        r"(?:best|highest|top|full|perfect|maximum)?[^.\n]{0,30}\b(?:scores?|ratings?|grades?|marks?)\b",
    ),
    phrases("5,five", r"\b(?:5|five)\s{0,4}(?:out\s{1,4}of|/)\s{0,4}(?:5|five)\b"),
)


class Filter(NamedTuple):
    """A rule: the phrase its objections are counted under, and the function that looks."""

    reason: FilterName
    look: Callable[[Piece, SegmentSettings], str | None]


class Objection(NamedTuple):
    """Why a piece is not a segment."""

    reason: str
    detail: str


def without_header(piece: Piece, settings: SegmentSettings) -> str | None:
    """Text under a header without a word, such as a version or a date in figures."""
    if piece.headed and piece.header and not _TITLE_WORD.search(piece.header):
        return f"header {piece.header[:80]!r}"
    return None


def navigation_header(piece: Piece, settings: SegmentSettings) -> str | None:
    """The header is one of a page's furniture."""
    phrase = is_navigation(piece.header, navigation_headers(settings), piece.text) if piece.headed else ""
    return f"header {piece.header[:80]!r}: {phrase}" if phrase else None


def shouted_header(piece: Piece, settings: SegmentSettings) -> str | None:
    """The header is all upper-case, and most others of its document are not.

    Acronyms may be: a single short word, or words that the text has in capitals too. So may a header with letters of a
    script that has no capitals.
    """
    header = piece.header
    if not piece.headed or piece.in_capitals or not header.isupper() or _WITHOUT_CASE.search(header):
        return None
    words = _WITH_LETTER.findall(header)
    if len(words) == 1 and len(words[0]) <= _ACRONYM:
        return None
    text_words = set(_WITH_LETTER.findall(piece.text))
    return None if all(len(word) == 1 or word in text_words for word in words) else f"header {header[:80]!r}"


def wrong_language(piece: Piece, settings: SegmentSettings) -> str | None:
    """Its prose is in none of the languages asked for, or not clearly so."""
    if not settings.languages:
        return None
    language, probability = identify(piece.spoken)
    if language in settings.languages and probability >= settings.min_language_probability:
        return None
    return f"{language}, probability {probability:.2f}"


def unfinished_template(piece: Piece, settings: SegmentSettings) -> str | None:
    """It holds the marks of a template that was not filled in, or filler text."""
    match = _TEMPLATE.search(piece.lowered)
    return f"says {match.group()[:80]!r}" if match else None


def speaks_to_the_rater(piece: Piece, settings: SegmentSettings) -> str | None:
    """The text states a score of its own or gives orders to whoever rates it.

    A small model copies such a score: measured with `benchmarks/injection.py`. Reviews with marks go the same way; they
    are no assistant's answers either.
    """
    text = piece.text.lower()
    match = next(filter(None, (phrase.search(text) for phrase in _TO_THE_RATER)), None)
    return f"says {match.group()[:80].strip()!r}" if match else None


FILTERS: tuple[Filter, ...] = (
    Filter("no header", without_header),
    Filter("navigation header", navigation_header),
    Filter("header all upper-case", shouted_header),
    Filter("too short", too_short),
    Filter("too long", too_long),
    Filter("mostly links", mostly_links),
    Filter("mostly code or symbols", mostly_code),
    Filter("wrong language", wrong_language),
    Filter("many symbols", many_symbols),
    Filter("many capitals", many_capitals),
    Filter("lines break off", many_ellipses),
    Filter("mostly bullet points", mostly_bullets),
    Filter("starts inside a sentence", starts_inside),
    Filter("stops short", stops_short),
    Filter("opens in the middle", opens_inside),
    Filter("leans on its page", leans_on_page),
    Filter("something is missing", misses_something),
    Filter("unfinished template", unfinished_template),
    Filter("speaks to the rater", speaks_to_the_rater),
    Filter("repeats itself", repeats_itself),
    Filter("holds personal data", holds_personal_data),
    Filter("exercises or objectives", sets_exercises),
    Filter("readers' comments", holds_comments),
    Filter("advertises", advertises),
)
"""Cheap rules first: a piece is counted once, under the first that objects."""


def judge(piece: Piece, settings: SegmentSettings) -> Objection | None:
    """The first objection to a piece, or None where it may become a segment."""
    return next(objections(piece, settings), None)


def objections(piece: Piece, settings: SegmentSettings) -> Iterator[Objection]:
    """Every objection to a piece, in order; each rule is asked when the next objection is wanted."""
    for rule in FILTERS:
        detail = None if rule.reason in settings.skip else rule.look(piece, settings)
        if detail is not None:
            yield Objection(rule.reason, detail)
