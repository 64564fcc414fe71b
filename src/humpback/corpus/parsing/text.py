"""Plain text: its paragraphs."""

from __future__ import annotations

import re

from humpback.corpus.parsing.sections import Page

_ITEM = re.compile(r"\s|[-*+•|>#]|\d{1,3}[.)]\s")
_WRAPPED = range(45, 101)
"""Lengths of the lines of a hard-wrapped paragraph."""


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
