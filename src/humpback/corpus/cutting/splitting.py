"""A text that is too long, split at its best boundaries into parts of about equal length.

Every part is between the least and the greatest length where the text has a place for it. What has no place inside (a
long table, a code block, a single sentence) stays whole, a part of its own that is too long; a text in front of such a
part may be too short. Nothing but white space, and empty lines of quotations, is lost between parts.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from humpback.config import SegmentSettings
from humpback.corpus.cutting.boundaries import Boundary, BoundaryKind, boundaries

OpensInside = Callable[[str], bool]
"""Whether a text, behind others of its document, opens in the middle of a train of thought."""

_FILL = 0.8
"""How full the parts are on average, so that each can end at a good boundary."""
_SHORT = 10.0
"""What a cut costs that leaves less than the least length on one side: more than any boundary."""
_OPENS_INSIDE = 0.6
"""What it costs where the part behind it opens in the middle of a train of thought."""
_LOOKED_AT = 8
"""The best so many boundaries of a part are looked at for how the next one opens."""
_OPENING = 200
"""Characters that show how a text opens."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """One part of a text."""

    text: str
    begins_at: BoundaryKind | None
    """The boundary in front of it; None for the first part."""


def split(text: str, settings: SegmentSettings, opens_inside: OpensInside, *, sentences: bool) -> list[TextPart]:
    """Splits a text into parts, in order.

    Args:
        text: Markdown or plain text.
        settings: The least and the greatest length of a part.
        opens_inside: Judges what would be the beginning of a part.
        sentences: Whether it may be split between two sentences of a paragraph where paragraphs are too long.
    """
    start = len(text) - len(text.lstrip("\n"))
    end = len(text.rstrip())
    places = [place for place in boundaries(text, settings.languages) if sentences or place.kind != "sentence"]
    edges = [Boundary(start, start, "paragraph", 0.0), *places, Boundary(end, end, "paragraph", 0.0)]
    cuts = [0]
    for first, last in _runs(edges, settings.max_chars):
        cuts += _cuts(edges, first, last, settings, lambda at: opens_inside(text[at : at + _OPENING]))
    return [
        TextPart(text[edges[first].start : edges[last].end], edges[first].kind if first else None)
        for first, last in pairwise(cuts)
    ]


def _runs(edges: Sequence[Boundary], longest: int) -> Iterator[tuple[int, int]]:
    """Stretches of the text, by their edges: each is one unit that is too long, or many that are not."""
    first = 0
    for at in range(len(edges) - 1):
        if edges[at + 1].end - edges[at].start > longest:
            if first < at:
                yield first, at
            yield at, at + 1
            first = at + 1
    if first < len(edges) - 1:
        yield first, len(edges) - 1


def _cuts(
    edges: Sequence[Boundary], first: int, last: int, settings: SegmentSettings, opens_inside: Callable[[int], bool]
) -> Iterator[int]:
    """The edges at which the parts of one stretch end, the last one among them."""
    while last - first > 1 and edges[last].end - edges[first].start > settings.max_chars:
        first = _best_cut(edges, first, last, settings, opens_inside)
        yield first
    yield last


def _best_cut(
    edges: Sequence[Boundary], first: int, last: int, settings: SegmentSettings, opens_inside: Callable[[int], bool]
) -> int:
    """The edge at which the next part had best end: near an equal share of what is left, at a good boundary."""
    start, end = edges[first].start, edges[last].end
    share = (end - start) / ceil((end - start) / (_FILL * settings.max_chars))

    def cost(at: int) -> float:
        size, remainder = edges[at].end - start, end - edges[at].start
        short = (size < settings.min_chars) + (remainder < settings.min_chars)
        return edges[at].cost + abs(size - share) / share + _SHORT * short

    within = first + 1
    while within + 1 < last and edges[within + 1].end - start <= settings.max_chars:
        within += 1
    costs = heapq.nsmallest(_LOOKED_AT, ((cost(at), at) for at in range(first + 1, within + 1)))
    return min((value + _OPENS_INSIDE * opens_inside(edges[at].start), at) for value, at in costs)[1]
