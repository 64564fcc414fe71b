"""The cut: a tree of sections to pieces that do not overlap (paper, section 2.1: the tree rooted at a header node).

Every header node is the root of a candidate, so candidates are nested. One level of each nest is taken:

- The largest subtree that fits the greatest length is one piece. Its sub-headers are written as Markdown headers.
- Of a subtree that does not fit, the text before its first sub-header is a piece, and each child is cut in turn.
- A navigation section (licence, table of contents, comments) never belongs to a larger piece.
- The document's title is a header node over the whole text, unless the document has a level-1 header of its own.
- A header directly above a single header, with no text between, gives way to it.
- Short paragraphs at the ends of a piece in which its page speaks of itself are removed (`ends`).
- A piece that is still too long is split between paragraphs, lines or sentences (`splitting`), unless the settings keep
  to headers. Plain text, and a document with neither header nor title, has none, and is split in any case.

Nothing is judged here: the room `judging` does that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from humpback.config import SegmentSettings
from humpback.corpus.cutting.asides import without_asides
from humpback.corpus.cutting.borrowed import borrowed
from humpback.corpus.cutting.ends import without_furniture
from humpback.corpus.cutting.navigation import is_navigation, navigation_headers
from humpback.corpus.cutting.piece import Piece, length
from humpback.corpus.cutting.splitting import OpensInside, split
from humpback.corpus.parsing.sections import Section, join
from humpback.records import DocumentFormat

_WORD = re.compile(r"[^\W_]+")


def pieces(
    root: Section, form: DocumentFormat, settings: SegmentSettings, opens_inside: OpensInside = lambda text: False
) -> list[Piece]:
    """Cuts a document into pieces that do not overlap, in reading order.

    Args:
        root: The document's tree.
        form: Its format: plain text needs no headers.
        settings: Lengths, the navigation headers, and where a text may be cut.
        opens_inside: Judges beginnings, so that a long text is not split in the middle of a train of thought.
    """
    cuts = [part for piece in _pieces(root, form, settings) for part in _fitting(piece, settings, opens_inside)]
    # Navigation in front of the first text does not count: what follows it still opens the document.
    blocklist = navigation_headers(settings)
    content = [at for at, piece in enumerate(cuts) if not is_navigation(piece.header, blocklist)]
    first, last = (content[0], content[-1]) if content else (0, -1)
    capitals = _mostly_capitals(root)
    names = borrowed([piece.text for piece in cuts])
    return [
        replace(piece, opens=at <= first, closes=at >= last, in_capitals=capitals, borrows=names[at])
        for at, piece in enumerate(cuts)
    ]


def _mostly_capitals(root: Section) -> bool:
    """Whether most headers below the root are all upper-case, and more than one."""
    titles = [title for title in _titles(root) if any(map(str.isalpha, title))]
    count = sum(map(str.isupper, titles))
    return count > 1 and 2 * count > len(titles)


def _titles(section: Section) -> Iterator[str]:
    for child in section.children:
        yield child.title
        yield from _titles(child)


def _fitting(piece: Piece, settings: SegmentSettings, opens_inside: OpensInside) -> Iterator[Piece]:
    """The piece without the furniture at its ends, or the parts of one that is too long."""
    piece = replace(piece, text=without_furniture(without_asides(piece.text, settings.languages)))
    stays_whole = piece.headed and (
        settings.split_at == "headers" or is_navigation(piece.header, navigation_headers(settings), piece.text)
    )
    chars = length(piece.text, settings.dense_chars)
    if stays_whole or chars <= settings.max_chars:
        yield piece
        return
    share = len(piece.text) / chars
    least, most = max(1, int(settings.min_chars * share)), max(1, int(settings.max_chars * share))
    limits = settings.model_copy(update={"min_chars": least, "max_chars": most})
    parts = split(piece.text, limits, opens_inside, sentences=settings.split_at == "sentences")
    for number, part in enumerate(parts, 1):
        text = without_furniture(part.text) if len(parts) > 1 else part.text
        yield replace(piece, text=text, part=number, parts=len(parts), begins_at=part.begins_at)


def _pieces(root: Section, form: DocumentFormat, settings: SegmentSettings) -> Iterator[Piece]:
    path = _down((), root.title)
    if not root.children and (form == "text" or (form != "html" and not root.title)):
        if root.body:
            yield Piece(path, root.title, root.body, headed=False)
    elif root.title and all(child.level > 1 for child in root.children):
        yield from _cut(_merged(root), (), settings)
    else:
        if root.body:
            yield Piece(path, "", root.body, headed=True)
        for child in root.children:
            yield from _cut(child, path, settings)


def _cut(section: Section, above: tuple[str, ...], settings: SegmentSettings) -> Iterator[Piece]:
    while not section.body and len(section.children) == 1:
        above = _down(above, section.title)
        section = section.children[0]
    path = _down(above, section.title)
    blocklist = navigation_headers(settings)
    if is_navigation(section.title, blocklist, section.body):
        yield Piece(path, section.title, _render(section), headed=True)
        return
    content, removed = _without_navigation(section, blocklist)
    text = _render(content)
    if length(text, settings.dense_chars) <= settings.max_chars or not content.children:
        if text:
            yield Piece(path, section.title, text, headed=True)
        for child, titles in removed:
            yield Piece((*above, *titles, child.title), child.title, _render(child), headed=True)
        return
    if section.body:
        yield Piece(path, section.title, section.body, headed=True)
    for child in section.children:
        yield from _cut(child, path, settings)


def _without_navigation(
    section: Section, blocklist: tuple[str, ...]
) -> tuple[Section, list[tuple[Section, tuple[str, ...]]]]:
    """The section without its navigation subsections, and those with the titles above them."""
    content: list[Section] = []
    removed: list[tuple[Section, tuple[str, ...]]] = []
    for child in section.children:
        if is_navigation(child.title, blocklist, child.body):
            removed.append((child, (section.title,)))
            continue
        child, inner = _without_navigation(child, blocklist)
        content.append(child)
        removed += [(navigation, (section.title, *titles)) for navigation, titles in inner]
    return replace(section, children=tuple(content)), removed


def _merged(root: Section) -> Section:
    """The root without a first header that only repeats its title."""
    if root.body or not root.children or not _same(root.children[0].title, root.title):
        return root
    first = root.children[0]
    return replace(root, body=first.body, children=first.children + root.children[1:])


def _render(section: Section, depth: int = 1) -> str:
    """The text of a subtree without its own header, sub-headers as Markdown headers."""
    blocks = [section.body]
    for child in section.children:
        inner = _render(child, depth + 1)
        if inner:
            blocks += [f"{'#' * min(depth + 1, 6)} {child.title}", inner]
    return join(blocks)


def _down(path: tuple[str, ...], title: str) -> tuple[str, ...]:
    """The path to a title below. A title without a word, or one that repeats the last, adds nothing."""
    return path if not _WORD.search(title) or (path and _same(path[-1], title)) else (*path, title)


def _same(first: str, second: str) -> bool:
    """Whether two titles are equal but for case, spaces and punctuation."""
    return "".join(_WORD.findall(first.lower())) == "".join(_WORD.findall(second.lower()))
