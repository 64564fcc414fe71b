"""The smallest element of a page that holds nearly all paragraphs, and what beside it belongs to it."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from humpback.corpus.parsing.boilerplate import LONGEST, PANELS, SECTIONS, Says
from humpback.corpus.parsing.outline import LOOK, RUN, Sums, Tree
from humpback.corpus.parsing.sections import words

_LEAVES = words("p ul ol table tbody blockquote pre dl li")
"""Elements that are never the whole content: they stand in it. A table for layout is none of them."""
_TABLE = words("table tbody thead tr td th")
_TABLE_DEEP = 4
_CELL_BLOCKS = words("p div table h1 h2 h3 h4 center article section ul blockquote")
"""A cell that holds one of these, and most of its table, is no cell of data."""
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
_UNLINKED = 0.1
"""The part of a text that is linked, at most, where it is not told by its headers that it belongs to its twin."""
_BUILT = re.compile(
    r"(?:elementor-element|vc_custom|et_pb_\w*?|fusion-builder-(?:row|column)|wp-container|tdi|brxe|fl-node|uagb-block"
    r"|ast-\w*?|stk|kt-\w*?|kb-\w*?|gb-\w*?|module|row|section|block|c)[-_][0-9a-z]*\d[0-9a-z]*"
)
"""Classes of a single element, as page builders give them: 'elementor-element-446a39d', 'et_pb_row_3'."""


class _Children(dict[int, list[int]]):
    """The elements with paragraphs in each element, looked for when they are asked for: a few of all are."""

    def __init__(self, tree: Tree, paragraphs: list[int]) -> None:
        super().__init__()
        self._tree, self._paragraphs = tree, paragraphs

    def __missing__(self, at: int) -> list[int]:
        removed, ends = self._tree.removed, self._tree.ends
        inside: list[int] = []
        child, end = at + 1, ends[at]
        while child < end:
            if self._paragraphs[child] and not removed[child]:
                inside.append(child)
            child = ends[child]
        self[at] = inside
        return inside


def smallest(tree: Tree, sums: Sums) -> int:
    """The smallest element with nearly all paragraphs: down from the root until what would be lost counts."""
    paragraphs = sums.paragraphs
    children = _Children(tree, paragraphs)
    line = _down(paragraphs, children, 0)
    says_so = _say_so(tree, paragraphs, line)
    deepest = max((depth for depth, index in enumerate(line) if _says_body(tree, index)), default=0)
    inside = within = False
    whole = paragraphs[0]
    """What the next step is measured by: many small losses are not to add up to a large one."""
    for depth, (at, best) in enumerate(pairwise(line)):
        inside = inside or tree.tags[at] in SECTIONS
        within = within or inside or (depth > 1 and bool(tree.meaning(at) & (Says.BODY | Says.CONTENT)))
        if tree.tags[best] in _LEAVES and not _is_layout(tree, sums, line[depth + 1 :]):
            return at
        if _belongs_together(tree, sums, children[at], best, inside):
            return at
        companions = set()
        if tree.tags[best] != "main":
            companions = _companions(tree, sums, children, best, within, depth < deepest)
        if companions:
            kinds = {tag_and_class(tree, child) for child in (best, *companions)}
            for child in children[at]:
                if child > best and paragraphs[child] < _SMALL * paragraphs[best] and tree.tags[child] in PANELS:
                    tree.removed[child] = tag_and_class(tree, child) not in kinds
            return at
        part = paragraphs[best] / paragraphs[at]
        if paragraphs[best] < _NEARLY_ALL * whole:
            if part < _HALF or not says_so[depth + 1]:
                return at
            whole = paragraphs[best]
    return line[-1]


def _is_layout(tree: Tree, sums: Sums, line: list[int]) -> bool:
    """Whether a line that begins with a table or a part of one goes through a cell that holds nearly all of it."""
    for at in line[:_TABLE_DEEP]:
        if tree.tags[at] not in _TABLE:
            return False
        if tree.tags[at] in ("td", "th"):
            blocks = any(inner.tag in _CELL_BLOCKS for inner in tree.elements[at][:LOOK])
            return blocks and sums.paragraphs[at] >= _NEARLY_ALL * sums.paragraphs[line[0]]
    return False


def _companions(tree: Tree, sums: Sums, children: _Children, best: int, within: bool, says_so: bool) -> set[int]:
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


def tag_and_class(tree: Tree, index: int) -> tuple[str, str]:
    """What an element has in common with others of its kind."""
    return tree.tags[index], _unnumbered(tree.elements[index].get("class", "")[:LONGEST])


@lru_cache(maxsize=1 << 12)
def _unnumbered(classes: str) -> str:
    """Classes without those of a single element, as page builders give them: 'element-446a39d', 'row_3'."""
    return " ".join(name for name in classes.split() if not _BUILT.fullmatch(name))


def _says_body(tree: Tree, index: int) -> bool:
    return tree.tags[index] in SECTIONS or bool(tree.meaning(index) & Says.BODY)


def _belongs_together(tree: Tree, sums: Sums, children: list[int], best: int, inside: bool) -> bool:
    """Whether the best child stands beside paragraphs, or within an article beside others of its kind."""
    paragraphs = sums.paragraphs
    few = RUN
    if tree.tags[best] in _LEAVES:
        few = paragraphs[best] + max(RUN, int(_SMALL * paragraphs[best]))
    if sum(paragraphs[child] for child in children if tree.tags[child] in _LEAVES) > few:
        return True
    if tree.tags[best] in ("td", "tr"):
        return False
    kind = tag_and_class(tree, best)
    if kind[1] and not inside:
        alike = [child for child in children if tag_and_class(tree, child) == kind and child != best]
        texts = [child for child in alike if sums.linked[child] <= _UNLINKED * sums.text[child]]
        if sum(paragraphs[child] for child in texts if paragraphs[child] > 2 * RUN) > _COMPANION * paragraphs[best]:
            return True
    if not inside and (not sums.headers[best] or kind == ("div", "")):
        return False
    like = [child for child in children if tag_and_class(tree, child) == kind and (inside or sums.headers[child])]
    return sum(paragraphs[child] for child in like) - paragraphs[best] > max(RUN, _TWIN * paragraphs[best])


def _down(paragraphs: list[int], children: _Children, at: int) -> list[int]:
    """The line from an element down through the child with most paragraphs each time."""
    line = [at]
    while children[at]:
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
