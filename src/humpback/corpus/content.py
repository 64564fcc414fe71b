"""The main content of a web page: what is left when navigation, advertisements and the page's furniture are gone.

The page is laid out as flat lists in reading order, so that every look at it is one pass over numbers. Furniture goes
by tag, by name and by being hidden, unless it holds most of the page. Of the rest the smallest element with nearly all
paragraphs is the content; in it, blocks of links and cards that lead to other pages go too. All of it is linear in the
size of the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise

from lxml import etree

from humpback.corpus.boilerplate import HEADERS, INLINE, NEVER, SECTIONS, Says, attributes_say
from humpback.corpus.sections import words

REMOVED = "removed"
"""The tag that an element gets when it is taken out; the text behind it stays where it is."""

_PARAGRAPHS = words("p pre blockquote li td dd")
_LEAVES = words("p ul ol table tbody blockquote pre dl li")
"""Elements that are never the whole content: they stand in it."""
_SAFE = words("html body main article pre code") | HEADERS
_ANCHORS = words("# ¶ § ∞ 🔗")
_MOST = 0.5
"""An element with more than this part of the page's text is never furniture,"""
_MUCH = 0.1
"""nor is one with more than this part that is called an article, a post or the content."""
_NEARLY_EVERYTHING = 0.9
"""The same for comments, which can be longer than what they are about."""
_FEW = 300
_LITTLE = 0.2
"""Where fewer characters than this and less than this part of all paragraphs are left, too much was taken."""
_RUN = 60
"""Text that stands directly in an element counts as a paragraph from this many characters on."""
_NEARLY_ALL = 0.8
"""The content is the smallest element with this part of the text in paragraphs;"""
_HALF = 0.5
"""or with this part, where it says of itself that it is the content and no element beside it says so too,"""
_BESIDE = 0.3
"""of those with this part of its paragraphs."""
_TWIN = 0.02
"""In an article, elements of one kind belong together where the others have this part of the largest one's."""
_LINKED = 0.6
_LINKED_PARAGRAPH = 0.8
"""A block, or a paragraph, with more than this part of its text in links is navigation."""
_TITLE_LINKED = 0.8
_LOOK = 16
"""The link in a header is looked for among so many elements."""
_CARD = 400
"""Headers that lead to other pages with fewer characters than this to each are cards."""

_ATTEMPTS = (
    Says.HIDDEN | Says.FURNITURE | Says.COMMENTS,
    Says.HIDDEN | Says.FURNITURE,
    Says.HIDDEN,
    0,
)
"""What may go by its attributes; the next is tried where the one before leaves too little."""


@dataclass(slots=True)
class _Tree:
    """The elements of a page in reading order; an element's descendants follow it."""

    elements: list[etree._Element]
    tags: list[str]
    parents: list[int]
    says: list[int]
    direct: list[int]
    """Characters that stand in the element itself."""
    gone: bytearray


@dataclass(slots=True)
class _Sums:
    """What stands in each element and below it, in characters; headers and cards are counted."""

    text: list[int]
    linked: list[int]
    paragraphs: list[int]
    headers: list[int]
    cards: list[int]


def main_content(root: etree._Element) -> etree._Element:
    """The element that holds the content of a parsed page; what does not belong to it is taken out in place."""
    tree = _lay_out(root)
    whole = _add_up(tree)
    for away in _ATTEMPTS:
        tree.gone = _furniture(tree, whole, away)
        left = _add_up(tree)
        if left.paragraphs[0] >= min(_FEW, _LITTLE * whole.paragraphs[0]):
            break
    content = _smallest(tree, left)
    _clear(tree, left, content)
    return tree.elements[content]


def _lay_out(root: etree._Element) -> _Tree:
    elements: list[etree._Element] = []
    tags: list[str] = []
    parents: list[int] = []
    says: list[int] = []
    direct: list[int] = []
    ahead, above = [root], [-1]
    while ahead:
        element, parent, index = ahead.pop(), above.pop(), len(elements)
        tag, text = element.tag, element.tail
        if text and parent >= 0:
            direct[parent] += len(text.strip())
        if tag in NEVER:
            _take_out(element)
            continue
        elements.append(element)
        tags.append(tag)
        parents.append(parent)
        says.append(attributes_say(element))
        text = element.text
        direct.append(len(text.strip()) if text else 0)
        children = len(element)
        if children:
            ahead += element[::-1]
            above += [index] * children
    return _Tree(elements, tags, parents, says, direct, bytearray(len(elements)))


def _take_out(element: etree._Element) -> None:
    element.clear(keep_tail=True)
    element.tag = REMOVED


def _add_up(tree: _Tree) -> _Sums:
    """Adds up from the leaves to the root; what is gone counts for nothing."""
    size = len(tree.tags)
    text = tree.direct.copy()
    linked, paragraphs, headers, cards = [0] * size, [0] * size, [0] * size, [0] * size
    tags, parents, direct, gone = tree.tags, tree.parents, tree.direct, tree.gone
    for index in range(size - 1, 0, -1):
        if gone[index]:
            continue
        tag, own = tags[index], text[index]
        if tag == "a":
            linked[index] = own
        elif tag in _PARAGRAPHS:
            paragraphs[index] = max(0, own - 2 * linked[index])
        elif tag in HEADERS:
            headers[index] = 1
            if own and linked[index] > _TITLE_LINKED * own and _leads_away(tree.elements[index]):
                cards[index] = 1
        elif direct[index] >= _RUN:
            paragraphs[index] += direct[index]
        parent = parents[index]
        text[parent] += own
        linked[parent] += linked[index]
        paragraphs[parent] += paragraphs[index]
        headers[parent] += headers[index]
        cards[parent] += cards[index]
    return _Sums(text, linked, paragraphs, headers, cards)


def _leads_away(header: etree._Element) -> bool:
    link = next((element for element in islice(header.iter(), _LOOK) if element.tag == "a"), None)
    return link is not None and not link.get("href", "#").startswith("#")


def _furniture(tree: _Tree, sums: _Sums, away: int) -> bytearray:
    """Marks what is furniture, and all below it. `away` is what its attributes may say for it."""
    tags, parents, says = tree.tags, tree.parents, tree.says
    gone = bytearray(len(tags))
    in_header = bytearray(len(tags))
    for index in range(1, len(tags)):
        parent, tag = parents[index], tags[index]
        if gone[parent]:
            gone[index] = 1
        elif tag == "header" or (in_header[parent] and tag not in INLINE and tags[parent] not in HEADERS):
            # Of the header of a page or an article its headers stay, not the date and the author.
            gone[index] = not sums.headers[index] and tag not in HEADERS and sums.text[index] <= _MOST * sums.text[0]
            in_header[index] = sums.text[index] <= _MOST * sums.text[0]
        elif says[index] or tag not in _SAFE:
            gone[index] = _is_furniture(tree, sums, index, away)
    return gone


def _is_furniture(tree: _Tree, sums: _Sums, index: int, away: int) -> bool:
    tag, says, text = tree.tags[index], tree.says[index], sums.text[index]
    part = text / max(1, sums.text[0])
    if says & away & Says.HIDDEN:
        return True
    if tag in _SAFE:
        return False
    if tag == "button":
        return tree.tags[tree.parents[index]] not in HEADERS
    if tag in INLINE:
        if tag == "a" and 0 < text <= 2 and (tree.elements[index].text or "").strip() in _ANCHORS:
            return True
        return bool(away & Says.FURNITURE and says & (Says.MARK | Says.CAPTION))
    if tag == "aside":
        return bool(away & Says.FURNITURE and not says & Says.NOTE)
    if tag in ("form", "figcaption"):
        return part <= _MOST
    named = says & away & ~Says.HIDDEN
    if not named or says & Says.EMBEDDED:
        return False
    if part > _MUCH and says & Says.CONTENT and not says & Says.COMMENTS:
        return False
    return part <= (_NEARLY_EVERYTHING if named & Says.COMMENTS else _MOST)


def _smallest(tree: _Tree, sums: _Sums) -> int:
    """The smallest element with nearly all paragraphs: down from the root until what would be lost counts."""
    paragraphs = sums.paragraphs
    children: dict[int, list[int]] = {}
    for index in range(1, len(paragraphs)):
        if paragraphs[index] and not tree.gone[index]:
            children.setdefault(tree.parents[index], []).append(index)
    line = _down(paragraphs, children, 0)
    says_so = _say_so(tree, paragraphs, line)
    inside = False
    for place, (at, best) in enumerate(pairwise(line)):
        inside = inside or tree.tags[at] in SECTIONS
        if tree.tags[best] in _LEAVES or _belongs_together(tree, paragraphs, children[at], best, inside):
            return at
        part = paragraphs[best] / paragraphs[at]
        if part < _NEARLY_ALL:
            second = max((child for child in children[at] if child != best), key=paragraphs.__getitem__, default=-1)
            rival = second >= 0 and paragraphs[second] > _BESIDE * paragraphs[best]
            if part < _HALF or not says_so[place + 1]:
                return at
            if rival and _say_so(tree, paragraphs, _down(paragraphs, children, second))[0]:
                return at
    return line[-1]


def _belongs_together(tree: _Tree, paragraphs: list[int], children: list[int], best: int, inside: bool) -> bool:
    """Whether the best child stands beside paragraphs, or within an article beside others of its kind."""
    if sum(paragraphs[child] for child in children if tree.tags[child] in _LEAVES) > _RUN:
        return True
    if not inside or tree.tags[best] in ("td", "tr"):
        return False
    kind = (tree.tags[best], tree.elements[best].get("class"))
    like = [child for child in children if (tree.tags[child], tree.elements[child].get("class")) == kind]
    return sum(paragraphs[child] for child in like) - paragraphs[best] > max(_RUN, _TWIN * paragraphs[best])


def _down(paragraphs: list[int], children: dict[int, list[int]], at: int) -> list[int]:
    """The line from an element down through the child with most paragraphs each time."""
    line = [at]
    while at in children:
        at = max(children[at], key=paragraphs.__getitem__)
        line.append(at)
    return line


def _say_so(tree: _Tree, paragraphs: list[int], line: list[int]) -> list[bool]:
    """Whether each element of a line, or one nearly as large below it, says that it is the content."""
    found = [False] * len(line)
    for place in range(len(line) - 1, -1, -1):
        at = line[place]
        if tree.tags[at] in SECTIONS or tree.says[at] & Says.BODY:
            found[place] = True
        elif place + 1 < len(line) and found[place + 1]:
            found[place] = paragraphs[line[place + 1]] >= _NEARLY_ALL * paragraphs[at]
    return found


def _clear(tree: _Tree, sums: _Sums, content: int) -> None:
    """Takes out what is furniture in the content, its blocks of links and its cards."""
    tags, parents, gone = tree.tags, tree.parents, tree.gone
    for index in range(content + 1, len(tags)):
        parent = parents[index]
        if parent < content:
            break
        if gone[parent]:
            gone[index] = 1
        elif gone[index] or (tags[index] not in INLINE and _leads_elsewhere(tags, sums, index, content)):
            gone[index] = 1
            _take_out(tree.elements[index])


def _leads_elsewhere(tags: list[str], sums: _Sums, index: int, content: int) -> bool:
    text = sums.text[index]
    if sums.linked[index] > (_LINKED_PARAGRAPH if tags[index] in _PARAGRAPHS else _LINKED) * text:
        return True
    cards = sums.cards[index]
    return cards >= 2 and text < _CARD * cards and text < _MOST * sums.text[content]
