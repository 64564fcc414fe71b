"""Plain text: paragraphs, and spans of them within the length limits."""

from __future__ import annotations

import re
from math import ceil

from humpback.corpus.parsing.sections import Page

_ITEM = re.compile(r"\s|[-*+•|>#]|\d{1,3}[.)]\s")
_WRAPPED = range(45, 101)
"""Lengths of the lines of a hard-wrapped paragraph."""
_FILL = 0.8
"""How full the spans of a long text are on average, so that each can end at a paragraph."""


def parse_text(text: str) -> Page:
    """Plain text as a page without headers; hard-wrapped paragraphs become one line each."""
    return Page("", tuple(unwrap(paragraph) for paragraph in paragraphs(text)))


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, as blank lines separate them."""
    return [part.strip("\n").rstrip() for part in re.split(r"\n(?:[ \t]*\n)+", text) if part.strip()]


def unwrap(paragraph: str) -> str:
    """A paragraph that was broken into lines of about equal length as one line. Any other stays as it is."""
    lines = [line.rstrip() for line in paragraph.split("\n")]
    if len(lines) < 2 or any(_ITEM.match(line) for line in lines):
        return "\n".join(lines)
    if all(len(line) in _WRAPPED for line in lines[:-1]) and len(lines[-1]) < _WRAPPED.stop:
        return " ".join(lines)
    return "\n".join(lines)


def spans(text: str, longest: int) -> list[str]:
    """Groups the paragraphs of a long text into spans of about equal length. No paragraph is split.

    Args:
        text: The text, a blank line between paragraphs.
        longest: Characters that a span may have. A single paragraph that is longer stays alone.
    """
    if len(text) <= longest:
        return [text] if text.strip() else []
    target = len(text) / ceil(len(text) / (_FILL * longest))
    groups: list[list[str]] = [[]]
    size = 0
    for paragraph in paragraphs(text):
        if groups[-1] and (size >= target or size + 2 + len(paragraph) > longest):
            groups.append([])
            size = 0
        size += len(paragraph) + (2 if groups[-1] else 0)
        groups[-1].append(paragraph)
    return ["\n\n".join(group) for group in groups if group]
