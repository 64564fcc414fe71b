"""What leads to other pages within the content: blocks of links, cards, and lists whose titles say so."""

from __future__ import annotations

import re

from lxml import etree

from humpback.corpus.parsing.boilerplate import HEADERS, INLINE, PARTS
from humpback.corpus.parsing.outline import PARAGRAPHS, RUN, Sums, Tree, take_out, text_before, text_of
from humpback.corpus.parsing.page_words import LABEL, asks, lists_others
from humpback.corpus.parsing.sections import words

_BOXES = words("div section article main body center")
"""Elements in which a link that stands by itself leads to another page,"""
_BUTTON = 60
_SEVERAL = 1
"""if it has fewer characters than this, and the element so many paragraphs at least."""
_PART = 200
"""Parts of lists and tables stay or go with the whole, unless they have more characters than this."""
_MUCH = 0.25
"""What has more than this part of the content's paragraphs is looked at part by part,"""
_MOST = 0.5
"""and what has more than this part is no list of links."""
_LINKED, _LINKED_PARAGRAPH, _LINKED_LABEL = 0.6, 0.8, 0.5
"""A block, a paragraph or a line with a label with more than this part of its text in links is navigation."""
_CARD = 400
"""Headers that lead to other pages with fewer characters than this to each are cards."""
_LINE = 50
"""Characters in front of a link to another page, as those of 'Read also:', at most;"""
_TEASE = 250
"""of a link to another page with what makes it one in front of it;"""
_LINKED_TITLE = 0.4
"""and the part of them that is linked, at least."""
_BOX, _LISTED, _TEASERS = 300, 0.25, 3
"""A box below such a title is a list of others with fewer characters, this part in links, or so many headers."""
_FEW = 5
_BARS = re.compile(r"[\s<>«»‹›-]*[\[|·•»«‹›][\s\[\]|·•»«‹›<>-]*")


def clear(tree: Tree, sums: Sums, content: int) -> None:
    """Takes out what is furniture in the content, its blocks of links and its cards."""
    tags, parents, direct, removed, text, linked = (
        *(tree.tags, tree.parents, tree.direct, tree.removed),
        *(sums.text, sums.linked),
    )
    for index in range(content + 1, tree.ends[content]):
        parent = parents[index]
        if removed[parent]:
            removed[index] = 1
        elif removed[index] or (
            linked[index]
            and not (direct[parent] and tags[index] == "a")
            and _leads_elsewhere(tree, sums, index, content)
        ):
            removed[index] = 1
            take_out(tree.elements[index])
        elif (
            0 < text[index] <= _TEASE
            and text[parent] != text[index]
            and tags[index] not in PARTS
            and tags[parent] not in PARTS
            and not (tags[index] in INLINE and (direct[parent] or linked[index] < text[index]))
            and _titles_others(tree, sums, index)
        ):
            for other in _titled(tree, sums, index, content):
                removed[other] = 1
                take_out(tree.elements[other])


def _leads_elsewhere(tree: Tree, sums: Sums, index: int, content: int) -> bool:
    tag, text = tree.tags[index], sums.text[index]
    if tag == "a":
        parent = tree.parents[index]
        among_text = tree.tags[parent] in _BOXES and sums.paragraphs[parent] > _SEVERAL * RUN
        away = not sums.headers[index] and not tree.elements[index].get("href", "").startswith("#")
        return away and among_text and text <= _BUTTON
    if tag in INLINE or tag in ("h1", "h2"):
        return False
    if (
        tag not in PARTS
        and sums.linked[index] > _LINKED_LABEL * text
        and _is_label(tree, index, text - sums.linked[index])
    ):
        return True
    if tag in HEADERS or sums.paragraphs[index] > _MUCH * sums.paragraphs[content]:
        return False
    if text < _PART and (tag in PARTS or (tag == "p" and tree.tags[tree.parents[index]] in PARTS)):
        return False
    if sums.linked[index] > (_LINKED_PARAGRAPH if tag in PARAGRAPHS else _LINKED) * text:
        return True
    if text < _PART and tag not in PARAGRAPHS and _only_links(tree.elements[index]):
        return True
    cards = sums.cards[index]
    return cards >= 2 and text < _CARD * cards and text < _MOST * sums.text[content]


def _only_links(element: etree._Element) -> bool:
    """Whether there is nothing between the links of an element but bars and brackets: '[ Up ] | [ Top ]'."""
    text = text_of(element)
    for link in element.iter("a"):
        text = text.replace(text_of(link), "", 1)
    return _BARS.fullmatch(text) is not None


def _is_label(tree: Tree, index: int, chars: int) -> bool:
    """Whether all that stands outside of its links is a few words with a colon in front of them: 'Read also: ...'."""
    before, parted, behind = text_of(tree.elements[index]).partition(":")
    return bool(parted and behind.strip()) and 0 <= chars - len(before.strip()) <= 2 and 0 < chars <= _LINE


def _titles_others(tree: Tree, sums: Sums, index: int) -> bool:
    """Whether an element is, by its words, the title of links to other pages, or one such link with its title."""
    text = sums.text[index]
    if text > LABEL and sums.linked[index] < _LINKED_TITLE * text:
        return False
    element = tree.elements[index]
    label = text_of(element)
    if not lists_others(label) and not (text <= LABEL and asks(label)):
        return False
    # A header that links to itself is that of a section, whatever its words.
    return not any(link.get("href", "").startswith("#") for link in element.iter("a"))


def _titled(tree: Tree, sums: Sums, index: int, content: int) -> list[int]:
    """What a title of links to other pages stands over: the box that it opens, or the links behind it."""
    box = index
    while tree.parents[box] != content and not text_before(tree, box):
        box = tree.parents[box]
    if sums.text[index] > LABEL:
        return [index]
    if sums.text[box] > sums.text[index] + _FEW:
        leads = sums.linked[box] > _LISTED * sums.text[box] or sums.cards[box]
        if sums.text[box] < _BOX and " " in text_of(tree.elements[index]).strip():
            leads = True
        most = _MOST if leads else _MUCH if sums.headers[box] >= _TEASERS else 0
        return [box] if sums.paragraphs[box] <= most * sums.paragraphs[content] else []
    others = [box]
    at = tree.ends[box]
    while at < len(tree.tags) and tree.parents[at] == tree.parents[box]:
        if (
            sums.text[at]
            and not tree.removed[at]
            and sums.linked[at] <= _LINKED_LABEL * sums.text[at]
            and not sums.cards[at]
        ):
            break
        others.append(at)
        at = tree.ends[at]
    ends = at == len(tree.tags) or tree.parents[at] != tree.parents[box] or tree.tags[at] in HEADERS
    return others if ends or any(sums.text[other] for other in others[1:]) else []
