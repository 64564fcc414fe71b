"""HTML: the main content of a page as headers and blocks of Markdown.

libxml2 parses the page, `content` finds the main content, and `blocks` writes it. Pictures, forms and scripts are
removed, unless they stand for words or formulas. A page that shows little is searched for text that it does not show.
"""

from __future__ import annotations

import re
from contextlib import suppress

from lxml import etree

from humpback.corpus.parsing.blocks import blocks_of, leads_nowhere
from humpback.corpus.parsing.boilerplate import INLINE
from humpback.corpus.parsing.content import main_content
from humpback.corpus.parsing.formulas import write_formulas
from humpback.corpus.parsing.outline import lay_out, text_of
from humpback.corpus.parsing.page_words import without_page_words
from humpback.corpus.parsing.sections import Block, Header, Page, Unusable, clean, is_clean, words
from humpback.corpus.parsing.unseen import revealed

_BEHIND = re.compile(r"\s*[|·•»«<>]|\s+[-–—]\s")
_BEFORE = re.compile(r"(?:[|·•»«<>]|\s[-–—])\s*$")
"""What stands between the title of a page and the name of its site."""
_TAG = re.compile(r"<[a-zA-Z][^\s/>]*")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_NESTS = re.compile(
    rf"</?({'|'.join(sorted(INLINE | words('blockquote center dd div dl dt li ol section table tbody td th tr ul')))})"
    r"(?![^\s/>])[^<>]*>",
    re.IGNORECASE,
)
"""Tags that pages forget to close, so that they nest thousands deep. Without them the page loses its structure, but not
its text."""
_LONG_TAG = 8_000
_MANY = 500
"""Only tags of this length are looked at, and only more attributes than this are too many."""
_ANCHORS = " #¶§"
"""What links to a header look like behind it."""
_POOR = 1_000
_RICHER = 3
"""A page with fewer characters is searched for text that it does not show; this times as many must be there."""
_HEADERS = 3
"""So many headers of the first level are held against the title."""


class _TooDeep(Exception):
    """libxml2 has left out what is nested deeper than it goes."""


def parse_html(text: str) -> Page:
    """A web page to its title, headers and blocks.

    Raises:
        Unusable: It is nested deeper than libxml2 goes (2,048) in elements that no page forgets to close.
    """
    root = _parse(text)
    if root is None:
        return Page("", ())
    title = _title(root)
    blocks = _content(root)
    fuller = revealed(text) if _chars(blocks) < _POOR else ""
    if fuller:
        with suppress(Unusable):
            shown = _parse(fuller)
            more = _content(shown) if shown is not None else []
            blocks = more if _chars(more) > _RICHER * _chars(blocks) else blocks
    return Page(clean(title), tuple(blocks))


def _content(root: etree._Element) -> list[Block]:
    write_formulas(root)
    tree = lay_out(root)  # kept until the blocks are written: its elements need not be looked up again
    blocks = without_page_words(_cleaned(blocks_of(main_content(tree))))
    if any(isinstance(block, str) for block in blocks):
        while len(blocks) > 1 and leads_nowhere(blocks[-1]):
            # What stood under it was removed: links to other pages, the form for comments.
            blocks.pop()
    return blocks


def _chars(blocks: list[Block]) -> int:
    return sum(len(block) for block in blocks if isinstance(block, str))


def parse_fragment(text: str) -> list[Block]:
    """Headers and blocks of HTML that stands in another format. What cannot be parsed gives none."""
    try:
        root = _parse(text)
    except Unusable:
        return []
    if root is None:
        return []
    write_formulas(root)
    return _cleaned(blocks_of(root))


def _cleaned(blocks: list[Block]) -> list[Block]:
    """Blocks without the invisible characters that stand in a page by their names."""
    texts = [block if isinstance(block, str) else block.title for block in blocks]
    if not is_clean("".join(texts)):
        blocks = [clean(b) if isinstance(b, str) else Header(b.level, clean(b.title)) for b in blocks]
    return [block for block in blocks if isinstance(block, Header) or block.strip()]


def _parse(text: str) -> etree._Element | None:
    text = _tamed(text)
    try:
        return _tree(text)
    except _TooDeep:
        pass
    try:
        return _tree(_NESTS.sub(lambda tag: "" if tag[1].lower() in INLINE else "<p>", text))
    except _TooDeep:
        raise Unusable("nested too deep", "more than 2,048 elements deep") from None


def _tree(text: str) -> etree._Element | None:
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True, collect_ids=False
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError as error:
        if "depth" in str(error):
            raise _TooDeep from None
        return None
    if any("depth" in entry.message for entry in parser.error_log.filter_from_fatals()):
        raise _TooDeep
    return root


def _tamed(text: str) -> str:
    """The text without the attributes of tags that have them by the thousand: libxml2 takes their number squared."""
    kept: list[str] = []
    at = done = 0
    while at + _LONG_TAG < len(text):
        end = text.rfind(">", at, at + _LONG_TAG)
        if end < 0:
            end = text.find(">", at + _LONG_TAG)
            end = len(text) if end < 0 else end
            begin = text.rfind("<", at, end)
            tag = _TAG.match(text, begin, end) if begin >= 0 else None
            if tag and len(_QUOTED.sub("", text[tag.end() : end]).split(None, _MANY)) > _MANY:
                kept.append(text[done : tag.end()])
                done = end
        at = end + 1
    return "".join([*kept, text[done:]]) if kept else text


def _title(root: etree._Element) -> str:
    """What the page says its title is, without the name of the site where a header tells the two apart."""
    title = site = ""
    headers: list[str] = []
    for element in root.iter("meta", "title", "h1"):
        if element.tag == "h1":
            if len(headers) < _HEADERS:
                headers.append(_line(text_of(element)).rstrip(_ANCHORS))
        elif element.tag == "title":
            title = title or _line(element.text or "")
        elif (field := element.get("property")) == "og:title":
            title = _line(element.get("content", "")) or title
        elif field == "og:site_name":
            site = _line(element.get("content", ""))
    parts = [header for header in headers if header and header != site and _is_part(header, title, site)]
    return max(parts, key=len, default=title)


def _line(text: str) -> str:
    return " ".join(text.split())


def _is_part(header: str, title: str, site: str) -> bool:
    if title.startswith(header):
        return bool(_BEHIND.match(title[len(header) :]))
    before = title[: -len(header)]
    sure = len(header) > len(before) or (site and before.startswith(site))
    return bool(sure and title.endswith(header) and _BEFORE.search(before))
