"""The ends of a piece, without the short paragraphs in which a page speaks of itself.

'Originally published at ...', 'Follow us on ...', 'Back to top', a date or a byline answer nobody's question. Only
whole paragraphs are removed, and only among the first and the last few.
"""

from __future__ import annotations

import re

_LONGEST = 240
"""Characters of such a paragraph, at most."""
_MOST = 3
"""Paragraphs that are removed from each end, at most."""
_MARKUP = "*_>#-–—•|[]() \t\n"

_ANY_END = (
    r"(?:(?:this|the) (?:blog )?(?:post|article|story|piece|recipe|report|page|entry|interview)(?: also)? "
    r"(?:was |has been )?)?(?:originally|first|previously) (?:published|posted|appeared)\b",
    r"(?:posted|published|updated|last (?:updated|modified|edited|reviewed)|modified)\b.{0,40}\d{4}.{0,20}$",
    r"(?:\d{1,3}|[a-z]{3,9}) min(?:ute)?s?(?: read)?$|reading time\b",
    r"(?:photo|image|picture|video|illustration|screenshot|cover)s?(?: (?:credit|courtesy|source|by|via|from))?\s?:",
    r"(?:photo|image|picture|illustration)s? (?:by|courtesy|credit|via)\b",
    r"back to (?:the )?(?:top|table of contents|contents|index|home|list|blog|overview)\b",
    r"(?:skip|jump) to (?:the )?(?:main )?(?:content|navigation|top|recipe)",
    r"(?:share|tweet|print|e-?mail|comments?|advertisements?|sponsored|menu|search|subscribe|edit)(?: this)?$",
    r"\{\{[^{}]*\}\}$|\{%[^{}]*%\}$",
    r"(?:this (?:post|article|page) (?:may )?contains? (?:affiliate|sponsored)|as an amazon associate)\b",
)
_LAST_END = (
    r"(?:please |you can )?(?:follow|like|find) (?:us|me|him|her|them|@\w{1,30}|[\w ]{1,40}) on "
    r"(?:twitter|facebook|instagram|linkedin|youtube|mastodon|x|pinterest|tiktok|github)\b",
    r"(?:subscribe|sign up|join)\b.{0,120}(?:newsletter|mailing list|email list|updates|channel|feed|podcast)\b",
    r"(?:if you (?:enjoyed|liked)|for more)\b.{1,180}\b(?:subscribe|sign up|follow us|check out)\b",
    r"(?:additional )?(?:reporting|editing) by\b",
    r"(?:share|like) this\b|stay tuned\b|check back\b",
    r"(?:read|see|learn|find out|know) more(?: here| about [^.]{1,60}| at [^ ]{1,60})?\.?$",
    r"(?:leave|post|add|write) (?:a|your) (?:comment|reply|review)\b",
    r"(?:tags?|filed under|categor(?:y|ies)|posted in|related|read next|more from|source|via)\s?:",
    r"(?:[^ ]{1,40} ){1,20}contributed to (?:this|the) (?:post|article|report|story|research)\b",
    r"(?:thank(?:s| you)(?: so much| again)? for reading|you['’]ve just (?:finished )?read)\b",
    r"(?:©|copyright (?:©|\(c\)|\d{4})|all rights reserved)",
)
_FURNITURE = re.compile("|".join(_ANY_END), re.IGNORECASE)
_LAST_FURNITURE = re.compile("|".join((*_ANY_END, *_LAST_END)), re.IGNORECASE)
_NOTE = re.compile(r"\[\d{1,3}\] [^\n]{1,2000}$")
"""A note, whose mark stands in the text or on another part of the page."""
_MOST_NOTES = 100
_BYLINE = re.compile(r"(?:Written )?[Bb]y(?: [A-Z][\w.'’-]{0,25}){2,4}$")


def without_furniture(text: str) -> str:
    """The text without the paragraphs at its ends in which its page speaks of itself."""
    for _ in range(_MOST_NOTES):
        before, parted, last = text.rpartition("\n\n")
        if not parted or not _NOTE.match(last.rstrip()):
            break
        text = before
    for _ in range(_MOST):
        first, parted, remainder = text.partition("\n\n")
        if not parted or len(first) > _LONGEST or not _is_furniture(first, _FURNITURE):
            break
        text = remainder.lstrip("\n")
    for _ in range(_MOST):
        remainder, parted, last = text.rpartition("\n\n")
        if not parted or len(last) > _LONGEST or not _is_furniture(last, _LAST_FURNITURE):
            break
        text = remainder.rstrip()
    return text


def _is_furniture(paragraph: str, pattern: re.Pattern[str]) -> bool:
    words = paragraph.strip(_MARKUP)
    return not words or ("\n" not in words and bool(pattern.match(words) or _BYLINE.match(words)))
