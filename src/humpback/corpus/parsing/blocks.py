"""A tree of HTML elements as headers and blocks of Markdown.

The tree is walked by libxml2 without recursion, so that nesting costs nothing. Links keep their text only; lists,
tables of data and code keep their form.
"""

from __future__ import annotations

import re
from itertools import islice

from lxml import etree

from humpback.corpus.parsing.boilerplate import HEADERS
from humpback.corpus.parsing.outline import REMOVED
from humpback.corpus.parsing.sections import Block, Header, cell, table, words

_LEVELS = {tag: int(tag[1]) for tag in HEADERS}
_BLOCKS = words(
    "address article body center dd details dir div dl dt fieldset figure footer form header hgroup html legend li "
    "main ol p section summary table tbody td tfoot th thead tr ul caption figcaption aside nav"
)
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`", "kbd": "`", "samp": "`", "tt": "`"}
_LANGUAGE = re.compile(r"(?:^|[\s])(?:brush:\s*|lang(?:uage)?-|highlight-(?:source-)?)([A-Za-z0-9+#]{1,20})")
_BREAK = "\x00"
_PARAGRAPH_BREAK = re.compile(r"(?:\x00\s*){2,}")
_EMPTIED = re.compile(r" (?:\( \)|\[ ?\])")
"""What remains of a footnote mark when its link is removed."""
_MAX_INDENTS = 8
_MAX_MARKS = 4
"""Deeper lists and emphasis are written as if they were this deep: the work on a line stays bounded."""
_MAX_CELL = 300
_MAX_COLUMNS = 12
_NO_TEXT = words("script style svg head")
_NO_DATA = (*HEADERS, "pre", "table")
"""A table that contains one of these is for layout."""


def blocks_of(root: etree._Element) -> list[Block]:
    """The headers and blocks of a tree, in reading order."""
    return _Writer().write(root)


class _Writer:
    """Turns the start and end of elements into blocks."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.line: list[str] = []
        """The inline text gathered since the last block."""
        self.marks: list[tuple[str, int]] = []
        """Open emphasis and code, with where in the line each began."""
        self.marked = (-1, "")
        """Where the last mark ended that has no space behind it, and its sign."""
        self.indents: list[list[str]] = []
        """Open lists, quotations: the mark of the next block and of the blocks after it. At most so many."""
        self.deeper = 0
        """How many more are open."""
        self.lists: list[int] = []
        """For each open list the number of its next item, or -1 for bullets."""
        self.group: list[str] = []
        """Lines of the outermost open list or quotation."""
        self.header: str = ""

    def write(self, root: etree._Element) -> list[Block]:
        """The blocks of a tree, in reading order."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if not isinstance(element.tag, str):
                continue
            if event == "start":
                if self._whole(element):
                    walk.skip_subtree()
                else:
                    self._start(element)
            else:
                self._end(element)
                if element is not root and element.tail:
                    self.line.append(element.tail)
        self._flush()
        self._close_group()
        return self.blocks

    def _whole(self, element: etree._Element) -> bool:
        """Writes code and tables of data as a whole, and skips what is never text. Returns whether it did either."""
        if element.tag in _NO_TEXT:
            return True
        if element.tag == "pre":
            self._flush()
            code = "".join("\n" if part is None else part for part in _code(element)).strip("\n")
            if code.strip():
                fence = "````" if "```" in code else "```"
                self._emit([fence + _language(element), *(line.rstrip() for line in code.split("\n")), fence])
            return True
        if element.tag == "table":
            rows = _data_rows(element)
            if rows:
                self._flush()
                self._emit(rows)
            return bool(rows)
        return False

    def _start(self, element: etree._Element) -> None:
        tag = element.tag
        if tag in _LEVELS:
            self._flush()
            if not self.header:
                self.header = tag
        elif tag in _BLOCKS or tag in ("blockquote", "hr"):
            self._flush()
            self._open(tag)
        elif tag == "br":
            self.line.append(_BREAK)
        elif tag == REMOVED:
            self.line.append(" ")
        elif tag in _MARKS and not self.header and len(self.marks) < _MAX_MARKS:
            self.marks.append((tag, len(self.line)))
        if element.text:
            self.line.append(element.text)

    def _open(self, tag: str) -> None:
        if tag in ("ul", "ol"):
            self.lists.append(1 if tag == "ol" else -1)
        elif tag == "li":
            number = self.lists[-1] if self.lists else -1
            mark = f"{number}. " if number > 0 else "- "
            if number > 0:
                self.lists[-1] += 1
            self._indent(mark, " " * len(mark))
        elif tag == "blockquote":
            self._indent("> ", "> ")
        elif tag == "dd":
            self._indent("- ", "  ")

    def _indent(self, first: str, following: str) -> None:
        if len(self.indents) < _MAX_INDENTS:
            self.indents.append([first, following])
        else:
            self.deeper += 1

    def _unindent(self) -> None:
        if self.deeper:
            self.deeper -= 1
        elif self.indents:
            self.indents.pop()

    def _end(self, element: etree._Element) -> None:
        tag = element.tag
        if tag == "pre":
            return
        if tag == self.header:
            self._end_header(tag)
        elif tag in _BLOCKS or tag == "blockquote":
            self._flush(bold=tag == "dt")
            if tag in ("li", "blockquote", "dd"):
                self._unindent()
            if tag in ("ul", "ol") and self.lists:
                self.lists.pop()
            if not self.indents and not self.lists:
                self._close_group()
        elif tag in _MARKS:
            self._mark(tag)

    def _end_header(self, tag: str) -> None:
        title = " ".join("".join(self.line).replace(_BREAK, " ").split())
        self.line, self.marks, self.marked, self.header = [], [], (-1, ""), ""
        if self.indents:
            self._emit([f"**{title}**"] if title else [])
        else:
            self._close_group()
            self.blocks.append(Header(_LEVELS[tag], title))

    def _mark(self, tag: str) -> None:
        if not self.marks or self.marks[-1][0] != tag:
            return
        _, begin = self.marks.pop()
        inner = "".join(self.line[begin:])
        content = inner.strip()
        sign = _MARKS[tag]
        inside_same = self.marks and _MARKS[self.marks[-1][0]] in (sign, "`")
        if not content or _BREAK in content or sign in content or inside_same:
            return
        left = inner[: len(inner) - len(inner.lstrip())]
        right = inner[len(inner.rstrip()) :]
        if not left and self.marked == (begin, sign):
            # Two marks that touch are one: `*a**b*` would not be read as emphasis.
            begin, content = begin - 1, self.line[begin - 1][: -len(sign)] + content
            self.line[begin:] = [f"{content}{sign}{right}"]
        else:
            self.line[begin:] = [f"{left}{sign}{content}{sign}{right}"]
        self.marked = (-1, "") if right else (begin + 1, sign)

    def _flush(self, bold: bool = False) -> None:
        if self.header:
            self.line.append(" ")
            return
        if not self.line:
            return
        text = " ".join("".join(self.line).split())
        self.line, self.marks, self.marked = [], [], (-1, "")
        if not text:
            return
        if " (" in text or " [" in text:
            text = _EMPTIED.sub("", text)
        for paragraph in _PARAGRAPH_BREAK.split(text):
            lines = [line.strip() for line in paragraph.split(_BREAK) if line.strip()]
            self._emit([f"**{' '.join(lines)}**"] if bold and lines else lines)

    def _emit(self, lines: list[str]) -> None:
        if not lines:
            return
        if not self.indents:
            self._close_group()
            self.blocks.append("\n".join(lines))
            return
        follows = self.group and not any(first != following and first.strip() for first, following in self.indents[-1:])
        if follows:
            self.group.append("".join(following for _, following in self.indents).rstrip())
        for line in lines:
            self.group.append("".join(first for first, _ in self.indents) + line)
            for indent in self.indents:
                indent[0] = indent[1]

    def _close_group(self) -> None:
        if self.group:
            self.blocks.append("\n".join(self.group))
            self.group = []


def _code(element: etree._Element) -> list[str | None]:
    parts: list[str | None] = []
    for event, child in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            parts.append(None if child.tag == "br" else child.text or "")
        elif child is not element:
            parts.append(child.tail or "")
    return parts


def _language(element: etree._Element) -> str:
    """The language that the classes of a piece of code name, or those of what is directly in it or around it."""
    for candidate in (element, *element[:1], *islice(element.iterancestors(), 2)):
        match = _LANGUAGE.search(candidate.get("class", "") if isinstance(candidate.tag, str) else "")
        if match and match.group(1).lower() not in ("default", "none", "notranslate", "text"):
            return match.group(1).lower()
    return ""


def _data_rows(element: etree._Element) -> list[str]:
    """A table of data as Markdown. Empty if the table is for layout."""
    if any(inner is not element for inner in element.iter(*_NO_DATA)):
        return []
    rows = [
        [cell(" ".join(element.itertext())) for element in row if element.tag in ("td", "th")]
        for row in element.iter("tr")
    ]
    rows = [row for row in rows if any(row)]
    width = max(map(len, rows), default=0)
    if len(rows) < 2 or not 2 <= width <= _MAX_COLUMNS or any(len(text) > _MAX_CELL for row in rows for text in row):
        return []
    return table(rows)
