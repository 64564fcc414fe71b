"""A page as flat lists in reading order: its elements, and the number of characters in each.

Each question about a page is then one pass over numbers, linear in the size of the page. The descendants of an element
follow it, so sums are computed from the last element to the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from lxml import etree

from humpback.corpus.parsing.boilerplate import FRAMES, HEADERS, NEVER, attributes_say
from humpback.corpus.parsing.sections import words

REMOVED = "removed"
"""The tag of a removed element. The text behind the element stays."""
PARAGRAPHS = words("p pre blockquote li td dd")
RUN = 60
"""Text that stands directly in an element counts as a paragraph from this many characters on."""
LOOK = 16
"""Elements that are examined at the beginning of an element: a long header cannot make the work quadratic."""
_CODE = words("code pre tt kbd samp")
_ADDRESSES = ("http://", "https://", "www.")
_TITLE_LINKED = 0.8


@dataclass(slots=True)
class Tree:
    """The elements of a page in reading order. The descendants of an element follow it."""

    elements: list[etree._Element]
    tags: list[str]
    parents: list[int]
    says: list[int]
    direct: list[int]
    """Characters directly in the element."""
    removed: bytearray


@dataclass(slots=True)
class Sums:
    """The content of each element and all below it: characters, and the numbers of headers and cards."""

    text: list[int]
    linked: list[int]
    paragraphs: list[int]
    headers: list[int]
    cards: list[int]


def lay_out(root: etree._Element) -> Tree:
    """The lists of a parsed page. Elements that never hold content are emptied in place.

    Some anchors are ordinary text and count as `span`: without a target, with an address as text, and in code, where
    they link the names of functions.
    """
    etree.strip_elements(root, *NEVER, with_tail=False)
    for frame in [*root.iter(*FRAMES)]:
        if next(frame.iter("p", "main", "article"), None) is None:
            take_out(frame)
    elements: list[etree._Element] = []
    tags: list[str] = []
    parents: list[int] = []
    says: list[int] = []
    direct: list[int] = []
    places: dict[etree._Element | None, int] = {None: -1}
    for element in root.iter():
        tag, text = element.tag, element.tail
        parent = places[element.getparent()]
        if text and parent >= 0:
            direct[parent] += len(text.strip())
        if tag == REMOVED:
            continue
        places[element] = len(elements)
        elements.append(element)
        if tag == "a" and ((parent >= 0 and tags[parent] in _CODE) or not _is_link(element)):
            tag = "span"
        tags.append(tag)
        parents.append(parent)
        says.append(attributes_say(element))
        text = element.text
        direct.append(len(text.strip()) if text else 0)
    return Tree(elements, tags, parents, says, direct, bytearray(len(elements)))


def _is_link(element: etree._Element) -> bool:
    return element.get("href") is not None and not (element.text or "").lstrip().startswith(_ADDRESSES)


def take_out(element: etree._Element) -> None:
    """Empties an element. The text behind it stays."""
    element.clear(keep_tail=True)
    element.tag = REMOVED


def add_up(tree: Tree) -> Sums:
    """Sums from the leaves to the root. Removed elements do not count."""
    size = len(tree.tags)
    text = tree.direct.copy()
    linked, paragraphs, headers, cards = [0] * size, [0] * size, [0] * size, [0] * size
    tags, parents, direct, removed = tree.tags, tree.parents, tree.direct, tree.removed
    for index in range(size - 1, 0, -1):
        if removed[index]:
            continue
        tag, length = tags[index], text[index]
        if tag == "a":
            linked[index] = length
        elif tag in PARAGRAPHS:
            paragraphs[index] = max(0, length - 2 * linked[index])
        elif tag in HEADERS:
            headers[index] = 1
            if length and linked[index] > _TITLE_LINKED * length and _leads_away(tree.elements[index]):
                cards[index] = 1
        elif direct[index] >= RUN:
            paragraphs[index] += direct[index]
        parent = parents[index]
        text[parent] += length
        linked[parent] += linked[index]
        paragraphs[parent] += paragraphs[index]
        headers[parent] += headers[index]
        cards[parent] += cards[index]
    return Sums(text, linked, paragraphs, headers, cards)


def _leads_away(header: etree._Element) -> bool:
    link = next((element for element in islice(header.iter(), LOOK) if element.tag == "a"), None)
    return link is not None and not link.get("href", "#").startswith("#")
