"""Captions: what is written below a picture, where nothing but its place and its form says so."""

from __future__ import annotations

from contextlib import suppress

from lxml import etree

from humpback.corpus.parsing.boilerplate import INLINE
from humpback.corpus.parsing.outline import Sums, Tree, ends_sentence, text_before, text_of
from humpback.corpus.parsing.sections import words

_AROUND = words("p div center figure a span")
"""Elements that hold a picture and its caption."""
_SLANTED = words("em i small sub")
_NESTED = 6
"""Elements around a picture in which nothing else stands, at most."""
_CAPTION, _ICON = 160, 64
"""Characters of what is written below a picture, at most; pixels of a picture that is none."""


def mark_captions(tree: Tree, sums: Sums, content: int) -> None:
    """Marks what is written below pictures, where nothing but its place and its form say so."""
    index = content
    with suppress(ValueError):
        while True:
            index = tree.tags.index("img", index + 1, tree.ends[content])
            for at in () if _is_small(tree.elements[index]) else _below(tree, sums, index, content):
                tree.removed[at] = 1


def _below(tree: Tree, sums: Sums, picture: int, content: int) -> list[int]:
    """The caption of a picture: the rest of a small element that holds both, or a slanted line behind it."""
    box, parent = picture, tree.parents[picture]
    for _ in range(_NESTED):
        if parent <= content or sums.text[parent]:
            break
        box, parent = parent, tree.parents[parent]
    if tree.removed[parent]:
        return []
    below = tree.ends[box]
    broken = below < len(tree.tags) and tree.tags[below] == "br"
    while below < len(tree.tags) and tree.parents[below] == parent and tree.tags[below] == "br":
        below += 1
    if parent > content and sums.text[parent] <= _CAPTION and tree.tags[parent] in _AROUND:
        apart = broken or not tree.direct[parent]
        is_text = sums.headers[parent] or text_before(tree, box) or ends_sentence(tree.elements[parent])
        return [parent] if apart and not is_text else []
    if below < len(tree.tags) and tree.parents[below] == parent and 0 < sums.text[below] <= _CAPTION:
        beside_text = tree.tags[below] in INLINE and tree.direct[parent]
        return [below] if not beside_text and _is_slanted(tree.elements[below], sums.text[below]) else []
    return []


def _is_slanted(element: etree._Element, chars: int) -> bool:
    """Whether all text of an element is set in italics or small."""
    if element.tag not in _SLANTED and len(element):
        element = element[0]
    return element.tag in _SLANTED and len(text_of(element).strip()) >= chars


def _is_small(picture: etree._Element) -> bool:
    return any(
        size.isdecimal() and int(size) <= _ICON for size in (picture.get("width", ""), picture.get("height", ""))
    )
