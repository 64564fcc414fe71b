"""A page as flat lists in reading order: its elements, and the number of characters in each.

Each question about a page is then one pass over numbers, linear in the size of the page. The descendants of an element
follow it, so sums are computed from the last element to the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate, islice

from lxml import etree

from humpback.corpus.parsing.boilerplate import FRAMES, HEADERS, LONGEST, NEVER, TELLING, attribute_says, names_say
from humpback.corpus.parsing.sections import words

REMOVED = "removed"
"""The tag of a removed element. The text behind the element stays."""
PARAGRAPHS = words("p pre blockquote li td dd")
RUN = 60
"""Text that stands directly in an element counts as a paragraph from this many characters on."""
LOOK = 16
"""Elements that are examined at the beginning of an element: a long header cannot make the work quadratic."""
_BARE = words("br hr wbr source col")
"""Elements without text, whose names say nothing."""
_CODE = words("code pre tt kbd samp")
_ADDRESSES = ("http://", "https://", "www.")
_TITLE_LINKED = 0.8
_OPENING = 200
"""Characters of the text of an element that are looked at to tell whether it begins with text."""


@dataclass(slots=True)
class Tree:
    """The elements of a page in reading order. The descendants of an element follow it."""

    elements: list[etree._Element]
    tags: list[str]
    parents: list[int]
    says: list[int]
    direct: list[int]
    """Characters directly in the element."""
    ends: list[int]
    """The place behind the element and all that is in it."""
    removed: bytearray
    before: list[int] = field(default_factory=list)
    """Characters in front of each element on the page, counted when `text_before` is asked first."""


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
    _empty(root)
    elements: list[etree._Element] = []
    tags: list[str] = []
    parents, says, direct, ends, above = list[int](), list[int](), list[int](), list[int](), list[int]()
    for element in root.iter():
        around = element.getparent()
        while above and elements[above[-1]] is not around:
            ends[above.pop()] = len(elements)
        tag, text, meaning, is_link = element.tag, element.tail, 0, False
        parent = above[-1] if above else -1
        if text and above:
            direct[parent] += len(text.strip())
        if tag == REMOVED:
            continue
        # Every element comes by here, so what is asked of its attributes is written out.
        for name, value in () if tag in _BARE else element.items():
            if name == "class" or name == "id":
                meaning |= names_say(value[:LONGEST])
            elif name == "href":
                is_link = True
            elif name in TELLING:
                meaning |= attribute_says(name, value)
        text = element.text
        if tag == "a" and not (is_link and _leads(text, tags[parent] if above else "")):
            tag = "span"
        above.append(len(elements))
        elements.append(element)
        tags.append(tag)
        parents.append(parent)
        says.append(meaning)
        direct.append(len(text.strip()) if text else 0)
        ends.append(0)
    for index in above:
        ends[index] = len(elements)
    return Tree(elements, tags, parents, says, direct, ends, bytearray(len(elements)))


def _empty(root: etree._Element) -> None:
    """Empties what never holds content, and frames without a text."""
    etree.strip_elements(root, *NEVER, with_tail=False)
    for frame in [*root.iter(*FRAMES)]:
        if next(frame.iter("p", "main", "article"), None) is None:
            take_out(frame)


def _leads(text: str | None, around: str) -> bool:
    """Whether an anchor with this text, in an element with this tag, is a link that a reader would follow."""
    return around not in _CODE and not (text and text.lstrip().startswith(_ADDRESSES))


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
        if not length:
            if tag not in HEADERS and not headers[index]:
                continue
        elif tag == "a":
            linked[index] = length
        elif tag in PARAGRAPHS:
            paragraphs[index] = length - 2 * linked[index] if length > 2 * linked[index] else 0
        elif tag in HEADERS:
            if linked[index] > _TITLE_LINKED * length and _leads_away(tree.elements[index]):
                cards[index] = 1
        elif direct[index] >= RUN:
            paragraphs[index] += direct[index]
        parent = parents[index]
        text[parent] += length
        linked[parent] += linked[index]
        paragraphs[parent] += paragraphs[index]
        if tag in HEADERS:
            headers[index] = 1
        if headers[index]:
            headers[parent] += headers[index]
            cards[parent] += cards[index]
    return Sums(text, linked, paragraphs, headers, cards)


def _leads_away(header: etree._Element) -> bool:
    link = next((element for element in islice(header.iter(), LOOK) if element.tag == "a"), None)
    return link is not None and not link.get("href", "#").startswith("#")


def text_before(tree: Tree, index: int) -> bool:
    """Whether there is text in front of an element in its parent."""
    if not tree.before:
        chars = (0 if removed else count for count, removed in zip(tree.direct, tree.removed, strict=True))
        tree.before = [0, *accumulate(chars)]
    parent = tree.parents[index]
    return tree.before[index] > tree.before[parent + 1] or bool((tree.elements[parent].text or "")[:_OPENING].strip())


def ends_sentence(element: etree._Element) -> bool:
    """Whether the text of an element ends with the end of a sentence."""
    return "".join(element.itertext()).rstrip().endswith((".", "!", "?", "…", '."', ".”"))
