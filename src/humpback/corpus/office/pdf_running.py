"""Running headers, running footers and page numbers of a PDF file, removed from its pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from humpback.corpus.office.pdf_lines import Line

_NUMBERS = re.compile(r"\d+|\b[ivxlc]+\b")
_PAGE_NUMBER = re.compile(r"\W*(?:page\s+)?(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of)\s*\d{1,4})?\W*", re.IGNORECASE)
_OUTER_LINES = 2
"""A running header has at most so many lines, and a footer too."""
_BAND = 4.0
"""Points within which two lines are at the same height."""
_RECURS = 3
"""A line runs through the document if it stands on so many pages."""


def without_running(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without running headers and footers and without page numbers.

    A line is running if it is the highest or lowest of its page and recurs there on other pages, apart from its
    numbers. So is a line at a height at which such lines stand on other pages: a chapter's title changes.
    """
    for _ in range(_OUTER_LINES):  # without the outermost lines the next ones are outermost
        outer = [_outermost(page) for page in pages]
        counts = Counter((key, _band(line)) for lines in outer for key, line in lines)
        least = min(_RECURS, max(2, len(pages) // 2 + 1))
        running: list[set[int]] = []
        heights: Counter[int] = Counter()
        for lines in outer:
            matches = [
                line for key, line in lines if _PAGE_NUMBER.fullmatch(line.text) or _recurs(key, line, counts, least)
            ]
            running.append({id(line) for line in matches})
            heights.update({_band(line) for line in matches})
        for ids, lines in zip(running, outer, strict=True):
            for _, line in lines:
                if sum(heights[band] for band in _near(line)) >= max(_RECURS, len(pages) // 3):
                    ids.add(id(line))
        if not any(running):
            break
        pages = [[line for line in page if id(line) not in ids] for page, ids in zip(pages, running, strict=True)]
    return pages


def _outermost(page: Sequence[Line]) -> list[tuple[str, Line]]:
    """The highest and the lowest line of a page, each with its text apart from numbers."""
    if not page:
        return []
    lines = {id(line): line for line in (max(page, key=lambda x: x.begins), min(page, key=lambda x: x.begins))}
    return [(_NUMBERS.sub("#", line.text.lower()), line) for line in lines.values()]


def _recurs(key: str, line: Line, counts: Counter[tuple[str, int]], least: int) -> bool:
    return sum(counts[key, band] for band in _near(line)) >= least


def _band(line: Line) -> int:
    return round(line.begins / _BAND)


def _near(line: Line) -> tuple[int, int, int]:
    """Its height and the heights next to it: rounding may part lines that are a fraction of a point apart."""
    band = _band(line)
    return (band - 1, band, band + 1)
