"""Raised and lowered text, references and what is struck out, as somebody who sees the page reads them."""

from __future__ import annotations

import re

from humpback.corpus.parsing.sections import words

_RAISED = dict(zip("0123456789+-−–=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱ", strict=True))
_LOWERED = dict(zip("0123456789+-−–=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎", strict=True))
_ORDINALS = words("st nd rd th er re e ère ème eme o a os as º ª")
_AS_IT_IS = words("tm sm ® ™ ©")
_NOTE = re.compile(r"\[.{1,40}\]|[\s,]+")
_NOTE_NUMBER = re.compile(r"[\w*†‡§]{1,4}(?:\s*[,–-]\s*\w{1,4})*")
_ENDS = tuple('.,;:!?"”’»。')
_LONGEST = 12
_REFERENCE = re.compile(
    r"(?<=[.,;:!?\"”’])(?:\[\d{1,3}(?:[,–-] ?\d{1,3})*\])+(?=\s|$|[.,;:)])"
    r"| ?\[(?:citation needed|clarification needed|better source needed|dead link|edit|original research\??"
    r"|(?:by )?wh(?:o|om|en|ere|ich)\?|note \d{1,3})\]",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<(sup|sub)(?:\s[^<>]{0,300})?>([^<>]{0,2000})</\1\s*>"
    r"| ?<(del|s|strike)(?:\s[^<>]{0,300})?>[^<>]{0,2000}</\3\s*>| ?~~(?=\S)[^~\n]{1,500}(?<=\S)~~",
    re.IGNORECASE,
)


def raised(text: str, before: str, *, lowered: bool = False, linked: bool = False) -> str:
    """Raised or lowered text in one line with the rest: 10²³, x^k, CO₂, a_ij, 1st. Empty if it is the mark of a note.

    Args:
        text: What is raised or lowered.
        before: What stands in front of it.
        lowered: Whether it is lowered.
        linked: Whether it links to another place of the page.
    """
    text, last = " ".join(text.split()), before[-1:]
    if not lowered and (_NOTE.fullmatch(text) or (linked and _NOTE_NUMBER.fullmatch(text))):
        return ""
    if not lowered and last and last in _ENDS and text.isdecimal():
        return ""
    if not last or last.isspace():
        return f"{text} "
    if all(sign in (_LOWERED if lowered else _RAISED) for sign in text):
        return "".join((_LOWERED if lowered else _RAISED)[sign] for sign in text)
    if (last.isdigit() and text.lower() in _ORDINALS) or text.lower() in _AS_IT_IS or not any(map(str.isalnum, text)):
        return text
    if len(text) > _LONGEST:
        return f" {text}"
    return ("_" if lowered else "^") + (text if text.isalnum() else f"({text})")


def without_references(text: str) -> str:
    """Text without the numbers of notes behind a sentence, and without what editors of a wiki remark in it."""
    return _REFERENCE.sub("", text)


def inline_markup(text: str) -> str:
    """Text with the tags of raised, lowered and struck-out text in it as its reader reads it."""

    def read(match: re.Match[str]) -> str:
        before = text[max(0, match.start() - 1) : match.start()]
        return raised(match[2], before, lowered=match[1].lower() == "sub") if match[1] else ""

    return _MARKUP.sub(read, text)
