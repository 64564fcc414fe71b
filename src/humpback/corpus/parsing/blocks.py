"""A tree of HTML elements as headers and blocks of Markdown.

The tree is walked by libxml2 without recursion, so that nesting costs nothing. Links keep their text only; lists,
tables of data and code keep their form.
"""

from __future__ import annotations

import re

from lxml import etree

from humpback.corpus.parsing.boilerplate import HEADERS
from humpback.corpus.parsing.code import BUTTONS, CODE, fenced, is_code, language
from humpback.corpus.parsing.formulas import pictured
from humpback.corpus.parsing.outline import LOOK, REMOVED, text_of
from humpback.corpus.parsing.raised import raised, without_references
from humpback.corpus.parsing.sections import Block, Header, cell, table, words

_LEVELS = {tag: int(tag[1]) for tag in HEADERS}
_BLOCKS = words(
    "address article body center dd details dir div dl dt fieldset figure footer form header hgroup html legend li "
    "main ol p section summary table tbody td tfoot th thead tr ul caption figcaption aside nav"
)
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`", "kbd": "`", "samp": "`", "tt": "`"}
_BREAK = "\x00"
_PARAGRAPH_BREAK = re.compile(r"(?:\x00\s*){2,}")
_EMPTIED = re.compile(r" (?:\( \)|\[ ?\])")
"""What remains of a footnote mark when its link is removed."""
_MAX_INDENTS = 8
_MAX_MARKS = 4
"""Deeper lists and emphasis are written as if they were this deep: the work on a line stays bounded."""
_MAX_CELL = 300
_MAX_COLUMNS = 12
_BOXES = words("note tip hint warning caution important danger")
"""The title of a box in a text: what follows the box does not belong to it."""
_PLAIN = words("a span font abbr ins u small big")
"""Elements that change nothing in a text."""
_LABEL = 60
"""Characters of a paragraph with a colon that is the title of what follows, at most."""
_DIGITS, _LETTERS = 6, 26
_NEAR = 4
"""Parts of a line that are looked at to tell what stands in front of raised text."""
_NO_TEXT = words("script style svg head rt rp rtc")
_NOTE = re.compile(r"\[\w{1,4}\]")
_STRUCK = words("del s strike")
_RAISED = words("sup sub")
_WHOLE = _NO_TEXT | _STRUCK | CODE
"""Elements that may be written, or skipped, as a whole;"""
_SET_BLOCKS = words("ol ul li dd dt blockquote hr")
_PLAIN_BLOCKS = _BLOCKS - _SET_BLOCKS
"""Blocks that are set apart in the text by more than a blank line, and those that are not;"""
_FORMED = HEADERS | _SET_BLOCKS | _RAISED | frozenset(_MARKS) | {"br", REMOVED, "img", "q"}
"""others whose beginning means something;"""
_ENDED = HEADERS | _SET_BLOCKS | _RAISED | frozenset(_MARKS) | {"q", "a"}
"""and those whose end does. All others are their text."""
_SPOKEN, _ICON, _SMILEY = 30, 64, 6
"""Characters and pixels of a picture that stands for a word, an icon in a sentence; characters of a smiley."""
_FILE = re.compile(r"\.\w{3,4}$")
_NO_DATA = (*HEADERS, "pre", "table")
"""A table that contains one of these is for layout."""


def blocks_of(root: etree._Element) -> list[Block]:
    """The headers and blocks of a tree, in reading order."""
    return _Writer().write(root)


def leads_nowhere(block: Block, level: int = 0) -> bool:
    """Whether a block is only the title of what was removed behind it: 'Read also:', or a header of a level."""
    is_label = isinstance(block, str) and len(block) <= _LABEL and block.endswith((":", ":**"))
    return is_label or (isinstance(block, Header) and block.level >= level)


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
        self.lists: list[tuple[int, int, str]] = []
        """For each open list the number of its next item, the step to the one behind it (0: bullets), its type."""
        self.group: list[str] = []
        """Lines of the outermost open list or quotation."""
        self.header: str = ""
        self.gone = -1
        """How many blocks stood in front of the last element that was removed between blocks."""
        self.behind_code = False

    def write(self, root: etree._Element) -> list[Block]:
        """The blocks of a tree, in reading order."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag
            if event == "start":
                if tag in _WHOLE and self._whole(element):
                    walk.skip_subtree()
                    continue
                if tag in _FORMED:
                    self._start(element)
                elif tag in _PLAIN_BLOCKS and (self.line or self.header):
                    self._flush()
                if (text := element.text) and (self.line or not text.isspace()):
                    self.line.append(text)
            else:
                if tag in _ENDED:
                    self._end(element)
                elif tag in _PLAIN_BLOCKS:
                    self._end_block()
                if (text := element.tail) and (self.line or not text.isspace()) and element is not root:
                    self.line.append(text)
        self._flush()
        self._close_group()
        return self.blocks

    def _whole(self, element: etree._Element) -> bool:
        """Writes code and tables of data as a whole, and skips what is never text. Returns whether it did either."""
        tag = element.tag
        if tag in _NO_TEXT or (tag in _STRUCK and not any(child.tag in _BLOCKS for child in element[:LOOK])):
            return True
        if tag in CODE and not self.header and is_code(element) and not (tag == "code" and self.marks):
            self._flush()
            bar = BUTTONS | {language(element)}
            while self.blocks and isinstance(self.blocks[-1], str) and self.blocks[-1].lower() in bar:
                self.blocks.pop()
            self._emit(fenced(element))
            self.behind_code = True
            return True
        if tag == "table":
            rows = _data_rows(element)
            if rows:
                self._flush()
                caption = element.find("caption")
                self._emit([" ".join(text_of(caption).split())] if caption is not None else [])
                self._emit(rows)
            return bool(rows)
        return False

    def _start(self, element: etree._Element) -> None:
        tag = element.tag
        if tag in _LEVELS:
            self._flush()
            if not self.header:
                self.header = tag
        elif tag in _SET_BLOCKS:
            self._flush()
            self._open(element)
        elif tag == "br":
            self.line.append(_BREAK)
        elif tag == REMOVED:
            if self.line:
                self.line.append(" ")
            else:
                self.gone = len(self.blocks)
        elif tag == "img":
            self._picture(element)
        elif tag == "q":
            self.line.append('"')
        elif tag in _RAISED or (tag in _MARKS and not self.header and len(self.marks) < _MAX_MARKS):
            self.marks.append((tag, len(self.line)))

    def _picture(self, element: etree._Element) -> None:
        """Puts the text of a picture in its place where it stands for a word of a sentence, or for a smiley."""
        formula = pictured(element)
        if formula:
            self.line.append(formula)
            return
        text = " ".join(element.get("alt", "").split())
        before = "".join(self.line[-_NEAR:]).rstrip() if 0 < len(text) <= _SPOKEN else ""
        small = _number(element.get("width"), 0) <= _ICON and not _FILE.search(text)
        within = small and before and before[-1] not in ".!?:;…\x00" and (element.tail or "").strip()
        if within or (0 < len(text) <= _SMILEY and not text.isascii() and not any(map(str.isalnum, text))):
            self.line.append(text)

    def _open(self, element: etree._Element) -> None:
        tag = element.tag
        if tag == "ol":
            step = 1 if element.get("reversed") is None else -1
            start = _number(element.get("start"), 1 if step > 0 else len(element.findall("li")))
            self.lists.append((start, step, element.get("type", "1")))
        elif tag == "ul":
            self.lists.append((0, 0, ""))
        elif tag == "li":
            number, step, kind = self.lists[-1] if self.lists else (0, 0, "")
            number = _number(element.get("value"), number) if step else 0
            in_letters = kind in ("a", "A") and 0 < number <= _LETTERS
            mark = f"{chr(ord(kind) + number - 1) if in_letters else number}. " if step else "- "
            if step:
                self.lists[-1] = (number + step, step, kind)
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
        if tag == self.header:
            self._end_header(tag)
        elif tag in _SET_BLOCKS:
            self._flush(bold=tag == "dt")
            if tag in ("li", "blockquote", "dd"):
                self._unindent()
            if tag in ("ul", "ol") and self.lists:
                self.lists.pop()
            self._end_block()
        elif tag in _MARKS:
            self._mark(tag)
        elif tag in _RAISED:
            self._raise(element)
        elif tag == "q":
            self.line.append('"')
        elif (
            self.line and self.line[-1][:1] == "[" and _NOTE.fullmatch(self.line[-1]) and "#" in element.get("href", "")
        ):
            attached = "".join(self.line[-_NEAR:-1])[-1:].strip()
            self.line[-1] = "" if attached else self.line[-1]

    def _end_block(self) -> None:
        if self.line or self.header:
            self._flush()
        if self.group and not self.indents and not self.lists:
            self._close_group()

    def _end_header(self, tag: str) -> None:
        title = without_references(" ".join("".join(self.line).replace(_BREAK, " ").split()))
        self.line, self.marks, self.marked, self.header = [], [], (-1, ""), ""
        if self.indents or title.lower() in _BOXES:
            self._emit([f"**{title}**"] if title else [])
        else:
            self._close_group()
            while self.gone == len(self.blocks) and self.blocks and leads_nowhere(self.blocks[-1], _LEVELS[tag]):
                self.gone -= 1
                self.blocks.pop()
            self.blocks.append(Header(_LEVELS[tag], title))

    def _raise(self, element: etree._Element) -> None:
        if not self.marks or self.marks[-1][0] != element.tag:
            return
        _, begin = self.marks.pop()
        links = (element, *element[:1], element.getparent())
        linked = any(link is not None and link.tag == "a" and "#" in link.get("href", "") for link in links)
        inner, before = "".join(self.line[begin:]), "".join(self.line[max(0, begin - _NEAR) : begin])
        if inner.strip():
            self.line[begin:] = [raised(inner, before, lowered=element.tag == "sub", linked=linked)]

    def _mark(self, tag: str) -> None:
        if not self.marks or self.marks[-1][0] != tag:
            return
        _, begin = self.marks.pop()
        inner = "".join(self.line[begin:])
        content = inner.strip()
        sign = _MARKS[tag]
        inside_same = self.marks and _MARKS.get(self.marks[-1][0]) in (sign, "`")
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
        if self.behind_code and text.lower() in BUTTONS:
            return
        if "[" in text:
            text = without_references(text)
        if " (" in text or " [" in text:
            text = _EMPTIED.sub("", text)
        if _BREAK not in text:
            self._emit([f"**{text}**" if bold else text])
            return
        for paragraph in _PARAGRAPH_BREAK.split(text):
            lines = [line.strip() for line in paragraph.split(_BREAK) if line.strip()]
            self._emit([f"**{' '.join(lines)}**"] if bold and lines else lines)

    def _emit(self, lines: list[str]) -> None:
        if not lines:
            return
        self.behind_code = False
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


def _number(text: str | None, otherwise: int) -> int:
    text = (text or "").strip()
    return int(text) if text.removeprefix("-").isdecimal() and len(text) <= _DIGITS else otherwise


def _data_rows(element: etree._Element) -> list[str]:
    """A table of data as Markdown. Empty if the table is for layout, as one with a single cell in each row is."""
    if any(inner is not element for inner in element.iter(*_NO_DATA)):
        return []
    rows: list[list[str]] = []
    spanned: dict[int, tuple[int, str]] = {}
    most = 0
    for row in element.iter("tr"):
        texts: list[str] = []
        own = 0
        for column in row:
            if column.tag not in ("td", "th"):
                continue
            text = _cell(column)
            if text is None:
                return []
            own += any(map(str.isalnum, text))
            _fill(texts, spanned)
            width, height = column.get("colspan"), column.get("rowspan")
            if width is None and height is None:
                texts.append(text)
                continue
            for place in range(len(texts), len(texts) + min(max(_number(width, 1), 1), _MAX_COLUMNS)):
                spanned[place] = (_number(height, 1), text)
                text = ""
            _fill(texts, spanned)
        _fill(texts, spanned)
        most = max(most, own)
        if any(texts):
            rows.append(texts)
    if len(rows) < 2 or most < 2 or max(map(len, rows)) > _MAX_COLUMNS:
        return []
    return table(rows)


def _fill(texts: list[str], spanned: dict[int, tuple[int, str]]) -> None:
    """Writes the cells that come next and reach into this row."""
    while len(texts) in spanned:
        rows, text = spanned.pop(len(texts))
        if rows > 1:
            spanned[len(texts)] = (rows - 1, text)
        texts.append(text)


def _cell(element: etree._Element) -> str | None:
    """The text of a cell, or nothing if it is longer than one of a table of data."""
    if (
        len(element) == 1
        and element[0].tag in ("p", "div")
        and not f"{element.text or ''}{element[0].tail or ''}".strip()
    ):
        element = element[0]
    parts = [element.text or ""]
    for child in element:
        if child.tag not in _PLAIN and (len(child) or child.tag not in _MARKS):
            break
        sign = _MARKS.get(child.tag, "") if child.text and not child.text.isspace() else ""
        parts += (sign, text_of(child), sign, child.tail or "")
    else:
        text = cell("".join(parts))
        return text if len(text) <= _MAX_CELL else None
    if len(cell(text_of(element))) > _MAX_CELL:
        return None
    blocks = (block for block in _Writer().write(element) if isinstance(block, str))
    return cell("; ".join(line for block in blocks for line in block.removeprefix("- ").split("\n- ")))
