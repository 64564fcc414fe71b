"""A document to its tree of sections, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from humpback.corpus.parsing.html import parse_html
from humpback.corpus.parsing.markdown import parse_markdown
from humpback.corpus.parsing.rst import parse_rst
from humpback.corpus.parsing.sections import Page, Section, clean, tree
from humpback.corpus.parsing.text import parse_text
from humpback.records import Document, DocumentFormat

PARSERS: Mapping[DocumentFormat, Callable[[str], Page]] = {
    "html": parse_html,
    "markdown": parse_markdown,
    "rst": parse_rst,
    "text": parse_text,
}


def extract(document: Document) -> Section:
    """Parses a document into its tree. The root carries the document's title and the text before the first header.

    Raises:
        Unusable: The document cannot be parsed within reason.
    """
    root = tree(PARSERS[document.format](clean(document.text)))
    title = " ".join(clean(document.title).split())
    return replace(root, title=title) if title else root
