"""The main content of a web page, without navigation, advertisements and other furniture of the page.

Elements are furniture by their tag, by their name or because they are hidden, unless they hold most of the page. The
content is the smallest remaining element with nearly all paragraphs, and what beside it belongs to it. In it, blocks of
links and cards that lead to other pages are removed too. `outline` has the lists of elements; all work is linear in the
size of the page.
"""

from __future__ import annotations

import re
from itertools import islice, pairwise

from lxml import etree

from humpback.corpus.parsing.boilerplate import FRAMES, HEADERS, INLINE, PANELS, SECTIONS, Says, kind_of, names_say
from humpback.corpus.parsing.outline import LOOK, PARAGRAPHS, RUN, Sums, Tree, add_up, lay_out, take_out
from humpback.corpus.parsing.sections import words

_LEAVES = words("p ul ol table tbody blockquote pre dl li")
"""Elements that are never the whole content: they stand in it."""
_SAFE = words("html body main article pre code") | HEADERS
_PARTS = words("li dt dd tr td th thead tbody tfoot")
"""Parts of lists and tables stay or go with the whole, unless they are longer than this:"""
_PART = 200
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
_NEARLY_ALL = 0.8
"""The content is the smallest element with this part of the text in paragraphs;"""
_HALF = 0.5
"""or with this part, where it says of itself that it is the content and no element beside it says so too,"""
_BESIDE = 0.3
"""of those with this part of its paragraphs."""
_COMPANION = 0.2
"""Behind the best element a section beside it belongs to it if it has this part of its paragraphs."""
_SMALL = 0.05
"""With less than this part, and of another kind, it is an offer or the like."""
_TWIN = 0.02
"""In an article, elements of one kind belong together where the others have this part of the largest one's."""
_LINKED = 0.6
_LINKED_PARAGRAPH = 0.8
"""A block, or a paragraph, with more than this part of its text in links is navigation."""
_CARD = 400
"""Headers that lead to other pages with fewer characters than this to each are cards."""

_OUT_OF_SIGHT = Says.HIDDEN | Says.UNSEEN
_TITLE = 200
_UNIT = 300
_ROW = 3
"""So many elements of a kind with a linked header and fewer characters than this in each are cards of other pages."""
_BESIDE_TEXT = Says.DATE | Says.PICTURE | Says.TEASER
_DATE = 60
"""Characters of a date with its time, at most;"""
_LABEL = 50
"""and of what stands in front of a link to another page, as 'Read also:' does."""
_LEAD = 40
_LEAD_OUTSIDE = 160
"""Characters of a lead in the header of the content, and of one in front of it, at least."""
_LEADS = re.compile(
    r"(?<![a-z])(?:dek|deck|standfirst|lead(?:er|in)?|lede|sub-?title|sub-?head\w*|summary|intro|excerpt|description|abstract"
    r"|teaser|preface|vorspann|chap(?:o|eau)|bajada|copete|entradilla|ingress)(?:-?te?xto?)?(?![a-z])",
    re.IGNORECASE,
)
_WORDS = 5
"""Characters of text around a button that is a word of it."""

_ATTEMPTS = (
    Says.HIDDEN | Says.FURNITURE | Says.COMMENTS,
    Says.HIDDEN | Says.FURNITURE,
    Says.HIDDEN,
    0,
)
"""Attributes that may remove an element. The next set is tried if the one before leaves too little."""


def main_content(root: etree._Element) -> etree._Element:
    """The element that holds the content of a parsed page. Other elements in it are removed in place."""
    tree = lay_out(root)
    totals = add_up(tree)
    _show_panels(tree, totals)
    for away in _ATTEMPTS:
        tree.removed = _furniture(tree, totals, away)
        remaining = add_up(tree)
        if remaining.paragraphs[0] >= min(_FEW, _LITTLE * totals.paragraphs[0]):
            break
    remaining = _without_cards(tree, remaining)
    content = _smallest(tree, remaining)
    leads = _leads(tree, remaining, content)
    _clear(tree, remaining, content)
    found = tree.elements[content]
    for index in reversed(leads):
        lead = tree.elements[index]
        lead.tag, lead.tail, found.text = ("p" if lead.tag in HEADERS else lead.tag), found.text, None
        found.insert(0, lead)
    return found


def _leads(tree: Tree, sums: Sums, content: int) -> list[int]:
    """What stands as a lead between the title of the page and its content, outside of both."""
    headers = [at for at in range(1, content) if tree.tags[at] in ("h1", "h2", "h3") and not tree.removed[at]]
    title = next((at for at in reversed(headers) if tree.tags[at] == "h1"), headers[-1] if headers else content)
    above = [content]
    while above[-1] > 0:
        above.append(tree.parents[above[-1]])
    leads: list[int] = []
    passed = {title}
    for index in range(title + 1, content):
        if tree.removed[index] or tree.parents[index] in passed:
            passed.add(index)
        elif index not in above and tree.tags[index] not in INLINE and _is_lead(tree, sums, index, whole=True):
            leads.append(index)
            passed.add(index)
    return leads[:_ROW]


def _show_panels(tree: Tree, sums: Sums) -> None:
    """What is hidden but for a click, as slides, tabs and answers are, no longer says that it is hidden.

    It is one of several of a kind, of which another one is seen, or each of which has its title before it.
    """
    hidden = [index for index, says in enumerate(tree.says) if says & _OUT_OF_SIGHT and sums.paragraphs[index] >= RUN]
    kinds = {kind: [0, 0] for index in hidden if (kind := kind_of(tree.elements[index]))}
    if not kinds:
        return
    for index, element in enumerate(tree.elements):
        if tree.tags[index] in PANELS and sums.paragraphs[index] >= RUN and (kind := kind_of(element)) in kinds:
            kinds[kind][bool(tree.says[index] & _OUT_OF_SIGHT)] += 1
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
    groups: dict[tuple[int, str, str | None], list[int]] = {}
    if sums.cards[0] < _ROW:
        return sums
    for index, cards in enumerate(sums.cards):
        if cards == 1 and not tree.removed[index] and sums.text[index] < _UNIT and tree.tags[index] in PANELS:
            kind = (tree.parents[index], *_tag_and_class(tree, index))
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
    tags, parents, says = tree.tags, tree.parents, tree.says
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
                removed[index] = not (sums.headers[index] or (header in titled and _is_lead(tree, sums, index)))
                in_header[index] = header
        elif says[index] or tag not in _SAFE:
            removed[index] = _is_furniture(tree, sums, index, away)
    return removed


def _is_furniture(tree: Tree, sums: Sums, index: int, away: int) -> bool:
    tag, says, text = tree.tags[index], tree.says[index], sums.text[index]
    part = text / max(1, sums.text[0])
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
    if tag in ("form", "figcaption"):
        return part <= _MOST
    reasons = says & away & ~Says.HIDDEN
    if not reasons or says & Says.EMBEDDED or _is_titled(tree.elements[index]):
        return False
    if any(inner.tag == "pre" for inner in tree.elements[index][:LOOK]):
        return False
    if part > _MUCH and says & Says.CONTENT and not says & (Says.COMMENTS | Says.RELATED):
        return False
    return part <= (_NEARLY_EVERYTHING if says & (Says.COMMENTS | Says.RELATED) else _MOST)


def _is_beside_text(tree: Tree, sums: Sums, index: int) -> bool:
    """Whether it is a date by itself, a picture with what is written below it, or a teaser of another page."""
    tag, says, text, parent = tree.tags[index], tree.says[index], sums.text[index], tree.parents[index]
    if tag in _PARTS or tree.tags[parent] in _PARTS:
        return False
    if tag == "time" or says & Says.DATE:
        return text <= _DATE and tree.direct[parent] < _WORDS
    if says & Says.PICTURE and text <= _UNIT:
        return next(tree.elements[index].iter("img"), None) is not None
    return bool(says & Says.TEASER and sums.linked[index] and text <= _MUCH * sums.text[0])


def _is_lead(tree: Tree, sums: Sums, index: int, *, whole: bool = False) -> bool:
    """Whether an element is a standfirst, or may hold one where it need not be one as a whole."""
    element, text = tree.elements[index], sums.text[index]
    if text < (_LEAD_OUTSIDE if whole else _LEAD) or sums.linked[index] > _HALF * text or element.tag == "figcaption":
        return False
    if tree.direct[index] < _LEAD and len(element) and tree.tags[index] not in PARAGRAPHS and not whole:
        return True
    names = f"{element.get('class', '')} {element.get('itemprop', '')}"
    return bool(_LEADS.search(names)) or "".join(element.itertext()).rstrip().endswith((".", "!", "?", "…", '."', ".”"))


def _in_a_sentence(tree: Tree, index: int) -> bool:
    """Whether a button stands between the words of a text."""
    return tree.direct[tree.parents[index]] >= _WORDS and bool((tree.elements[index].tail or "").strip())


def _is_titled(element: etree._Element) -> bool:
    """Whether its name is the title of the section that it is: a section on cookies is no banner for them."""
    name, kind = element.get("id"), element.get("class", "")
    if not name or names_say(kind) & (Says.FURNITURE | Says.COMMENTS):
        return False
    header = next((inner for inner in islice(element.iter(), LOOK) if inner.tag in HEADERS), None)
    title = _letters("".join(header.itertext())) if header is not None else ""
    if header is None or not title or not _letters(name).endswith(title):
        return False
    return bool(_SECTION.fullmatch(kind)) or any(link.get("href", "").startswith("#") for link in header.iter("a"))


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.lower()))


def _smallest(tree: Tree, sums: Sums) -> int:
    """The smallest element with nearly all paragraphs: down from the root until what would be lost counts."""
    paragraphs = sums.paragraphs
    children: dict[int, list[int]] = {}
    for index in range(1, len(paragraphs)):
        if paragraphs[index] and not tree.removed[index]:
            children.setdefault(tree.parents[index], []).append(index)
    line = _down(paragraphs, children, 0)
    says_so = _say_so(tree, paragraphs, line)
    deepest = max((depth for depth, index in enumerate(line) if _says_body(tree, index)), default=0)
    inside = within = False
    whole = paragraphs[0]
    """What the next step is measured by: many small losses are not to add up to a large one."""
    for depth, (at, best) in enumerate(pairwise(line)):
        inside = inside or tree.tags[at] in SECTIONS
        within = within or inside or (depth > 1 and bool(tree.says[at] & (Says.BODY | Says.CONTENT)))
        if tree.tags[best] in _LEAVES or _belongs_together(tree, sums, children[at], best, inside):
            return at
        companions = set()
        if tree.tags[best] != "main":
            companions = _companions(tree, sums, children, best, within, depth < deepest)
        if companions:
            kinds = {_tag_and_class(tree, child) for child in (best, *companions)}
            for child in children[at]:
                if child > best and paragraphs[child] < _SMALL * paragraphs[best] and tree.tags[child] in PANELS:
                    tree.removed[child] = _tag_and_class(tree, child) not in kinds
            return at
        part = paragraphs[best] / paragraphs[at]
        if paragraphs[best] < _NEARLY_ALL * whole:
            if part < _HALF or not says_so[depth + 1]:
                return at
            whole = paragraphs[best]
    return line[-1]


def _companions(
    tree: Tree, sums: Sums, children: dict[int, list[int]], best: int, within: bool, says_so: bool
) -> set[int]:
    """The elements beside the best one that belong to it: others that say so too, or sections of the same content.

    What stands behind the best one must be larger, since there authors, advice and offers stand.

    Args:
        tree: The page.
        sums: What is in each element.
        children: The elements with paragraphs in each element.
        best: The largest element of those beside one another.
        within: Whether they are in what says that it is content.
        says_so: Whether the best one, or something in it, says that it is the content.
    """
    paragraphs = sums.paragraphs
    beside = [
        child
        for child in children[tree.parents[best]]
        if child != best and paragraphs[child] >= RUN and tree.tags[child] != "header"
    ]
    companions = set()
    for child in beside:
        if sums.cards[child] or (child > best and paragraphs[child] <= _COMPANION * paragraphs[best]):
            continue
        is_section = sums.headers[child] and sums.linked[child] < _BESIDE * sums.text[child]
        if (within and is_section and paragraphs[child] > 2 * RUN) or (
            says_so and _say_so(tree, paragraphs, _down(paragraphs, children, child))[0]
        ):
            companions.add(child)
    return companions


def _tag_and_class(tree: Tree, index: int) -> tuple[str, str | None]:
    return tree.tags[index], tree.elements[index].get("class")


def _says_body(tree: Tree, index: int) -> bool:
    return tree.tags[index] in SECTIONS or bool(tree.says[index] & Says.BODY)


def _belongs_together(tree: Tree, sums: Sums, children: list[int], best: int, inside: bool) -> bool:
    """Whether the best child stands beside paragraphs, or within an article beside others of its kind."""
    paragraphs = sums.paragraphs
    if sum(paragraphs[child] for child in children if tree.tags[child] in _LEAVES) > RUN:
        return True
    if tree.tags[best] in ("td", "tr"):
        return False
    kind = _tag_and_class(tree, best)
    if not inside and (not sums.headers[best] or kind == ("div", None)):
        return False
    like = [child for child in children if _tag_and_class(tree, child) == kind and (inside or sums.headers[child])]
    return sum(paragraphs[child] for child in like) - paragraphs[best] > max(RUN, _TWIN * paragraphs[best])


def _down(paragraphs: list[int], children: dict[int, list[int]], at: int) -> list[int]:
    """The line from an element down through the child with most paragraphs each time."""
    line = [at]
    while at in children:
        at = max(children[at], key=paragraphs.__getitem__)
        line.append(at)
    return line


def _say_so(tree: Tree, paragraphs: list[int], line: list[int]) -> list[bool]:
    """Whether each element of a line, or one nearly as large below it, says that it is the content."""
    says_so = [False] * len(line)
    for depth in range(len(line) - 1, -1, -1):
        at = line[depth]
        if _says_body(tree, at):
            says_so[depth] = True
        elif depth + 1 < len(line) and says_so[depth + 1]:
            says_so[depth] = paragraphs[line[depth + 1]] >= _NEARLY_ALL * paragraphs[at]
    return says_so


def _clear(tree: Tree, sums: Sums, content: int) -> None:
    """Takes out what is furniture in the content, its blocks of links and its cards."""
    tags, parents, removed = tree.tags, tree.parents, tree.removed
    for index in range(content + 1, len(tags)):
        parent = parents[index]
        if parent < content:
            break
        if removed[parent]:
            removed[index] = 1
        elif removed[index] or _leads_elsewhere(tree, sums, index, content):
            removed[index] = 1
            take_out(tree.elements[index])


def _leads_elsewhere(tree: Tree, sums: Sums, index: int, content: int) -> bool:
    tag, text = tree.tags[index], sums.text[index]
    if tag in INLINE or tag in ("h1", "h2"):
        return False
    if tag not in _PARTS and sums.linked[index] > _HALF * text and _is_label(tree, index, text - sums.linked[index]):
        return True
    if tag in HEADERS or sums.paragraphs[index] > _MOST * sums.paragraphs[content]:
        return False
    if text < _PART and (tag in _PARTS or (tag == "p" and tree.tags[tree.parents[index]] in _PARTS)):
        return False
    if sums.linked[index] > (_LINKED_PARAGRAPH if tag in PARAGRAPHS else _LINKED) * text:
        return True
    cards = sums.cards[index]
    return cards >= 2 and text < _CARD * cards and text < _MOST * sums.text[content]


def _is_label(tree: Tree, index: int, chars: int) -> bool:
    """Whether all that stands outside of its links is a few words with a colon in front of them: 'Read also: ...'."""
    before, parted, behind = "".join(tree.elements[index].itertext()).partition(":")
    return bool(parted and behind.strip()) and 0 <= chars - len(before.strip()) <= 2 and 0 < chars <= _LABEL
