"""What runs through the pages of a PDF file, headers, footers and page numbers, is taken out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from humpback.corpus.office.pdf_lines import Line

_NUMBERS = re.compile(r"\d+|\b[ivxlc]+\b")
_PAGE_NUMBER = re.compile(r"\W*(?:page\s+)?(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of)\s*\d{1,4})?\W*", re.IGNORECASE)
_OUTER_LINES = 2
_BAND = 4.0
_RECURS = 3


def without_running(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without headers and footers that run through the document, and without page numbers.

    Running is what stands outermost on its page and recurs there on others, its numbers aside; and what stands at a
    height where such lines stand on other pages.
    """
    for _ in range(_OUTER_LINES):
        outer = [_outermost(page) for page in pages]
        seen = Counter((key, round(line.begins / _BAND)) for lines in outer for key, line in lines)
        wanted = min(_RECURS, max(2, len(pages) // 2 + 1))
        running: list[set[int]] = []
        heights: Counter[int] = Counter()
        for lines in outer:
            found = {
                id(line) for key, line in lines if _PAGE_NUMBER.fullmatch(line.text) or _recurs(key, line, seen, wanted)
            }
            running.append(found)
            heights.update({round(line.begins / _BAND) for _, line in lines if id(line) in found})
        for found, lines in zip(running, outer, strict=True):
            for _, line in lines:
                band = round(line.begins / _BAND)
                if sum(heights[near] for near in (band - 1, band, band + 1)) >= max(_RECURS, len(pages) // 3):
                    found.add(id(line))
        if not any(running):
            break
        pages = [[line for line in page if id(line) not in gone] for page, gone in zip(pages, running, strict=True)]
    return pages


def _outermost(page: Sequence[Line]) -> list[tuple[str, Line]]:
    """The highest and the lowest line of a page, with what they say apart from numbers."""
    if not page:
        return []
    lines = {id(line): line for line in (max(page, key=lambda x: x.begins), min(page, key=lambda x: x.begins))}
    return [(_NUMBERS.sub("#", line.text.lower()), line) for line in lines.values()]


def _recurs(key: str, line: Line, seen: Counter[tuple[str, int]], wanted: int) -> bool:
    band = round(line.begins / _BAND)
    return sum(seen[key, near] for near in (band - 1, band, band + 1)) >= wanted
