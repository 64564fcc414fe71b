"""The sections of the documents that ship, and which of them answer something."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from humpback.records import content_id

_HEADER = re.compile(r"^## .*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one header."""

    id: str
    """The digest of its text."""
    document: int
    """The number of its document among those of its side."""
    text: str
    answers: bool
    """Whether it answers something; news, adverts, minutes, lives, diaries and stories do not."""


@cache
def sections() -> tuple[Section, ...]:
    """All sections, those that answer something first."""
    files = sorted((resources.files("humpback.demo") / "documents").iterdir(), key=lambda file: file.name)
    return tuple(
        Section(text_id(text), number, text.strip(), answers)
        for answers in (True, False)
        for number, file in enumerate(file for file in files if file.name.startswith("other-") != answers)
        for text in _HEADER.split(file.read_text("utf-8"))[1:]
    )


def text_id(text: str) -> str:
    """What a section is told by, wherever its text stands."""
    return content_id(text.strip())


def sections_digest() -> str:
    """Tells other documents from these."""
    return content_id(*(section.id for section in sections()))
