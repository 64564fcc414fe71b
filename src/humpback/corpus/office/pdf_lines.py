"""A PDF file to the lines of its pages, with their positions and fonts, through PDFium.

It runs in the process that `worker` starts: PDFium is a C++ library, and the files come from strangers.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium

_BOLD = re.compile(r"bold|black|heavy|semibold|demi|CMBX", re.IGNORECASE)
_MONO = re.compile(r"mono|courier|consol|typewriter|menlo|fixed|(?:CM|LM|EC|SF|TX)TT|[a-z]tt\d", re.IGNORECASE)
_NAME_BYTES = 128
_MAX_ENTRIES = 10_000
_HYPHENS = str.maketrans({"\x02": "\u00ad", "\ufffe": "\u00ad"})
"""Characters that PDFium writes for a hyphen at the end of a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text on its page, in points; y grows upwards.

    If a word is broken at the end of a line, PDFium joins the two lines, with a soft hyphen at the break.
    """

    text: str
    left: float
    right: float
    begins: float
    """Height of its first character's baseline."""
    ends: float
    """Height of its last character's."""
    size: float
    """Height of its font."""
    bold: bool = False
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the outline: a header with its page."""

    level: int
    title: str
    page: int


class PdfFile:
    """An open file.

    Args:
        path: The file.

    Raises:
        pypdfium2.PdfiumError: It is damaged, or needs a password.
    """

    def __init__(self, path: str) -> None:
        self._pdf = pypdfium2.PdfDocument(path)

    def __len__(self) -> int:
        return len(self._pdf)

    @property
    def title(self) -> str:
        """What the file says its title is."""
        return str(self._pdf.get_metadata_value("Title") or "").strip()

    def outline(self) -> list[Entry]:
        """The entries of the outline that lead to pages."""
        entries = []
        for bookmark in self._pdf.get_toc():
            dest = bookmark.get_dest()
            page = dest.get_index() if dest else None
            title = " ".join((bookmark.get_title() or "").split())
            if page is not None and title:
                entries.append(Entry(bookmark.level + 1, title, page))
            if len(entries) == _MAX_ENTRIES:
                break
        return entries

    def pages(self) -> Iterator[list[Line]]:
        """The lines of each page in reading order. A damaged page has none."""
        for number in range(len(self._pdf)):
            try:
                page = self._pdf[number]
            except pypdfium2.PdfiumError:
                yield []
                continue
            text = page.get_textpage()
            yield list(_lines(text))
            text.close()
            page.close()


def _lines(page: pypdfium2.PdfTextPage) -> Iterator[Line]:
    text = page.get_text_range()
    at = 0
    for line in re.split("(\r\n|\r|\n)", text):
        stripped = line.strip()
        if stripped:
            begin = at + line.index(stripped[0])
            yield _line(page, stripped, begin, begin + len(stripped) - 1)
        at += len(line)


def _line(page: pypdfium2.PdfTextPage, text: str, begin: int, end: int) -> Line:
    samples = [begin + (end - begin) * part // 4 for part in range(5)]
    indexes = [pdfium.FPDFText_GetCharIndexFromTextIndex(page, sample) for sample in samples]
    fonts = [_font(page, index) for index in indexes]
    sizes = sorted(_height(page, index) for index in indexes)
    left, begins = _origin(page, indexes[0])
    _, ends = _origin(page, indexes[-1])
    return Line(
        " ".join(text.translate(_HYPHENS).split()),
        left,
        _right(page, indexes[-1]),
        begins,
        ends,
        sizes[len(sizes) // 2],
        all(_BOLD.search(name) for name, _ in fonts),
        all(fixed or _MONO.search(name) for name, fixed in fonts),
    )


def _height(page: pypdfium2.PdfTextPage, index: int) -> float:
    """The size of a character's font as it is drawn."""
    matrix = pdfium.FS_MATRIX()
    scale = math.hypot(matrix.b, matrix.d) if pdfium.FPDFText_GetMatrix(page, index, matrix) else 1.0
    return float(pdfium.FPDFText_GetFontSize(page, index)) * (scale or 1.0)


def _right(page: pypdfium2.PdfTextPage, index: int) -> float:
    box = pdfium.FS_RECTF()
    return box.right if pdfium.FPDFText_GetLooseCharBox(page, index, box) else 0.0


def _origin(page: pypdfium2.PdfTextPage, index: int) -> tuple[float, float]:
    x, y = ctypes.c_double(), ctypes.c_double()
    return (x.value, y.value) if pdfium.FPDFText_GetCharOrigin(page, index, x, y) else (0.0, 0.0)


def _font(page: pypdfium2.PdfTextPage, index: int) -> tuple[str, bool]:
    """The name of a character's font, and whether its characters are equally wide."""
    name = ctypes.create_string_buffer(_NAME_BYTES)
    flags = ctypes.c_int()
    if not pdfium.FPDFText_GetFontInfo(page, index, name, _NAME_BYTES, flags):
        return "", False
    return name.value.decode("utf-8", "replace"), bool(flags.value & 1)
