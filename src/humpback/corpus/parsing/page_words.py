"""What a page says of itself and of other pages, told by its words: titles of lists, promotion, credits, dates.

The phrases stand in the files of `corpus/languages`. All languages are tried, since a page is parsed before its
language is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeGuard

from humpback.corpus.languages import mentions, openings
from humpback.corpus.parsing.sections import Block, Header

LABEL = 60
"""Characters of the title of a list, at most."""
_CREDIT = 160
"""Characters of a line that says who made a picture, or when a text was published, at most;"""
_PROMOTION, _OPENS = 240, 320
"""of a paragraph that asks for something, and of one that begins with that."""
_FIRST, _LAST = 3, 8
"""Blocks at both ends of a page in which it promotes itself."""
_REQUEST = 120
"""The same between paragraphs of the text."""
_PICTURE = 200
"""Characters of what is written below a picture, at most."""
_CLOSING = 600
"""Characters below the last header of a page, at most, where that header promotes something."""
_BEFORE_TITLE = 2
"""Blocks in front of the title that may be labels, at most."""
_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", ":", "：")
_MARKUP = " *_>#-|"
_DATED = re.compile(
    r"(?:[^\W\d_][\w-]{0,12}[.,:]{0,2}\s){0,3}"
    r"(?:\d{1,2}[./-]\s?\d{1,2}[./-]\s?(?:\d{4}|\d{2})|\d{4}[./-]\d{1,2}[./-]\d{1,2}"
    r"|\d{1,2}\.?(?:\s(?:de|of))?\s[^\W\d_]{3,10}\.?,?(?:\s(?:de|of))?\s\d{4}|[^\W\d_]{3,9}\.?\s\d{1,2},?\s\d{4})"
    r"(?:\D{1,6}\d{1,2}[:.h]\d{2}(?::\d{2})?(?:\s?[^\W\d_]{1,12}\.?){0,3})?"
)
"""A line with nothing but a date, and perhaps a time."""


def lists_others(label: str) -> bool:
    """Whether a label is the title of a list of other pages, as 'Read also' is, or of a link to one."""
    return openings((), "related").match(_lowered(label)) is not None


def asks(label: str) -> bool:
    """Whether a text begins by asking its reader for something, as 'Subscribe to our newsletter' does."""
    return openings((), "promotion").match(_lowered(label)) is not None


def without_page_words(blocks: list[Block]) -> list[Block]:
    """Blocks without those in which the page does not speak of its topic."""
    blocks = _without_empty_titles(block for block in _without_labels(blocks) if not _is_furniture(block))
    blocks = _without_closing(blocks)
    last = len(blocks) - _LAST
    kept = [
        block
        for at, block in enumerate(blocks)
        if not (_asks(block) if _FIRST <= at < last else _is_dated(block) or _promotes(block))
    ]
    return kept if any(isinstance(block, str) for block in kept) else blocks


def _lowered(text: str) -> str:
    return text.lower().replace("’", "'")


def _without_labels(blocks: list[Block]) -> list[Block]:
    """Without what stands in front of the title of the page: its rubric, a date, a number of minutes."""
    for at, block in enumerate(blocks[: _BEFORE_TITLE + 1]):
        if isinstance(block, Header):
            return blocks[at:] if block.level == 1 else blocks
        if len(block) > LABEL or "\n" in block or block.rstrip(_MARKUP).endswith(_SENTENCE_ENDS):
            break
    return blocks


def _without_empty_titles(blocks: Iterable[Block]) -> list[Block]:
    """Without titles of lists of other pages whose lists are gone."""
    kept: list[Block] = []
    for block in blocks:
        if isinstance(block, Header):
            _drop_empty_title(kept, block.level)
        kept.append(block)
    _drop_empty_title(kept, 0)
    return kept


def _drop_empty_title(blocks: list[Block], level: int) -> None:
    last = blocks[-1] if blocks else ""
    if isinstance(last, Header) and last.level >= level and lists_others(last.title):
        blocks.pop()


def _without_closing(blocks: list[Block]) -> list[Block]:
    """Without the last section if its header asks for something: a subscription, an opinion."""
    chars = 0
    for at in range(len(blocks) - 1, max(0, len(blocks) - _LAST - 1), -1):
        block = blocks[at]
        if isinstance(block, Header):
            return blocks[:at] if asks(block.title) else blocks
        chars += len(block)
        if chars > _CLOSING:
            break
    return blocks


def _is_line(block: Block, longest: int) -> TypeGuard[str]:
    """Whether a block is a single line of text of this length at most, and no item, table or code."""
    return isinstance(block, str) and len(block) <= longest and "\n" not in block and block[0] not in "|`-"


def _is_furniture(block: Block) -> bool:
    """Whether a block is the title of a list of other pages, or says who made a picture, or when it was published."""
    if not _is_line(block, _PICTURE):
        return False
    line = _lowered(block)
    if len(line) <= _CREDIT and openings((), "credits").match(line):
        return True
    if len(line) <= LABEL and openings((), "related").match(line):
        return True
    return mentions((), "pictures").search(line) is not None


def _is_dated(block: Block) -> bool:
    return _is_line(block, LABEL) and _DATED.fullmatch(block.strip(_MARKUP)) is not None


def _asks(block: Block) -> bool:
    return _is_line(block, _REQUEST) and asks(block)


def _promotes(block: Block) -> bool:
    if not _is_line(block, _OPENS):
        return False
    line = _lowered(block)
    if len(line) > _PROMOTION:
        return bool(openings((), "promotion").match(line) or openings((), "credits").match(line))
    return mentions((), "promotion").search(line) is not None
