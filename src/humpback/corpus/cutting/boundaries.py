"""The places where a text may be cut, each with its kind and with what a cut there costs.

The text is Markdown as the parsers write it, or plain text. There is no place inside a code block, a table or a
sentence. A cost says how badly the texts on both sides of a cut would stand by themselves: 0 is a cut between two
paragraphs, above 1 one between two sentences of a paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from humpback.corpus.languages import NEVER, pattern_of
from humpback.corpus.parsing.sections import FENCE

BoundaryKind = Literal["paragraph", "line", "list item", "sentence"]

_PARAGRAPH, _LINE, _ITEM, _SENTENCE = 0.0, 0.3, 0.9, 1.2
_INSIDE_ITEM = 1.4
"""What it costs more to cut a list item or a quotation in two."""
_INTRODUCED = 3.0
"""What stands behind a colon belongs to what stands in front of it."""
_FORMED = 0.6
"""A list, a quotation, a table or code mostly belongs to the paragraph in front of it."""
_HEADING_LEFT = 0.9
"""A line without an end mark is a heading, and belongs to what follows, or its sentence goes on."""
_GOES_ON = 1.5
"""A paragraph that begins with a small letter, behind one without an end mark; the name under a quotation."""
_HEADING_TAKEN = -0.3
"""A cut in front of a heading that is written as a short line."""
_LONGEST_HEADING, _LONGEST_MARKED_HEADING = 80, 160
"""Characters of a heading that is written as a line, without marks of emphasis and with them, at most."""
_LONGEST_WHOLE = 500
"""Characters behind which an open bracket or mark no longer keeps a sentence together: it is never closed."""

_SIGNATURE = ("—", "--")
"""How the name under a quotation begins."""
_ITEM_MARK = re.compile(r"(?:[-*+•●▪◦‣·–]|\d{1,3}[.)]|[a-z][.)])\s+")
_MARKUP = " \t>*_#\"'“‘«([¿¡"
_CLOSING = " \t*_`\"'”’»)]」』）"
_END_MARKS = (".", "!", "?", "…", ";", ":", "。", "！", "？", "।", "؟", "۔")
_SENTENCE_END = re.compile(
    r"[.!?…।؟۔]{1,3}[\"'”’»)\]*_]{0,3}[ \t]+(?=[\"'“‘«(\[*_¿¡]{0,3}[^\W\d_])|[。！？][”’」』）]{0,2}(?=[^\s”’」』）])"
)
_ABBREVIATED = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Mt|Rev|Hon|Gen|Col|Capt|Lt|Sgt|Gov|Sen|Rep|Inc|Ltd|Co|Corp|Bros|No|Nos|Vol|"
    r"Fig|Figs|Eq|Sec|Ch|Ed|Eds|pp|vs|cf|al|approx|ca|resp|incl|esp|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|"
    r"z\.B|bzw|Nr|usw|Hr|Fr)|\b[^\W\d_]|\.[^\W\d_]{1,2})$",
    re.IGNORECASE,
)
"""What stands in front of a full stop that ends no sentence: a title, an initial, 'e.g'."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """A place where a text may be cut. Between `end` and `start` stand white space and empty lines of quotations."""

    end: int
    """Offset behind the text in front of it."""
    start: int
    """Offset of the text behind it."""
    kind: BoundaryKind
    cost: float


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with text."""

    start: int
    text: str
    block: int
    """Number of the code block that it belongs to, counted from 1; 0 is no code."""
    after_blank: bool
    in_list: bool
    """Whether it is a list item or belongs to one."""

    @property
    def bare(self) -> str:
        """Without indentation."""
        return self.text.lstrip()

    @property
    def indented(self) -> bool:
        """Whether it is indented as the inside of a list item is."""
        return self.text.startswith(("  ", "\t"))

    @property
    def is_item(self) -> bool:
        """Whether a list item begins with it."""
        return self.in_list and bool(_ITEM_MARK.match(self.bare))

    @property
    def is_table(self) -> bool:
        """Whether it is a row of a table."""
        return self.bare.startswith("|")

    @property
    def is_quoted(self) -> bool:
        """Whether it is a line of a quotation."""
        return self.bare.startswith(">")

    @property
    def is_prose(self) -> bool:
        """Whether it is a paragraph or a line of one."""
        return not (self.block or self.in_list or self.is_table or self.is_quoted)

    @property
    def ended(self) -> bool:
        """Whether a sentence ends with it."""
        return self.text.rstrip(_CLOSING).endswith(_END_MARKS)

    @property
    def begins_small(self) -> bool:
        """Whether it begins with a small letter, and is no list item, table or code."""
        fixed = self.block or self.is_table or self.is_item
        return not fixed and self.text.lstrip(_MARKUP)[:1].islower()

    @property
    def is_heading(self) -> bool:
        """Whether it looks like a heading that is written as a line: short, without an end mark or emphasised."""
        if not self.is_prose or self.begins_small:
            return False
        if self.text.startswith(("*", "_")) and self.text.rstrip().endswith(self.text[0]):
            return len(self.text) <= _LONGEST_MARKED_HEADING
        return not self.ended and len(self.text) <= _LONGEST_HEADING


def boundaries(text: str, languages: tuple[str, ...] = ("en",)) -> list[Boundary]:
    """Every place where a text may be cut, in order. The abbreviations of these languages end no sentence."""
    abbreviated = _abbreviated(languages)
    places: list[Boundary] = []
    previous: _Line | None = None
    for line in _lines(text):
        if previous:
            boundary = _between(previous, line)
            if boundary:
                places.append(boundary)
        if not line.block and not line.is_table:
            places += _sentence_ends(line, abbreviated)
        previous = line
    return places


def _lines(text: str) -> Iterator[_Line]:
    lines = text.split("\n")
    blocks = _code_blocks(lines)
    start, after_blank, in_list = 0, False, False
    for line, block in zip(lines, blocks, strict=True):
        if line.strip(" \t>"):
            indented = line.startswith(("  ", "\t"))
            if not block or not indented:
                in_list = bool(_ITEM_MARK.match(line.lstrip())) or (in_list and indented)
            yield _Line(start, line, block, after_blank, in_list)
        after_blank = not line.strip()
        start += len(line) + 1


def _between(previous: _Line, line: _Line) -> Boundary | None:
    """The boundary between two lines; None where they belong together."""
    together = line.block == previous.block if line.block else line.is_table and previous.is_table
    if together and not (line.is_table and line.after_blank):
        return None
    kind: BoundaryKind
    if line.is_item and previous.in_list:
        kind, cost = "list item", _ITEM + (_INSIDE_ITEM if line.indented else 0.0)
    elif (line.in_list and previous.in_list) or (line.is_quoted and previous.is_quoted and not line.after_blank):
        kind, cost = "line", _LINE + _INSIDE_ITEM
    else:
        kind, cost = ("paragraph", _PARAGRAPH) if line.after_blank else ("line", _LINE)
        cost += _FORMED if not line.is_prose else 0.0
    end = previous.start + len(previous.text.rstrip())
    if previous.text.rstrip(_CLOSING).endswith((":", "：")) and not previous.block:
        return Boundary(end, line.start, kind, cost + _INTRODUCED)
    behind_form = bool(previous.block) or previous.is_table
    if line.begins_small and (behind_form or not previous.ended):
        if kind == "line" and not behind_form:
            return None
        cost += _GOES_ON
    elif previous.is_heading or (previous.is_prose and not previous.ended):
        cost += _HEADING_LEFT
    if line.bare.startswith(_SIGNATURE):
        cost += _GOES_ON
    elif line.is_heading:
        cost += _HEADING_TAKEN
    return Boundary(end, line.start, kind, cost)


def _code_blocks(lines: list[str]) -> list[int]:
    """For each line the number of the code block that it belongs to, from 1; 0 is none. One that never ends is none."""
    numbers = [0] * len(lines)
    count, opened, fence = 0, 0, ""
    for at, line in enumerate(lines):
        mark = FENCE.match(line) if "```" in line or "~~~" in line else None
        if not mark:
            continue
        if not fence:
            opened, fence = at, mark.group(1)
        elif mark.group(1).startswith(fence) and not line[mark.end() :].strip():
            count += 1
            numbers[opened : at + 1] = [count] * (at + 1 - opened)
            fence = ""
    return numbers


@cache
def _abbreviated(languages: tuple[str, ...]) -> re.Pattern[str]:
    more = pattern_of(languages, "abbreviations")
    return re.compile(rf"{_ABBREVIATED.pattern}|(?:{more})$", re.IGNORECASE) if more != NEVER else _ABBREVIATED


def _sentence_ends(line: _Line, abbreviated: re.Pattern[str]) -> Iterator[Boundary]:
    """The places between the sentences of a line."""
    cost = _SENTENCE + (0.0 if line.is_prose else _INSIDE_ITEM)
    opened = 0
    for match in _SENTENCE_END.finditer(line.text):
        mark, end, start = match.group().rstrip(), match.start() + len(match.group().rstrip()), match.end()
        if line.text[start : start + 4].lstrip(_MARKUP)[:1].islower():
            continue
        if mark[0] == "." and abbreviated.search(line.text, max(0, match.start() - 12), match.start()):
            continue
        if end - opened <= _LONGEST_WHOLE and not _is_closed(line.text[opened:end]):
            continue
        opened = start
        yield Boundary(line.start + end, line.start + start, "sentence", cost)


def _is_closed(sentence: str) -> bool:
    """Whether all its brackets, code spans and strong emphasis are closed."""
    return (
        sentence.count("(") <= sentence.count(")")
        and sentence.count("[") <= sentence.count("]")
        and sentence.count("`") % 2 == 0
        and sentence.count("**") % 2 == 0
    )
