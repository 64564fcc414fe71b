"""A piece: a candidate segment as it was cut, with the views of its text that several filters need."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

from humpback.corpus.cutting.boundaries import BoundaryKind
from humpback.corpus.parsing.sections import prose
from humpback.records import content_id

CODE_SPAN = re.compile(r"`[^`\n]{1,400}`")
_TARGET = re.compile(r"(?<=\])\([^()\s]{0,2000}\)|<?https?://[^\s<>)\]]{1,2000}>?")
"""The target of a link, without its words."""
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]+")
"""Chinese characters, kana, and Korean syllables."""
_HANGUL = re.compile(r"[\uac00-\ud7a3]+")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


@lru_cache(maxsize=8)
def length(text: str, dense_chars: int) -> int:
    """The characters of a text as settings count them: those of scripts that say more with each count several times."""
    if text.isascii() or dense_chars == 1 or not _DENSE.search(text):
        return len(text)
    syllables = sum(map(len, _HANGUL.findall(text)))
    characters = sum(map(len, _DENSE.findall(text))) - syllables
    return len(text) + characters * (dense_chars - 1) + syllables * max(0, 2 * dense_chars // 3 - 1)


def segment_id(text: str) -> str:
    """The id of a segment: equal for texts that differ only in case and white space."""
    return content_id(" ".join(text.lower().split()))


@dataclass(frozen=True)
class Piece:
    """A candidate segment, not yet judged. Each view is computed once, at its first use."""

    title_path: tuple[str, ...]
    """Titles from the document down to the piece's own header."""
    header: str
    """Its own header; empty for text without one."""
    text: str
    headed: bool
    """Whether its document has headers, so that the filters of headers apply."""
    opens: bool = True
    """Whether the document begins with it: then 'above' can only mean its own text."""
    closes: bool = True
    """Whether the document ends with it."""
    in_capitals: bool = False
    """Whether most headers of its document are all upper-case: its house style."""
    part: int = 1
    """Which part it is of a text that was split for its length."""
    parts: int = 1
    """Into how many parts."""
    begins_at: BoundaryKind | None = None
    """Where the text was split in front of it; None for a first part."""
    borrows: tuple[str, ...] = ()
    """Names that its code uses and only code in front of it defines."""

    @cached_property
    def prose(self) -> str:
        """Its text without fenced code."""
        return prose(self.text) if "```" in self.text or "~~~" in self.text else self.text

    @cached_property
    def spoken(self) -> str:
        """What a reader would read aloud: its prose without code and without the targets of links."""
        text = CODE_SPAN.sub(" ", self.prose) if "`" in self.prose else self.prose
        return _TARGET.sub(" ", text) if "](" in text or "://" in text else text

    @cached_property
    def lowered(self) -> str:
        """What is spoken, in lower case."""
        return self.spoken.lower()

    @cached_property
    def letters(self) -> int:
        """Letters in what is spoken."""
        return _count(self.spoken, string.ascii_letters.encode(), str.isalpha)

    @cached_property
    def capitals(self) -> int:
        """Capital letters among them."""
        return _count(self.spoken, string.ascii_uppercase.encode(), str.isupper)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines of its prose that are not blank, without the space around them."""
        return tuple(line for line in map(str.strip, self.prose.split("\n")) if line)


def _count(text: str, ascii_kind: bytes, is_kind: Callable[[str], bool]) -> int:
    """Characters of a kind: those of ASCII all at once, the others one by one."""
    data = text.encode("utf-8", "replace")
    count = len(data) - len(data.translate(None, ascii_kind))
    if len(data) > len(text):
        count += sum(map(is_kind, "".join(_NOT_ASCII.findall(text))))
    return count
