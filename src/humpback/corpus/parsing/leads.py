"""Leads: what stands as an introduction between the title of a page and its content."""

from __future__ import annotations

import re

from lxml import etree

from humpback.corpus.parsing.boilerplate import INLINE
from humpback.corpus.parsing.outline import PARAGRAPHS, Sums, Tree, ends_sentence

_LEAD = 40
_NAMED = 80
_OUTSIDE = 160
"""Characters of a lead in the header of the content, of what is called an introduction, and of a subtitle, at least."""
_LINKED = 0.5
_MOST = 3
"""Leads of a page, at most."""
_INTROS = re.compile(
    r"(?<![a-z])(?:lead(?:er|in)?|lede|intro(?:duction)?|excerpt|teaser|preface|vorspann|anrei(?:ss|ß)er|chap(?:o|eau)"
    r"|bajada|copete|entradilla|ingress|perex|occhiello)(?:-?te?xto?)?(?![a-z])",
    re.IGNORECASE,
)
_SUBTITLES = re.compile(
    r"(?<![a-z])(?:dek|deck|standfirst|sub-?title|sub-?head\w*|summary|description|abstract)(?:-?te?xto?)?(?![a-z])",
    re.IGNORECASE,
)


def leads_of(tree: Tree, sums: Sums, content: int) -> list[int]:
    """What stands as a lead between the title of the page and its content, outside of both."""
    headers = [at for at in range(1, content) if tree.tags[at] in ("h1", "h2", "h3") and not tree.removed[at]]
    title = next((at for at in reversed(headers) if tree.tags[at] == "h1"), headers[-1] if headers else 0)
    above = [content]
    while above[-1] > 0:
        above.append(tree.parents[above[-1]])
    leads: list[int] = []
    passed = {title} if headers else set()
    for index in range(title + 1, content):
        if tree.removed[index] or tree.parents[index] in passed:
            passed.add(index)
        elif (
            index not in above and tree.tags[index] not in INLINE and _is_lead(tree, sums, index, titled=bool(headers))
        ):
            leads.append(index)
            passed.add(index)
    return leads[:_MOST]


def _is_lead(tree: Tree, sums: Sums, index: int, *, titled: bool) -> bool:
    """Whether an element in front of the content is a standfirst: by its name, or behind a title by its form."""
    element = tree.elements[index]
    if not _may_lead(tree, sums, index):
        return False
    if _INTROS.search(_names(element)):
        return sums.text[index] >= _NAMED
    long_enough = titled and sums.text[index] >= _OUTSIDE
    return bool(long_enough and (_SUBTITLES.search(_names(element)) or ends_sentence(element)))


def holds_lead(tree: Tree, sums: Sums, index: int) -> bool:
    """Whether an element in the header of the content is a standfirst, or may hold one."""
    element = tree.elements[index]
    if not _may_lead(tree, sums, index):
        return False
    nests = tree.direct[index] < _LEAD and len(element) and tree.tags[index] not in PARAGRAPHS
    return bool(
        nests or _SUBTITLES.search(_names(element)) or _INTROS.search(_names(element)) or ends_sentence(element)
    )


def _may_lead(tree: Tree, sums: Sums, index: int) -> bool:
    text = sums.text[index]
    return text >= _LEAD and sums.linked[index] <= _LINKED * text and tree.tags[index] != "figcaption"


def _names(element: etree._Element) -> str:
    return f"{element.get('class', '')} {element.get('itemprop', '')}"
