"""PDF: the text of a file, or why it has none."""

from __future__ import annotations

import re

import pypdfium2

from humpback.corpus.office.books import Book
from humpback.corpus.office.pdf_lines import Line, PdfFile
from humpback.corpus.office.pdf_text import pdf_markdown
from humpback.corpus.parsing.sections import Unusable

_LETTERS_PER_PAGE = 10
"""A file with fewer letters a page is scanned: only stamps and page numbers can be read."""
_FIRST_PAGES = 3


def read_pdf(path: str, most: int) -> Book:
    """The text of a file.

    Args:
        path: The file.
        most: Characters of text that it may have.

    Raises:
        Unusable: It is damaged, encrypted, too long, or holds pictures of text.
    """
    try:
        pdf = PdfFile(path)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower() or "security" in str(error).lower()
        raise Unusable("encrypted file" if locked else "damaged file", str(error)) from None
    pages: list[list[Line]] = []
    length = 0
    for page in pdf.pages():
        pages.append(page)
        length += sum(len(line.text) for line in page)
        if length > most:
            raise Unusable("document too long", f"more than {most} characters on {len(pages)} of {len(pdf)} pages")
    if length < _LETTERS_PER_PAGE * len(pages):
        raise Unusable("pictures of text", f"{length} characters on {len(pages)} pages")
    return Book(_title(pdf.title, pages), pdf_markdown(pages, pdf.outline()))


def _title(declared: str, pages: list[list[Line]]) -> str:
    """The title that the file declares, if its first pages contain it too: many titles are the name of some file."""
    begin = _plain(" ".join(line.text for page in pages[:_FIRST_PAGES] for line in page))
    return declared if len(declared) > 3 and _plain(declared) in begin else ""


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())
