"""The lines of a PDF file to Markdown: without running headers, with broken words and paragraphs joined.

A PDF page has no paragraphs, only lines at positions. Entries of the outline are headers, and so are lines in a font
larger than that of the text. Lines in a font of equal widths are code. Tables have no structure in a PDF file: their
rows are lines.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from humpback.corpus.office.pdf_lines import Entry, Line
from humpback.corpus.office.pdf_running import without_running

_BULLET = re.compile(r"[•▪●○■□◦‣∙·–—*-]\s+(?=\S)")
_ITEM = re.compile(r"(?:\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_SOFT = re.compile("(\\w+)\u00ad(\\w+)")
_BROKEN = re.compile(r"([^\W\d_]{2,})-$")
_ACCENT = re.compile("([´¨ˆ˜¸])([A-Za-zı])")
_ACCENTS = {"´": "\u0301", "¨": "\u0308", "ˆ": "\u0302", "˜": "\u0303", "¸": "\u0327"}
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_NUMBERING = re.compile(r"^(?:\d{1,3}(?:\.\d{1,3})*|[A-Z](?:\.\d{1,3})+)\.?\s+(?=\S)")
_CONTENTS = re.compile(r"(?:\.\s?){5,}\s*[\divxlc]*\W*$")
_LETTER = re.compile(r"[^\W_]")
_SENTENCE_ENDS = (".", "!", "?", ":", ";", "”", '"', "’", ")")

_LARGER = 1.13
"""A font this many times larger than that of the text is a header's."""
_HEADER_CHARS = 150
_SMALLER = 0.88
"""A font this many times smaller is that of footnotes."""
_GAP = 1.35
"""A distance this many times larger than that of lines begins a paragraph."""
_STRAY = 2
"""Characters of a full stop or comma that PDFium puts on a line of its own, behind a raised number."""
_SHORT_CODE = 40
_INDENT = 6.0
_MAX_LEVEL = 6


@dataclass(slots=True)
class _Block:
    """A paragraph, a header or a piece of code in progress."""

    lines: list[Line]
    level: int = 0
    """Of a header; 0 for text."""
    code: bool = False
    joins: list[str] = field(default_factory=list)
    """The separator before each line but the first."""


def pdf_markdown(pages: Sequence[Sequence[Line]], outline: Sequence[Entry] = ()) -> str:
    """The text of a document as Markdown.

    Args:
        pages: The lines of each page in reading order.
        outline: The headers that the author named.
    """
    normalised = [[_normalised(line) for line in page if not _CONTENTS.search(line.text)] for page in pages]
    body_pages = without_running(normalised)
    words = Counter(word.lower() for page in body_pages for line in page for word in re.findall(r"[\w-]+", line.text))
    parts: list[str] = []
    for block in _blocks(body_pages, _Headers(body_pages, outline)):
        text = _block_text(block, words)
        if parts and text.startswith("- ") and parts[-1].rpartition("\n\n")[2].startswith("- "):
            parts[-1] += f"\n{text}"
        elif text:
            parts.append(text)
    return "\n\n".join(parts)


def _normalised(line: Line) -> Line:
    """The line with accents joined to their letters and ligatures as letters, as TeX fonts separate and join them."""
    text = line.text.translate(_LIGATURES)
    if _ACCENT.search(text):
        text = _ACCENT.sub(lambda m: unicodedata.normalize("NFC", m[2].replace("ı", "i") + _ACCENTS[m[1]]), text)
    return replace(line, text=text)


class _Headers:
    """Which lines are headers, and of which level."""

    def __init__(self, pages: Sequence[Sequence[Line]], outline: Sequence[Entry]) -> None:
        sizes: Counter[float] = Counter()
        for line in (line for page in pages for line in page):
            sizes[round(line.size * 2) / 2] += len(line.text)
        self.body = sizes.most_common(1)[0][0] if sizes else 0.0
        self._named: dict[int, dict[str, int]] = defaultdict(dict)
        for entry in outline:
            for page in (entry.page, entry.page + 1):
                self._named[page].setdefault(_plain(entry.title), min(entry.level, _MAX_LEVEL))
        larger = sorted({size for size in sizes if size > self.body * _LARGER}, reverse=True)
        self._levels = {size: min(rank, _MAX_LEVEL) for rank, size in enumerate(larger, 1)}
        self._learn(pages)

    def level(self, line: Line, page: int) -> int:
        """The level of a header; 0 where the line is none."""
        title = _plain(line.text)
        if not title or len(line.text) > _HEADER_CHARS:
            return 0
        outlined = self._named[page].get(title, 0) if page in self._named else 0
        if outlined and (line.bold or line.size > self.body * 1.05 or not line.text.endswith((".", ","))):
            return outlined
        if re.search(r"[^\W\d_]{2}", line.text) and not line.mono:
            return self._levels.get(round(line.size * 2) / 2, 0)
        return 0

    def _learn(self, pages: Sequence[Sequence[Line]]) -> None:
        """Gives each font size the level that the outline gives to most headers in it."""
        levels: dict[float, Counter[int]] = defaultdict(Counter)
        for number, page in enumerate(pages):
            for line in page if number in self._named else ():
                outlined = self._named[number].get(_plain(line.text))
                if outlined:
                    levels[round(line.size * 2) / 2][outlined] += 1
        for size, counts in levels.items():
            if size in self._levels:
                self._levels[size] = counts.most_common(1)[0][0]


def _plain(text: str) -> str:
    """A header's letters and digits, without the number before it."""
    return "".join(character for character in _NUMBERING.sub("", text).lower() if character.isalnum())


def _blocks(pages: Sequence[Sequence[Line]], headers: _Headers) -> Iterator[_Block]:
    """Paragraphs, headers and pieces of code; the notes of a page follow the paragraph that it ends in."""
    pitch = _pitch(pages)
    current: _Block | None = None
    notes: list[_Block] = []
    for number, page in enumerate(pages):
        text, below = _notes(page, headers.body)
        edges = _Edges(page)
        previous: Line | None = None
        for line in text:
            level = headers.level(line, number)
            join = _join(current, previous, line, level, pitch, edges)
            if current is not None and join is not None:
                current.lines.append(line)
                current.joins.append(join)
            else:
                if current is not None:
                    yield current
                yield from notes
                notes = []
                current = _Block([line], level, code=line.mono and not level)
            previous = line
        notes += _note_blocks(below)
    if current is not None:
        yield current
    yield from notes


def _notes(page: Sequence[Line], body: float) -> tuple[Sequence[Line], Sequence[Line]]:
    """The text of a page and the notes below it, which are in a smaller font."""
    begin = len(page)
    while begin and page[begin - 1].size < body * _SMALLER and not page[begin - 1].mono:
        begin -= 1
    return (page[:begin], page[begin:]) if begin else (page, ())


def _note_blocks(lines: Sequence[Line]) -> Iterator[_Block]:
    block: _Block | None = None
    for line in lines:
        if block is None or line.text[:1].isdigit() or line.text[:1] in "*†‡":
            if block is not None:
                yield block
            block = _Block([line])
        else:
            block.lines.append(line)
            block.joins.append(" ")
    if block is not None:
        yield block


def _pitch(pages: Sequence[Sequence[Line]]) -> float:
    """The usual distance of two lines."""
    gaps = [
        first.ends - second.begins
        for page in pages
        for first, second in pairwise(page)
        if 0 < first.ends - second.begins < 3 * max(first.size, 1.0)
    ]
    return median(gaps) if gaps else 0.0


class _Edges:
    """The right edges of a page's columns."""

    def __init__(self, page: Sequence[Line]) -> None:
        left = min((line.left for line in page), default=0.0)
        rights = sorted(line.right for line in page if not line.mono)
        # Not the furthest: a table or a figure may reach into the margin.
        right = rights[len(rights) * 95 // 100] if rights else 0.0
        middle = (left + right) / 2
        first = [line for line in page if line.right <= middle]
        second = [line for line in page if line.left >= middle]
        self._middle = middle if min(len(first), len(second)) >= len(page) / 4 else None
        self._first = max((line.right for line in first), default=right)
        self._left, self._right = left, right

    def is_full(self, line: Line, following: Line) -> bool:
        """Whether the first word of the next line does not fit on this line, so that the sentence continues there."""
        edge = self._first if self._middle is not None and line.right <= self._middle else self._right
        word = following.text.partition(" ")[0]
        width = (following.right - following.left) / max(1, len(following.text))
        return line.right + (len(word) + 0.5) * width > edge


def _join(
    block: _Block | None, previous: Line | None, line: Line, level: int, pitch: float, edges: _Edges
) -> str | None:
    """The separator between a line and the block that it continues, or None if it begins a block."""
    if block is None:
        return None
    last = block.lines[-1]
    gap = last.ends - line.begins
    if level or block.level:
        near = previous is not None and 0 < gap < 1.6 * line.size
        same = level == block.level and abs(last.size - line.size) < 0.5 and len(block.lines) < 3
        return " " if near and same and not last.text.endswith((".", "?", "!")) else None
    if line.mono or block.code:
        near = previous is None or 0 < gap < 1.6 * pitch
        return "\n" if line.mono and block.code and near else None
    if len(line.text) <= _STRAY and not _LETTER.search(line.text):
        return ""
    if _BULLET.match(line.text) or _ITEM.match(line.text):
        return None
    ended = last.text.endswith(_SENTENCE_ENDS)
    if previous is None or gap < 0:  # on the next page or in the next column
        return " " if not ended and (line.text[:1].islower() or last.text.endswith("-")) else None
    if gap > _GAP * pitch or not 0.8 < line.size / max(last.size, 1.0) < 1.25 or last.bold != line.bold:
        return " " if line.text[:1].islower() and gap <= 1.8 * pitch and not last.bold and not ended else None
    if not edges.is_full(last, line):
        return None if ended else " " if line.text[:1].islower() else "\n"
    item = _BULLET.match(block.lines[0].text) or _ITEM.match(block.lines[0].text)
    indented = line.left - last.left > _INDENT and not (item and len(block.lines) == 1)
    return None if indented and ended else " "


def _block_text(block: _Block, words: Counter[str]) -> str:
    if block.code and len(block.lines) == 1 and len(block.lines[0].text) < _SHORT_CODE:
        return f"`{block.lines[0].text}`"
    if block.code:
        return "\n".join(["```", *_indented(block.lines), "```"])
    text = block.lines[0].text
    for join, line in zip(block.joins, block.lines[1:], strict=True):
        broken = _BROKEN.search(text) if join != "\n" else None
        if broken and line.text[:1].islower():
            text = _together(text[:-1], line.text, words)
        else:
            text += join + line.text
    text = _SOFT.sub(lambda match: _together(match[1], match[2], words), text).replace("\u00ad", "")
    if block.level:
        return f"{'#' * block.level} {' '.join(text.split())}"
    return _BULLET.sub("- ", text, count=1) if _BULLET.match(text) else _escaped(text)


def _together(first: str, second: str, words: Counter[str]) -> str:
    """Two halves of a broken word, with a hyphen if the document writes the word so elsewhere."""
    head = re.search(r"[\w-]*$", first)
    tail = re.match(r"[\w-]*", second)
    parts = (head[0].lower() if head else "", tail[0].lower() if tail else "")
    hyphen = words["-".join(parts)] > words["".join(parts)]
    return f"{first}-{second}" if hyphen else first + second


def _indented(lines: Sequence[Line]) -> list[str]:
    """Lines of code, each as far from the left as on the page."""
    left = min(line.left for line in lines)
    widths = [(line.right - line.left) / len(line.text) for line in lines if len(line.text) > 3]
    width = median(widths) if widths else 6.0
    return [" " * min(40, round((line.left - left) / max(width, 1.0))) + line.text for line in lines]


def _escaped(text: str) -> str:
    """Text that would read as a header or a fence of Markdown, so that it does not."""
    return re.sub(r"^(?=#{1,6} |```|~~~)", r"\\", text, flags=re.MULTILINE)
