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

REMOVED = "REMOVED"
"""The tag of a removed element, which no page can have: libxml2 writes tags in lower case. The text behind it stays."""
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
    says: list[int | None]
    """What the attributes of each element say. `meaning` reads them, since half of them are never asked for."""
    direct: list[int]
    """Characters directly in the element."""
    ends: list[int]
    """The place behind the element and all that is in it."""
    removed: bytearray
    before: list[int] = field(default_factory=list)
    """Characters in front of each element on the page, counted when `text_before` is asked first."""

    def meaning(self, index: int) -> int:
        """What the attributes of an element say, as bits of `Says`."""
        meaning = self.says[index]
        if meaning is None:
            meaning = 0
            for name, value in () if self.tags[index] in _BARE else self.elements[index].items():
                if name == "class" or name == "id":
                    meaning |= names_say(value[:LONGEST])
                elif name in TELLING:
                    meaning |= attribute_says(name, value)
            self.says[index] = meaning
        return meaning


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
    emptied = _empty(root)
    elements = [element for element in root.iter() if element.tag != REMOVED]
    tags = [element.tag for element in elements]
    size = len(elements)
    parents, direct, ends = [-1] * size, [0] * size, [size] * size
    opened, parent = None, -1
    """The element whose descendants are passed, and its place. The root has nothing around or behind it."""
    for index, element in enumerate(elements):
        around = element.getparent()
        while opened is not around:
            ends[parent] = index
            parent = parents[parent]
            opened = elements[parent] if parent >= 0 else None
        parents[index] = parent
        if (text := element.tail) and (text := text.strip()):
            direct[parent] += len(text)
        if (text := element.text) and (text := text.strip()):
            direct[index] += len(text)
        if tags[index] == "a" and not _leads(element, text, tags[parent]):
            tags[index] = "span"
        opened, parent = element, index
    _count_behind(emptied, elements, direct)
    return Tree(elements, tags, parents, [None] * size, direct, ends, bytearray(size))


def _empty(root: etree._Element) -> list[etree._Element]:
    """Empties what never holds content, and frames without a text. Returns these frames."""
    etree.strip_elements(root, *NEVER, with_tail=False)
    frames = [frame for frame in root.iter(*FRAMES) if next(frame.iter("p", "main", "article"), None) is None]
    for frame in frames:
        take_out(frame)
    return frames


def _count_behind(emptied: list[etree._Element], elements: list[etree._Element], direct: list[int]) -> None:
    """Counts the text behind emptied elements, which stands in the elements around them."""
    followed = [element for element in emptied if (element.tail or "").strip()]
    places = {element: index for index, element in enumerate(elements)} if followed else {}
    for element in followed:
        parent = places.get(element.getparent())
        if parent is not None:  # else it stood in an element that was emptied too
            direct[parent] += len(element.tail.strip())


def _leads(anchor: etree._Element, text: str | None, around: str) -> bool:
    """Whether an anchor with this text, in an element with this tag, is a link that a reader would follow."""
    return around not in _CODE and not (text and text.startswith(_ADDRESSES)) and anchor.get("href") is not None


def text_of(element: etree._Element) -> str:
    """The text of an element and all below it: what `itertext` joins, in a fifth of the time."""
    text: str = etree.tostring(element, method="text", encoding="unicode", with_tail=False)
    return text


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
    return text_of(element).rstrip().endswith((".", "!", "?", "…", '."', ".”"))
