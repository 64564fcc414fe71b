"""The furniture of real pages: everything around the article, with a gap where the article was.

A page's gap is the smallest element that holds nearly all of the lines that its gold text has too. Pages where lines of
the article stay behind elsewhere are left out, and so is structured data that repeats the article.
"""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from lxml import html as lxml_html

CONTENT = "<!--@@content@@-->"
TITLE = "@@title@@"

_SPACE = re.compile(r"\s+")
_CHARSET = re.compile(r"<meta[^>]+charset[^>]*>", re.IGNORECASE)
_NEARLY_ALL = 0.9
_LINE = 40
_MAX_LEFT = 0.05
_TOO_SMALL = ("p", "span", "a", "ul", "ol", "li", "tr", "td", "tbody", "table", "h1", "b", "i", "em", "strong", "font")


@dataclass(frozen=True, slots=True)
class Template:
    """A page without its article."""

    name: str
    html: str
    size: int
    titled: bool
    """Whether the page's own h1 stands outside the gap."""


def read_templates(path: Path) -> tuple[tuple[Template, ...], dict[str, list[str]]]:
    """The templates of the gold pages in English, and the gold texts of the others by language."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    templates, foreign = [], {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            language = identifier.classify(row["gold_text"])[0]
            if language != "en":
                foreign.setdefault(language, []).append(row["gold_text"])
            elif template := _template(row["id"], row["html"], row["gold_text"]):
                templates.append(template)
    return tuple(templates), foreign


def _template(name: str, page: str, gold: str) -> Template | None:
    """The page with a gap, or None where its article cannot be cut out cleanly."""
    root = lxml_html.document_fromstring(_CHARSET.sub("", page).encode("utf-8"), parser=_parser())
    said = _SPACE.sub("", gold)
    found = _weights(root, said)
    body = root.find("body")
    if body is None or not found.get(body):
        return None
    gap = body
    while inner := [child for child in gap if found.get(child, 0) >= _NEARLY_ALL * found[body]]:
        if inner[0].tag in _TOO_SMALL:
            break
        gap = inner[0]
    if gap is body:
        return None
    for child in list(gap):
        gap.remove(child)
    gap.text = None
    gap.append(etree.Comment("@@content@@"))
    if _weights(root, said).get(body, 0) > _MAX_LEFT * found[body]:
        return None
    titled = _set_titles(root)
    whole = lxml_html.tostring(root, encoding="unicode", doctype="<!DOCTYPE html>")
    return Template(name, whole, len(whole), titled) if "<head>" in whole else None


def _parser() -> lxml_html.HTMLParser:
    return lxml_html.HTMLParser(encoding="utf-8", huge_tree=True)


def _weights(root: etree._Element, said: str) -> dict[etree._Element, int]:
    """Characters of the article's lines under each element."""
    weights: dict[etree._Element, int] = {}
    for element in root.iter(etree.Element):
        if element.tag in ("script", "style", "noscript", "head"):
            continue
        for text, at in [(element.text, element), *((child.tail, element) for child in element)]:
            line = _SPACE.sub("", text or "")
            if len(line) >= _LINE and line in said:
                for above in (at, *at.iterancestors()):
                    weights[above] = weights.get(above, 0) + len(line)
    return weights


def _set_titles(root: etree._Element) -> bool:
    """Puts the title's mark into the page's title and its first h1, and takes away what repeats the article."""
    for script in list(root.iter("script")):
        if "articleBody" in (script.text or ""):
            script.drop_tree()
    for title in root.findall("head/title"):
        title.text = TITLE
    for header in root.iter("h1"):
        tail = header.tail
        header.clear(keep_tail=False)
        header.text, header.tail = TITLE, tail
        return True
    return False
