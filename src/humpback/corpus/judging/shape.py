"""Filters on the form of a piece: its lengths, and its share of links, code, symbols, capitals or list items.

Shares are of the prose, so code counts only in `mostly_code`. The filters on symbols, ellipses and bullets are those
of MassiveText (Rae et al. 2021, table A1, 'Gopher').
"""

from __future__ import annotations

import re

from humpback.config import SegmentSettings
from humpback.corpus.cutting.piece import Piece, length

_LINK = re.compile(r"\[[^\[\]]{0,500}\]\([^()\s]{0,2000}\)|<?https?://[^\s<>)\]]{1,2000}>?")
_SYMBOLS = re.compile(r"(?<![#\n\w])#(?!#)|\.\.\.+|…")
_BULLET = re.compile(r"[-*+•●▪◦‣·–]\s")
_ELLIPSES = ("...", "…")
_CODE_INDENT = ("    ", "\t")
_QUOTES = "\"'”’*_"
_CLOSING = "\"'”’*_)]"
_EMOJI = re.compile(r":[a-z0-9_+-]{1,40}:$")
_OPENING = re.compile(r"[\s>*_\-+\"'“‘(\[]*")
_FOLLOWING = re.compile(
    r"\b[Tt]he following (?:[\w-]{1,20} ){1,4}(?:is|are) (?:available|supported|used|provided|defined)\.$"
)
"""A list is announced, and the sentence has no colon."""
_GOES_ON = (":", ",", "：", "，", "、")
_FEW_WORDS = 7
"""Words of a bullet point that is an entry rather than a sentence, at most."""
_FEW_LINES = 4
"""With fewer lines than this, a share of lines means nothing."""


def too_short(piece: Piece, settings: SegmentSettings) -> str | None:
    """Fewer characters than the least."""
    chars = length(piece.text, settings.dense_chars)
    return f"{chars} characters" if chars < settings.min_chars else None


def too_long(piece: Piece, settings: SegmentSettings) -> str | None:
    """More characters than the greatest, with no place to cut at."""
    chars = length(piece.text, settings.dense_chars)
    return f"{chars} characters" if chars > settings.max_chars else None


def mostly_links(piece: Piece, settings: SegmentSettings) -> str | None:
    """A list of links, with hardly any text of its own."""
    if "](" not in piece.text and "://" not in piece.text:
        return None
    share = sum(map(len, _LINK.findall(piece.text))) / max(1, len(piece.text))
    return f"{share:.0%} of the text" if share > settings.max_links else None


def mostly_code(piece: Piece, settings: SegmentSettings) -> str | None:
    """Little but code, figures or symbols: an answer says something in words."""
    share = piece.letters / max(1, len(piece.text))
    return f"{share:.0%} of the text is letters of prose" if share < settings.min_prose else None


def many_symbols(piece: Piece, settings: SegmentSettings) -> str | None:
    """Too many hash signs and ellipses to a word. Those that mark a Markdown header do not count."""
    if not any(symbol in piece.spoken for symbol in ("#", *_ELLIPSES)):
        return None
    share = len(_SYMBOLS.findall(piece.spoken)) / max(1, len(piece.spoken.split()))
    return f"{share:.2f} to a word" if share > settings.max_symbols else None


def many_capitals(piece: Piece, settings: SegmentSettings) -> str | None:
    """Too many of the letters are capitals: shouting, tables of abbreviations, forms."""
    share = piece.capitals / max(1, piece.letters)
    return f"{share:.0%} of the letters" if share > settings.max_capitals else None


def many_ellipses(piece: Piece, settings: SegmentSettings) -> str | None:
    """Too many of the lines break off: teasers of other pages."""
    if not any(mark in piece.prose for mark in _ELLIPSES):
        return None
    broken = sum(1 for line in piece.lines if line.rstrip(_CLOSING).endswith(_ELLIPSES))
    share = broken / max(1, len(piece.lines))
    return f"{share:.0%} of the lines" if share > settings.max_ellipsis_lines and broken > 1 else None


def mostly_bullets(piece: Piece, settings: SegmentSettings) -> str | None:
    """Nearly every line is a short bullet point: an index, a score sheet. Sentences and numbered steps are not."""
    if piece.prose.count("\n") < _FEW_LINES - 1 or len(piece.lines) < _FEW_LINES:
        return None
    share = sum(1 for line in piece.lines if _BULLET.match(line) and _is_short(line)) / len(piece.lines)
    return f"{share:.0%} of the lines" if share > settings.max_bullet_lines else None


def _is_short(line: str) -> bool:
    """Whether a bullet point is an entry, not a sentence. Text without spaces has about two characters to a word."""
    return line.count(" ") + (length(line, 2) - len(line)) // 2 <= _FEW_WORDS


def starts_inside(piece: Piece, settings: SegmentSettings) -> str | None:
    """A part of a text opens in the middle of a sentence. Directly under a header, a small letter begins a name."""
    if piece.headed and piece.part == 1:
        return None
    opening = piece.text[_OPENING.match(piece.text).end() :][:40]  # type: ignore[union-attr]
    return f"opens with {opening!r}" if opening[:1].islower() and opening.split()[0].isalpha() else None


def stops_short(piece: Piece, settings: SegmentSettings) -> str | None:
    """It ends where something should follow: an introduction without its list, a teaser."""
    last = piece.text[-400:].rpartition("\n")[2].rstrip("*_ ")
    announces = last.endswith(_GOES_ON) or _FOLLOWING.search(last) is not None
    introduces = announces and not last.startswith(_CODE_INDENT) and not _EMOJI.search(last)
    return f"ends with {last[-40:]!r}" if introduces or last.rstrip(_QUOTES).endswith(_ELLIPSES) else None
