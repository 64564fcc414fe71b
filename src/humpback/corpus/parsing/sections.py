"""The shape that every format is parsed into: a tree of sections with Markdown text.

A parser gives a flat `Page` of headers and blocks in reading order; `tree` nests it. Blocks are Markdown whatever the
format was, so that one set of rules cuts, filters and trains on all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LEVEL = 6
"""Deeper headers count as level 6: the tree stays shallow whatever a document does."""
EXCERPT_CHARS = 200
"""Characters of a dropped text that the drop ledger shows."""

_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_UNCLEAN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ud800-\udfffÃÂâðÐ]"
)
_JOINERS = "\u200c\u200d"
_BYTES = {bytes([byte]).decode("cp1252", "ignore") or chr(byte): byte for byte in range(0x80, 0x100)}
_BYTES |= {chr(byte): byte for byte in range(0x80, 0xA0)}
_FOLLOWS = "[" + "".join(map(re.escape, (sign for sign, byte in _BYTES.items() if byte < 0xC0))) + "]"
_MISREAD = re.compile(f"[\xc2-\xdf]{_FOLLOWS}|[\xe0-\xef]{_FOLLOWS}{{2}}|[\xf0-\xf4]{_FOLLOWS}{{3}}")
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028]")
FENCE = re.compile(r"^ {0,12}(?:>\s?)*(`{3,}|~{3,})")
"""How a line begins that opens or closes a block of code."""


class Unusable(Exception):
    """A document that cannot be parsed within reason.

    Args:
        reason: The phrase it is counted under.
        detail: What was seen.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class Header:
    """A header as it stands in the document."""

    level: int
    title: str


Block = Header | str
"""A header, or a block of Markdown: a paragraph, a list, a table, a piece of code."""


@dataclass(frozen=True, slots=True)
class Page:
    """A parsed document, flat: what parsers return."""

    title: str
    """What the document says its title is, outside its text; may be empty."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A header node with the text directly under it and its sub-headers. The root has level 0."""

    level: int
    title: str
    body: str
    children: tuple[Section, ...] = ()


def words(text: str) -> frozenset[str]:
    """The words of a text as a set: how lists of tags and names are written down."""
    return frozenset(text.split())


def is_clean(text: str) -> bool:
    """Whether a text has nothing that `clean` would change."""
    return not (_CONTROL if text.isascii() else _UNCLEAN).search(text)


def clean(text: str) -> str:
    """Text with one kind of line end, without control and invisible characters and with plain spaces.

    UTF-8 that was read as Windows-1252 on its way here ('donâ€™t') is read again.
    """
    text = _LINE_END.sub("\n", text) if _LINE_END.search(text) else text
    if text.isascii():
        return _INVISIBLE.sub("", text)
    if any(sign in text for sign in "ÃÂâðÐ"):
        text = _read_again(text)
    return _INVISIBLE.sub(_seen, text.replace("\u2029", "\n\n").replace("\u00a0", " "))


def _seen(match: re.Match[str]) -> str:
    """Joiners stay between letters of other scripts and in emoji, where they are part of the spelling."""
    around = match.string[match.start() - 1 : match.start()] + match.string[match.end() : match.end() + 1]
    return match[0] if match[0] in _JOINERS and min(around, default="") > "\x7f" else ""


def _read_again(text: str) -> str:
    """Sequences of three signs are sure. Those of two must be half of all that is not ASCII."""
    pairs = [match for match in _MISREAD.findall(text) if len(match) == 2]
    several = len(pairs) > 1 or any(match[0] in "ÃÂ" for match in pairs)
    many = several and 4 * len(pairs) >= len(_NOT_ASCII.findall(text))

    def read(match: re.Match[str]) -> str:
        try:
            return bytes(map(_BYTES.__getitem__, match[0])).decode() if many or len(match[0]) > 2 else match[0]
        except UnicodeDecodeError:
            return match[0]

    text = _MISREAD.sub(read, text)
    return text.replace("Ã ", "à ") if many else text


def excerpt(text: str) -> str:
    """The beginning of a text, in a form that can be stored and shown."""
    return clean(text[: 2 * EXCERPT_CHARS]).strip()[:EXCERPT_CHARS]


def join(blocks: list[str]) -> str:
    """Blocks as one text, a blank line between them."""
    return "\n\n".join(block for block in (block.strip("\n").rstrip() for block in blocks) if block.strip())


def cell(text: str) -> str:
    """A text as it stands in a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(rows: list[list[str]]) -> list[str]:
    """The lines of a Markdown table; the first row is its header, and short ones are filled up."""
    width = max(map(len, rows))
    lines = ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * width, *lines[1:]]


def tree(page: Page) -> Section:
    """Nests a page by its header levels. A header that skips levels belongs to the last higher one."""
    stack: list[tuple[int, str, list[str], list[Section]]] = [(0, " ".join(page.title.split()), [], [])]
    for block in page.blocks:
        if isinstance(block, str):
            stack[-1][2].append(block)
            continue
        level = min(max(block.level, 1), MAX_LEVEL)
        while stack[-1][0] >= level:
            _close(stack)
        stack.append((level, " ".join(block.title.split()), [], []))
    while len(stack) > 1:
        _close(stack)
    level, title, body, children = stack[0]
    return Section(level, title, join(body), tuple(children))


def prose(text: str) -> str:
    """The text without its fenced code."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence) and not line[mark.end() :].strip():
                fence = ""
        elif mark:
            fence = mark.group(1)
        else:
            lines.append(line)
    return "\n".join(lines)


def _close(open_sections: list[tuple[int, str, list[str], list[Section]]]) -> None:
    level, title, body, children = open_sections.pop()
    open_sections[-1][3].append(Section(level, title, join(body), tuple(children)))
