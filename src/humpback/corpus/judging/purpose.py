"""Filters on what a text is for: it sets exercises, lets readers talk, or sells. None of these answers a question.

What to look for stands in the files of `corpus/languages`.
"""

from __future__ import annotations

import re

from humpback.config import SegmentSettings
from humpback.corpus.cutting.piece import Piece, length
from humpback.corpus.languages import rule

_LEAST_QUESTIONS = 4
_SHARE_OF_QUESTIONS = 0.6
_NUMBERED = re.compile(r"(?:\d{1,3}|[a-z])[.)]\s")
_LONGEST_MARK = 80
"""Characters of a line that stands over or under a comment."""
_CHARS_PER_PHRASE = 400
"""One phrase of advertising in so many characters makes an advert, if there are `_LEAST_PHRASES` different ones."""
_LEAST_PHRASES = 3


def sets_exercises(piece: Piece, settings: SegmentSettings) -> str | None:
    """It says what will be learnt, or asks the reader question after question."""
    match = rule(settings.languages, "exercises").search(piece.lowered)
    if match:
        return f"says {match.group()!r}"
    if piece.prose.count("?") + piece.prose.count("？") < _LEAST_QUESTIONS:
        return None
    questions = sum(1 for line in piece.lines if _NUMBERED.match(line) and line.endswith(("?", "？")))
    asks = questions >= _LEAST_QUESTIONS and questions >= _SHARE_OF_QUESTIONS * len(piece.lines)
    return f"{questions} of {len(piece.lines)} lines are questions" if asks else None


def holds_comments(piece: Piece, settings: SegmentSettings) -> str | None:
    """It has marks of more than one comment of a reader."""
    marks = rule(settings.languages, "comments")
    seen: set[str] = set()
    for match in marks.matches(piece.lowered):
        start, end = piece.lowered.rfind("\n", 0, match.start()) + 1, piece.lowered.find("\n", match.end())
        line = piece.lowered[start : end if end >= 0 else None]
        if len(line) <= _LONGEST_MARK:
            seen.add(f"{start} {line}")
    return f"says {min(seen).partition(' ')[2]!r}" if len(seen) > 1 else None


def advertises(piece: Piece, settings: SegmentSettings) -> str | None:
    """It sells something, or disclaims: phrases of that kind come thick."""
    found = {match.group() for match in rule(settings.languages, "adverts").matches(piece.lowered)}
    if len(found) < max(_LEAST_PHRASES, length(piece.text, settings.dense_chars) / _CHARS_PER_PHRASE):
        return None
    return f"says {', '.join(map(repr, sorted(found)[:4]))}"
