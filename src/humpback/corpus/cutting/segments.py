"""The cut: a tree of sections to candidates that do not overlap (paper, section 2.1: the tree rooted at a header node).

Every header node roots a candidate, so candidates are nested; of each nest one level is taken:

- the largest subtree that fits the greatest length is one candidate, its sub-headers written as Markdown headers;
- of a subtree that does not fit, the text before its first sub-header is a candidate, and each child is cut in turn;
- a navigation section (licence, table of contents, comments) never belongs to a larger candidate;
- the document's title is a header node over the whole text, unless the document has a level-1 header of its own;
- a header straight above a single header, with no text between, gives way to it;
- plain text, and a document with neither header nor title, is grouped into stretches of paragraphs;
- short paragraphs at the ends of a piece in which its page speaks of itself are taken off (`ends`).

Nothing is judged here; `filters` does that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from humpback.config import SegmentSettings
from humpback.corpus.judging.ends import without_furniture
from humpback.corpus.judging.piece import Piece
from humpback.corpus.parsing.sections import Section, join, words
from humpback.corpus.parsing.text import spans
from humpback.records import DocumentFormat

_FILLERS = words(
    "a all an and apache bsd copyright for free full gpl here info information leave list mit more notice now online "
    "our page policy section software the this to us your"
)
_LONGEST_HEADER = 400
"""Characters of a header that are looked at: what is remembered of headers is bounded."""
_RELEASE = re.compile(r"\W{0,8}(?:version|release)?\W{0,8}v?\d+(?:\.\w+)+", re.IGNORECASE)
_OF_RELEASES = re.compile(
    r"version|releas(?:e|ed)|yanked|jan|feb|mar|apr|may|june?|july?|aug|sep|oct|nov|dec", re.IGNORECASE
)
_LONG_WORD = re.compile(r"[^\W\d_]{3}")
_WORD = re.compile(r"[^\W_]+")


def pieces(root: Section, form: DocumentFormat, settings: SegmentSettings) -> list[Piece]:
    """Cuts a document into pieces that do not overlap, in reading order.

    Args:
        root: The document's tree.
        form: Its format: plain text is grouped, the others are cut at headers.
        settings: Lengths and the navigation headers.
    """
    found = [replace(piece, text=without_furniture(piece.text)) for piece in _pieces(root, form, settings)]
    told = [number for number, piece in enumerate(found) if not is_navigation(piece.header, settings.header_blocklist)]
    first, last = (told[0], told[-1]) if told else (0, -1)
    return [replace(piece, opens=number <= first, closes=number >= last) for number, piece in enumerate(found)]


def _pieces(root: Section, form: DocumentFormat, settings: SegmentSettings) -> Iterator[Piece]:
    path = _down((), root.title)
    if not root.children and (form == "text" or (form != "html" and not root.title)):
        for span in spans(root.body, settings.max_chars):
            yield Piece(path, root.title, span, headed=False)
    elif root.title and all(child.level > 1 for child in root.children):
        yield from _cut(_merged(root), (), settings)
    else:
        if root.body:
            yield Piece(path, "", root.body, headed=True)
        for child in root.children:
            yield from _cut(child, path, settings)


def is_navigation(header: str, blocklist: tuple[str, ...]) -> str:
    """The phrase that makes a header a navigation header, or an empty string.

    A phrase counts where it has more words than the rest of the header, fillers and figures aside: 'MIT License' and
    '3 Comments' are navigation, 'Comments in Python' is not. The header may have the plural of the phrase's words. A
    version with or without a date is the header of a release note.
    """
    return _navigation(header[:_LONGEST_HEADER], blocklist)


@lru_cache(maxsize=4096)
def _navigation(header: str, blocklist: tuple[str, ...]) -> str:
    if _RELEASE.match(header) and not _LONG_WORD.search(_OF_RELEASES.sub("", header)):
        return "a release"
    said = [word for word in _WORD.findall(header.lower()) if not word.isdigit()]
    phrases = _by_first_word(blocklist)
    there = {
        phrase: None
        for at, word in enumerate(said)
        for phrase in phrases.get(word, ())
        if all(one in (wanted, wanted + "s") for one, wanted in zip(said[at:], phrase, strict=False))
        and at + len(phrase) <= len(said)
    }
    for phrase in there:
        rest = [word for word in said if not _FILLERS.union(phrase) & {word, word.removesuffix("s")}]
        if len(rest) < len(phrase):
            return " ".join(phrase)
    return ""


@lru_cache(maxsize=4)
def _by_first_word(blocklist: tuple[str, ...]) -> dict[str, list[tuple[str, ...]]]:
    """The phrases as words, by their first word in the singular and in the plural."""
    phrases: dict[str, list[tuple[str, ...]]] = {}
    for phrase in filter(None, (tuple(text.lower().split()) for text in blocklist)):
        phrases.setdefault(phrase[0], []).append(phrase)
        phrases.setdefault(phrase[0] + "s", []).append(phrase)
    return phrases


def _cut(section: Section, above: tuple[str, ...], settings: SegmentSettings) -> Iterator[Piece]:
    while not section.body and len(section.children) == 1:
        above = _down(above, section.title)
        section = section.children[0]
    path = _down(above, section.title)
    if is_navigation(section.title, settings.header_blocklist):
        yield Piece(path, section.title, _render(section), headed=True)
        return
    whole, apart = _without_navigation(section, settings.header_blocklist)
    text = _render(whole)
    if len(text) <= settings.max_chars or not whole.children:
        if text:
            yield Piece(path, section.title, text, headed=True)
        for child, over in apart:
            yield Piece((*above, *over, child.title), child.title, _render(child), headed=True)
        return
    if section.body:
        yield Piece(path, section.title, section.body, headed=True)
    for child in section.children:
        yield from _cut(child, path, settings)


def _without_navigation(
    section: Section, blocklist: tuple[str, ...]
) -> tuple[Section, list[tuple[Section, tuple[str, ...]]]]:
    """The section without its navigation subsections, and those with the titles above them."""
    kept: list[Section] = []
    apart: list[tuple[Section, tuple[str, ...]]] = []
    for child in section.children:
        if is_navigation(child.title, blocklist):
            apart.append((child, (section.title,)))
            continue
        child, inner = _without_navigation(child, blocklist)
        kept.append(child)
        apart += [(found, (section.title, *over)) for found, over in inner]
    return replace(section, children=tuple(kept)), apart


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
    """The path to a title below; one without a word, or that only repeats the last, adds nothing."""
    return path if not _WORD.search(title) or (path and _same(path[-1], title)) else (*path, title)


def _same(one: str, other: str) -> bool:
    return "".join(_WORD.findall(one.lower())) == "".join(_WORD.findall(other.lower()))
