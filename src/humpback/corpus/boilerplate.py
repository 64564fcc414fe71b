"""The main content of a web page: what is left when navigation, advertisements and the page's furniture are gone.

Three looks, each linear in the page: elements that never hold content go by tag; elements whose class, id or role names
furniture go unless they hold most of the text; of the rest the smallest element that holds nearly all paragraphs is the
content, and blocks in it that are mostly links go too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from humpback.corpus.sections import words

_NEVER = words(
    "script style noscript template iframe frame frameset svg math canvas video audio object embed applet map button "
    "select input textarea datalist option dialog head nav footer aside menu"
)
_INLINE = words("a abbr b big cite code del em font i ins kbd mark q s samp small span strong sub sup tt u")
_SAFE = words("html body main article pre code h1 h2 h3 h4 h5 h6")
_FURNITURE = words(
    "nav navbar navigation navigator menu submenu breadcrumb breadcrumbs crumbs sidebar footer footnote share sharing "
    "sharebar shares social sociable related recommended recommendation recommendations newsletter subscribe "
    "subscription signup promo promotion promoted advert adverts advertisement advertising ad ads adsense sponsor "
    "sponsored cookie cookies consent gdpr popup modal overlay comment comments commentlist disqus respond pagination "
    "pager toc widget widgets toolbar tags tagcloud byline copyright skip masthead taboola outbrain trending popular "
    "editsection linenos lineno gutter noprint printonly hidden screenreader caption credit meta author bio "
    "follow login rating ratings"
)
_MARKS = words("headerlink editsection anchorjs permalink anchor")
_PARAGRAPHS = words("p pre blockquote li td dd")
_CONTENT = words("article post posts story entry content main blog body text")
_ROLES = words("navigation banner contentinfo complementary search dialog alertdialog menu menubar")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MOST = 0.5
"""An element with more than this part of the page's text is never furniture."""
_MUCH = 0.1
"""So is none with more than this part that is called an article, a post or the content."""
_RUN = 60
"""Text that stands directly in an element counts as a paragraph from this many characters on."""
_NEARLY_ALL = 0.8
"""The content is the smallest element with this part of the text in paragraphs."""
_LINKED = 0.6
"""A block with more than this part of its text in links is navigation."""


@dataclass
class _Weights:
    """Characters under each element: of text, of text in links, of text in paragraphs."""

    text: dict[etree._Element, int] = field(default_factory=dict)
    linked: dict[etree._Element, int] = field(default_factory=dict)
    paragraphs: dict[etree._Element, int] = field(default_factory=dict)


def main_content(root: etree._Element) -> etree._Element:
    """Removes the furniture of a parsed page in place and returns the element that holds its content."""
    for element in list(root.iter(etree.Element)):
        if element is not root and (element.tag in _NEVER or _is_hidden(element)):
            remove(element)
    weights = _weigh(root)
    most = _MOST * weights.text[root]
    for element in list(weights.text):
        if element is not root and weights.text[element] <= most and _is_furniture(element):
            if weights.text[element] > _MUCH * weights.text[root] and _names(element) & _CONTENT:
                continue
            remove(element)
    content = _content(root)
    weights = _weigh(content)
    for element, size in weights.text.items():
        if element is not content and element.tag not in _INLINE and weights.linked[element] > _LINKED * size:
            remove(element)
    return content


def remove(element: etree._Element) -> None:
    """Takes an element out of its tree; the text behind it stays."""
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        before = element.getprevious()
        if before is not None:
            before.tail = (before.tail or "") + " " + element.tail
        else:
            parent.text = (parent.text or "") + " " + element.tail
    parent.remove(element)


def _is_hidden(element: etree._Element) -> bool:
    return "hidden" in element.attrib or bool(_HIDDEN.search(element.get("style", "")))


def _is_furniture(element: etree._Element) -> bool:
    tag = element.tag
    if tag in _SAFE:
        return False
    names = _names(element)
    if tag in _INLINE:
        return bool(names & _MARKS)
    if tag in ("header", "form", "figcaption"):
        return element.find(".//h1") is None
    return bool(names & _FURNITURE) or element.get("role") in _ROLES


def _names(element: etree._Element) -> set[str]:
    return {word.lower() for word in _WORD.findall(f"{element.get('class', '')} {element.get('id', '')}")}


def _weigh(root: etree._Element) -> _Weights:
    weights = _Weights()
    elements = list(root.iter(etree.Element))
    for element in elements:
        weights.text[element] = weights.linked[element] = weights.paragraphs[element] = 0
    for element in reversed(elements):
        direct = _length(element.text) + sum(_length(child.tail) for child in element)
        size = weights.text[element] = weights.text[element] + _length(element.text)
        if element.tag == "a":
            weights.linked[element] = size
        elif element.tag in _PARAGRAPHS:
            weights.paragraphs[element] = max(0, size - 2 * weights.linked[element])
        elif direct >= _RUN:
            weights.paragraphs[element] += direct
        parent = element.getparent()
        if element is root or parent is None:
            continue
        weights.text[parent] += size + _length(element.tail)
        weights.linked[parent] += weights.linked[element]
        weights.paragraphs[parent] += weights.paragraphs[element]
    return weights


def _length(text: str | None) -> int:
    return sum(map(len, text.split())) if text else 0


def _content(root: etree._Element) -> etree._Element:
    weights = _weigh(root)
    if not weights.paragraphs[root]:
        return root
    element = root
    while True:
        best = max(element, key=lambda child: weights.paragraphs.get(child, 0), default=None)
        if best is None or best.tag in ("p", "ul", "ol", "table", "tbody", "blockquote", "pre", "dl", "li"):
            return element
        if weights.paragraphs.get(best, 0) < _NEARLY_ALL * weights.paragraphs[element]:
            return element
        element = best
