"""A document to its tree of sections, whatever its format; and the guess of a format from the look of a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from humpback.corpus.html import parse_html
from humpback.corpus.markdown import parse_markdown
from humpback.corpus.rst import parse_rst
from humpback.corpus.sections import Page, Section, clean, prose, tree
from humpback.corpus.text import parse_text
from humpback.records import Document, DocumentFormat

PARSERS: Mapping[DocumentFormat, Callable[[str], Page]] = {
    "html": parse_html,
    "markdown": parse_markdown,
    "rst": parse_rst,
    "text": parse_text,
}

_LOOK = 20_000
_HTML = re.compile(
    r"\A\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:!doctype|html|head|body|article|section|meta|title)\b",
    re.IGNORECASE,
)
_END_TAG = re.compile(r"</(?:p|div|li|h[1-6])>", re.IGNORECASE)
_MARKDOWN = re.compile(
    r"^(?:#{1,6}[ \t]+\S.*|`{3,}\w*[ \t]*|~{3,}\w*[ \t]*)$|!?\[[^\[\]\n]{1,200}\]\((?:https?:/|/|\.|#)[^()\s]{0,500}\)"
    r"|\*\*[^*\n]{1,200}\*\*|^\|(?:[ ]?:?-{3,}:?[ ]?\|)+$",
    re.MULTILINE,
)
_RST = re.compile(
    r"^\.\. [a-z_|][\w|: -]{0,80}|^\S[^\n]{0,200}\n(?:={4,}|~{4,}|\^{4,}|\*{4,}|-{4,})[ \t]*$"
    r"|:[a-z]{2,12}:`[^`\n]{1,100}`|`[^`\n<]{1,100}<https?://[^`\n>]{1,300}>`_",
    re.MULTILINE,
)


def extract(document: Document) -> Section:
    """Parses a document into its tree. The root carries the document's title and the text before the first header.

    Raises:
        Unusable: The document cannot be parsed within reason.
    """
    root = tree(PARSERS[document.format](clean(document.text)))
    title = " ".join(clean(document.title).split())
    return replace(root, title=title) if title else root


def look(text: str) -> DocumentFormat:
    """The format that the beginning of a text looks like."""
    head = text[:_LOOK]
    if _HTML.search(head):
        return "html"
    head = prose(head)
    markdown = len(_MARKDOWN.findall(head))
    rst = len(_RST.findall(head))
    tags = len(_END_TAG.findall(head))
    if tags > markdown + rst:
        return "html"
    if markdown or rst:
        return "rst" if rst > markdown else "markdown"
    return "text"
