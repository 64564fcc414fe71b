"""The main content of a web page, without navigation, advertisements and other furniture of the page.

Elements are furniture by their tag, by their name or because they are hidden, unless they hold most of the page. The
content is the smallest remaining element with nearly all paragraphs, and what beside it belongs to it. In it, blocks of
links and cards that lead to other pages are removed too. `outline` has the lists of elements; all work is linear in the
size of the page.
"""

from __future__ import annotations

import re
from itertools import islice

from lxml import etree

from humpback.corpus.parsing.boilerplate import (
    FRAMES,
    HEADERS,
    INLINE,
    PANELS,
    PARTS,
    SECTIONS,
    Says,
    kind_of,
    names_say,
)
from humpback.corpus.parsing.captions import mark_captions
from humpback.corpus.parsing.elsewhere import clear
from humpback.corpus.parsing.leads import holds_lead, leads_of
from humpback.corpus.parsing.narrowing import smallest, tag_and_class
from humpback.corpus.parsing.outline import LOOK, RUN, Sums, Tree, add_up, text_of
from humpback.corpus.parsing.sections import words

_SAFE = words("html body main article pre code") | HEADERS
_TELLING = FRAMES | words("button aside time a form figcaption")
"""Elements that may be furniture without a name."""
_SECTION = re.compile(r"section|(?:section )?level\d|sect\d")
"""The exact names that documentation tools give to a section."""
_ANCHORS = words("# ¶ § ∞ 🔗")
_MOST = 0.5
"""An element with more than this part of the page's text is never furniture,"""
_MUCH = 0.1
"""nor is one with more than this part that is called an article, a post or the content."""
_NEARLY_EVERYTHING = 0.9
"""The same for comments, which can be longer than what they are about."""
_FEW = 200
_LITTLE = 0.2
"""If fewer characters than this and less than this part of all paragraphs remain, too much was removed."""
_OUT_OF_SIGHT = Says.HIDDEN | Says.UNSEEN
_TITLE = 200
_UNIT = 300
_ROW = 3
"""So many elements of a kind with a linked header and fewer characters than this in each are cards of other pages."""
_BESIDE_TEXT = Says.DATE | Says.PICTURE | Says.TEASER
_DATE = 60
"""Characters of a date with its time, at most;"""
_TEASED = 0.1
"""The part of a teaser that is linked, at least: a lead of this page may hold a link too."""
_WORDS = 5
"""Characters of text around a button that is a word of it."""

_ATTEMPTS = (
    Says.HIDDEN | Says.FURNITURE | Says.COMMENTS,
    Says.HIDDEN | Says.FURNITURE,
    Says.HIDDEN,
    0,
)
"""Attributes that may remove an element. The next set is tried if the one before leaves too little."""


def main_content(tree: Tree) -> etree._Element:
    """The element that holds the content of a page. Other elements in it are removed in place."""
    totals = add_up(tree)
    _show_panels(tree, totals)
    for away in _ATTEMPTS:
        tree.removed = _furniture(tree, totals, away)
        remaining = add_up(tree)
        if remaining.paragraphs[0] >= min(_FEW, _LITTLE * totals.paragraphs[0]):
            break
    remaining = _without_cards(tree, remaining)
    content = smallest(tree, remaining)
    leads = leads_of(tree, remaining, content)
    mark_captions(tree, remaining, content)
    clear(tree, remaining, content)
    found = tree.elements[content]
    for index in reversed(leads):
        lead = tree.elements[index]
        lead.tag, lead.tail, found.text = ("p" if lead.tag in HEADERS else lead.tag), found.text, None
        found.insert(0, lead)
    return found


def _show_panels(tree: Tree, sums: Sums) -> None:
    """What is hidden but for a click, as slides, tabs and answers are, no longer says that it is hidden.

    It is one of several of a kind, of which another one is seen, or each of which has its title before it.
    """
    texts = [index for index, paragraphs in enumerate(sums.paragraphs) if paragraphs >= RUN]
    hidden = [index for index in texts if tree.meaning(index) & _OUT_OF_SIGHT]
    kinds = {kind: [0, 0] for index in hidden if (kind := kind_of(tree.elements[index]))}
    if not kinds:
        return
    for index in texts:
        if tree.tags[index] in PANELS and (kind := kind_of(tree.elements[index])) in kinds:
            kinds[kind][bool(tree.meaning(index) & _OUT_OF_SIGHT)] += 1
    for index in hidden:
        element = tree.elements[index]
        kind = kind_of(element)
        if kind and (kinds[kind][0] or (kinds[kind][1] > 1 and _has_title_before(element))):
            tree.says[index] = names_say(kind)


def _has_title_before(element: etree._Element) -> bool:
    before = element.getprevious()
    return before is not None and 0 < len("".join(islice(before.itertext(), LOOK)).strip()) <= _TITLE


def _without_cards(tree: Tree, sums: Sums) -> Sums:
    """Marks three or more cards of a kind in a row as furniture, if there is a text beside them."""
    groups: dict[tuple[int, str, str], list[int]] = {}
    if sums.cards[0] < _ROW:
        return sums
    for index, cards in enumerate(sums.cards):
        if cards == 1 and not tree.removed[index] and sums.text[index] < _UNIT and tree.tags[index] in PANELS:
            kind = (tree.parents[index], *tag_and_class(tree, index))
            groups.setdefault(kind, []).append(index)
    units = [index for group in groups.values() if len(group) >= _ROW for index in group]
    rest = sums.paragraphs[0] - sum(sums.paragraphs[index] for index in units)
    if not units or rest < 2 * RUN or sums.headers[0] <= len(units):
        return sums
    for index in units:
        tree.removed[index] = 1
    for index in range(1, len(tree.removed)):
        if tree.removed[tree.parents[index]]:
            tree.removed[index] = 1
    return add_up(tree)


def _furniture(tree: Tree, sums: Sums, away: int) -> bytearray:
    """Marks furniture and all elements below it. `away` are the meanings that make an element furniture."""
    tags, parents = tree.tags, tree.parents
    removed = bytearray(len(tags))
    titled: set[int] = set()
    """Headers whose title has been passed: a lead stands behind it."""
    in_header = [0] * len(tags)
    """The header that an element stands in."""
    for index in range(1, len(tags)):
        parent, tag = parents[index], tags[index]
        if removed[parent]:
            removed[index] = 1
        elif tag == "header" or (in_header[parent] and tag not in INLINE and tags[parent] not in HEADERS):
            # Of the header of a page or an article its headers and its lead stay, not the date and the author.
            header = index if tag == "header" else in_header[parent]
            holds_page = header == index and next(tree.elements[index].iter(*SECTIONS), None) is not None
            if sums.text[header] <= _MOST * sums.text[0] and not holds_page:
                if tag in HEADERS:
                    titled.add(header)
                removed[index] = not (sums.headers[index] or (header in titled and holds_lead(tree, sums, index)))
                in_header[index] = header
        elif tag in _TELLING or tree.meaning(index) > Says.CONTENT:
            removed[index] = _is_furniture(tree, sums, index, away)
    return removed


def _is_furniture(tree: Tree, sums: Sums, index: int, away: int) -> bool:
    tag, says, text = tree.tags[index], tree.meaning(index), sums.text[index]
    if says & away & Says.HIDDEN:
        return True
    if tag in _SAFE:
        return False
    if tag == "button":
        return tree.tags[tree.parents[index]] not in HEADERS and not _in_a_sentence(tree, index)
    if tag in FRAMES or (tag == "aside" and not says & Says.NOTE):
        rest = sums.paragraphs[0] - sums.paragraphs[index]
        holds_page = next(tree.elements[index].iter("main", "main" if tag == "aside" else "article"), None) is not None
        return (tag != "aside" or bool(away & Says.FURNITURE)) and rest >= sums.paragraphs[index] * (
            1 if holds_page else _MUCH
        )
    if away & Says.FURNITURE and (tag == "time" or says & _BESIDE_TEXT) and _is_beside_text(tree, sums, index):
        return True
    if tag in INLINE:
        if tag == "a" and 0 < text <= 2 and (tree.elements[index].text or "").strip() in _ANCHORS:
            return True
        return bool(away & Says.FURNITURE and says & (Says.MARK | Says.CAPTION))
    part = max(text / max(1, sums.text[0]), sums.paragraphs[index] / max(1, sums.paragraphs[0]))
    if tag in ("form", "figcaption"):
        return part <= _MOST
    reasons = says & away & ~Says.HIDDEN
    if not reasons or says & Says.EMBEDDED or _is_titled(tree.elements[index]):
        return False
    if any(inner.tag == "pre" for inner in tree.elements[index][:LOOK]):
        return False
    if part > _MUCH and says & Says.CONTENT and not says & (Says.COMMENTS | Says.RELATED):
        return False
    return part <= (_NEARLY_EVERYTHING if says & (Says.COMMENTS | Says.RELATED | Says.DIALOG) else _MOST)


def _is_beside_text(tree: Tree, sums: Sums, index: int) -> bool:
    """Whether it is a date by itself, a picture with what is written below it, or a teaser of another page."""
    tag, says, text, parent = tree.tags[index], tree.meaning(index), sums.text[index], tree.parents[index]
    if tag in PARTS or tree.tags[parent] in PARTS:
        return False
    if tag == "time" or says & Says.DATE:
        return text <= _DATE and tree.direct[parent] < _WORDS
    if says & Says.PICTURE and not says & Says.TEASER and text <= _UNIT:
        return next(tree.elements[index].iter("img"), None) is not None
    return bool(says & Says.TEASER and sums.linked[index] > _TEASED * text and text <= _MUCH * sums.text[0])


def _in_a_sentence(tree: Tree, index: int) -> bool:
    """Whether a button stands between the words of a text."""
    return tree.direct[tree.parents[index]] >= _WORDS and bool((tree.elements[index].tail or "").strip())


def _is_titled(element: etree._Element) -> bool:
    """Whether its name is the title of the section that it is: a section on cookies is no banner for them."""
    name, kind = element.get("id"), element.get("class", "")
    if not name or names_say(kind) & (Says.FURNITURE | Says.COMMENTS):
        return False
    header = next((inner for inner in islice(element.iter(), LOOK) if inner.tag in HEADERS), None)
    title = _letters(text_of(header)) if header is not None else ""
    if header is None or not title or not _letters(name).endswith(title):
        return False
    return bool(_SECTION.fullmatch(kind)) or any(link.get("href", "").startswith("#") for link in header.iter("a"))


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.lower()))
