"""Reads the score from the reply to a rating prompt.

The last statement of a score in the reply decides, and it must be a whole or a half number from 1 to 5. A statement
that is anything else ('10', '4/10', '3-4') makes the reply unparsed, and an earlier one does not stand in for it. There
is no default: what cannot be read has no score.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from humpback.records import FinishReason, RatingState


@dataclass(frozen=True, slots=True)
class ParsedRating:
    """What a reply says."""

    state: RatingState
    score: float | None = None
    """1 to 5; None unless `state` is 'scored'."""


# Runs of marks are bounded, so that a reply of a hundred thousand asterisks takes no longer than another.
_MARKS = r"[\s*_`\"'’”#]{0,12}"
_LABEL = r"(?<![^\W_])(?:score|rating|grade)(?![^\W_])"
_SCALE = r"(?:[(\[][^()\[\]\n]{0,24}[)\]])?"
_WORDS = r"(?:is|of|would be|should be)(?![^\W_])"
_SEPARATOR = rf"(?::|=>?|-+>|→|{_WORDS}|(?<=\s)[-–—](?=\s)){_MARKS}(?:an?(?=\s))?"
_OPENERS = r"(?:\s?\$?\\boxed)?[\s*_`\"'‘“(\[{<$]{0,12}"

# A statement of a score, up to its number, whatever that is: also one that no grade can be.
_STATEMENT = re.compile(
    rf"(?:{_LABEL}{_MARKS}{_SCALE}{_MARKS}{_SEPARATOR}|<(?:score|rating|grade)>){_OPENERS}(?=[-+~≈≥≤−–]?\.?\d)",
    re.IGNORECASE,
)
# A number that has its line to itself needs no separator: '## Score' above '4', or a reply that is a grade and no more.
_LONELY = r"(?=\d[\d./ of*_`\])>-]{0,16}\s*"
_HEADING = re.compile(
    rf"^[ \t#*_`>-]{{0,12}}(?:(?:final|overall)[ \t]+)?{_LABEL}[*_`]{{0,6}}\s{{1,4}}[*_`\[(<]{{0,6}}{_LONELY}$)",
    re.IGNORECASE | re.MULTILINE,
)
_BARE = re.compile(rf"[\s*_`\[(<]{{0,12}}{_LONELY}\Z)(?!\d\.\s*\Z)")

_CLOSERS = r"[*_`\"'’”)\]}>$]{0,8}+"
_OUT_OF_FIVE = rf"(?:[ \t]*\(?(?:/|(?:out[ \t]+)?of)[ \t]*[*_`]{{0,4}}(?:5|five)(?:\.0+)?(?![^\W_]){_CLOSERS})?"
_GOES_ON = (
    r"(?!\w|\.\d|[+%]"  # 40, 4.25, 4th, 3+
    r"|[ \t]*[-–—~+/⁄.,:&=×*^][ \t]*[*_`\[(<]{0,4}\d"  # 3-4, 4/10, 4, 5
    r"|[ \t]*[*_`\[<]{0,4}\d"  # 4 1/2, [4] [5]
    r"|[ \t]*[/⁄]|[ \t]*\(?(?:out[ \t]+)?of\b"  # 4/ten, 4 out of 10
    r"|[ \t]*(?:to|or|and|through|versus|vs\.?)[ \t]+(?:an?[ \t]+)?[*_`\[(<]{0,4}(?:\d|half))"  # 3 or 4
)
_GRADE = re.compile(rf"([1-5](?:\.[05]0*)?)(?!\d){_CLOSERS}{_OUT_OF_FIVE}{_GOES_ON}", re.IGNORECASE)
# What a reply that states no score ends with where it was about to: 'Score:', 'Final rating: good', '**Score'.
_BEGUN = re.compile(
    rf"[\s*_`#>(\[<]{{0,12}}(?:(?:final|overall|my|the)\s{{1,4}}){{0,2}}{_LABEL}{_MARKS}{_SCALE}{_MARKS}"
    rf"(?:{_SEPARATOR}[^\n.!?]{{0,24}}[.!?*_]{{0,4}})?\Z",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?…][*_`\"'’”)\]]{0,8}(?=\s|\Z)|[。！？]|\n")
_SPACE = re.compile(r"\s")
_REST_OF_LINE = re.compile(r"[ \t.!*_`]{0,12}(?:\n|\Z)")

_CUT_OFF_WITHIN = 8
"""In a reply that its limit cut off, a number this close to the end may have been the beginning of '4 out of 10'."""


def parse_rating(reply: str, finish_reason: FinishReason) -> ParsedRating:
    """Reads the last score that a reply states.

    Args:
        reply: What the model wrote.
        finish_reason: Why it stopped. Where its limit cut it off before a score, or so close behind the digit that it
            may be the beginning of '4.5' or '4/10', the rating is 'truncated'.
    """
    text = unicodedata.normalize("NFKC", reply)
    stated = _last_stated(text)
    if stated is None:
        return ParsedRating("truncated" if finish_reason == "length" else "unparsed")
    grade = _GRADE.match(text, stated.number)
    if grade is None or float(grade[1]) > 5 or (stated.alone and not _REST_OF_LINE.match(text, grade.end())):
        return ParsedRating("unparsed")
    tail = text[grade.end() :]
    if finish_reason == "length" and len(tail) < _CUT_OFF_WITHIN and "\n" not in tail:
        return ParsedRating("truncated")
    return ParsedRating("scored", float(grade[1]))


def reasons(reply: str, finish_reason: FinishReason) -> str | None:
    """The reasons in a reply without a score, so that the model can be asked for the score behind them.

    A sentence that the limit cut off is left out, and so is the beginning of a statement of a score ('Score:', 'Rating:
    good').

    Args:
        reply: What the model wrote, for which `parse_rating` finds no score.
        finish_reason: Why it stopped.

    Returns:
        None where the reply states a score that is no grade: the model has answered, on a scale of its own. A grade
        read in that place would be a default in disguise: what was to be '10' begins with a '1'.
    """
    text = unicodedata.normalize("NFKC", reply).rstrip()
    stated = _last_stated(text)
    if stated is None:
        unfinished = _BEGUN.search(text)
        if not unfinished and finish_reason != "length":
            return text
        # The space says that the last word is whole.
        return _whole_sentences(f"{text[: unfinished.start()]} " if unfinished else text)
    if parse_rating(reply, finish_reason).state == "truncated":
        return _whole_sentences(f"{text[: stated.begin]} ")
    return None


def _whole_sentences(text: str) -> str:
    """As far as the last sentence or line that ends; where none does, as far as the last whole word."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)] or [match.start() for match in _SPACE.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


@dataclass(frozen=True, slots=True, order=True)
class _Stated:
    """The statement of a score."""

    number: int
    """Where its number begins."""
    alone: bool
    """Whether the number must have its line to itself."""
    begin: int


def _last_stated(text: str) -> _Stated | None:
    statements = [_Stated(match.end(), "\n" in match[0], match.start()) for match in _STATEMENT.finditer(text)]
    headings = [_Stated(match.end(), True, match.start()) for match in _HEADING.finditer(text)]
    if statements or headings:
        return max(statements + headings)
    bare = _BARE.match(text)
    return _Stated(bare.end(), True, 0) if bare else None
