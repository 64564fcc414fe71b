"""DOCX: headers, lists, tables and notes by the styles that the author gave, through mammoth."""

from __future__ import annotations

import io
import re
from pathlib import Path

import mammoth

from humpback.corpus.office.books import Book, checked_archive, declared_title, markdown
from humpback.corpus.parsing.html import parse_fragment
from humpback.corpus.parsing.sections import Unusable

_STYLES = "\n".join(
    [
        "p[style-name='Title'] => h1.title:fresh",
        "p[style-name='Subtitle'] => p.subtitle:fresh",
        *(f"p[style-name='{name}'] => pre:separator('\\n')" for name in ("Code", "Source Code", "HTML Preformatted")),
        *(f"p[style-name='{name}'] => pre:separator('\\n')" for name in ("Preformatted Text", "Plain Text Code")),
        "p[style-name='Quote'] => blockquote:fresh",
        "p[style-name='Intense Quote'] => blockquote:fresh",
        *(f"p[style-name='{toc} {level}'] => !" for toc in ("toc", "TOC") for level in range(1, 10)),
        "p[style-name='TOC Heading'] => !",
    ]
)
_TITLE = re.compile(r'<h1 class="title">(.*?)</h1>', re.DOTALL)
_BACK = re.compile(r'\s*<a href="#(?:foot|end)note-ref-[^"]*">[^<]*</a>')
_MARKUP = re.compile(r"<[^>]*>")


def read_docx(path: str, most: int) -> Book:
    """The text of a document.

    Args:
        path: The file.
        most: Characters of text that it may have.

    Raises:
        Unusable: It is damaged, encrypted, or too long.
    """
    title = declared_title(checked_archive(path))
    with Path(path).open("rb") as stream:
        html = str(mammoth.convert_to_html(io.BytesIO(stream.read()), style_map=_STYLES, convert_image=_no_image).value)
    title_match = _TITLE.search(html)
    if title_match:
        title = " ".join(_MARKUP.sub("", title_match[1]).split()) or title
        html = html[: title_match.start()] + html[title_match.end() :]
    text = markdown(parse_fragment(_BACK.sub("", html)))
    if len(text) > most:
        raise Unusable("document too long", f"{len(text)} characters")
    return Book(title, text)


def _no_image(image: object) -> list[object]:
    """Pictures are left out unread, wherever they lie."""
    return []
