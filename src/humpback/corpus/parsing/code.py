"""Code of a web page: its lines without their numbers, and its language."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice, pairwise

from lxml import etree

from humpback.corpus.parsing.sections import words

CODE = words("pre code div table")
"""Elements that may be a block of code."""
LINES = words("div li p tr dd")
"""Elements that are a line of code each, where a page marks lines so."""
_BETWEEN_LINES = words("table tbody thead tr td th ul ol li div")
"""White space directly in or behind these is that of the markup."""
_NUMBER = re.compile(
    r"(?:^|[\s_-])(?:line-?(?:num|number|no|nos)|lineno\w*|line-numbers-\w+|gutter|blob-num|ln-n\w*|crayon-nums?)(?=$|[\s_-])"
    r"|(?:^|\s)lnt?(?=$|\s)"
)
"""Classes of line numbers."""
_LINE = re.compile(r"(?:^|[\s-])line(?=$|\s)")
_NUMBERS = re.compile(r"\s*\d{1,6}(?:\s+\d{1,6})+\s*")
_LANGUAGE = re.compile(r"(?:^|[\s])(?:brush:\s*|lang(?:uage)?-|highlight-(?:source-)?)([A-Za-z0-9+#]{1,20})")
_HIGHLIGHTED = re.compile(r"\b(?:syntaxhighlighter|dp-highlighter|js-file-line-container|crayon-main)\b")
BUTTONS = words("copy copied copied! run raw edit download print") | {
    "copy code", "copy to clipboard", "copy snippet", "try it", "try it yourself", "view raw", "show code", "hide code",
    "run code", "open in playground", "toggle line numbers", "expand", "collapse", "wrap lines",
}  # fmt: skip
"""What the bar of a piece of code says, in lower case."""


def is_code(element: etree._Element) -> bool:
    """Whether an element is a block of code, though it may be no `pre`."""
    if element.tag == "pre":
        return True
    if element.tag == "code":
        has_lines = len(element) and next(element.iter("br", "div", "li", "tr"), None) is not None
        return bool(has_lines) and next(element.iter("p"), None) is None
    names = element.get("class", "")
    return _part_of_code(names) == "code" or (names == "fragment" and element.find("div[@class='line']") is not None)


def fenced(element: etree._Element) -> list[str]:
    """The lines of a block of code between fences. Empty if there is no code in it, only the numbers of its lines."""
    code = _code(element)
    if not code.strip() or _counts(code):
        return []
    fence = "````" if "```" in code else "```"
    return [fence + language(element), *(line.rstrip() for line in code.split("\n")), fence]


def _counts(code: str) -> bool:
    numbers = code.split() if _NUMBERS.fullmatch(code) else []
    return bool(numbers) and all(int(b) == int(a) + 1 for a, b in pairwise(numbers))


def _code(element: etree._Element) -> str:
    if not len(element):
        return (element.text or "").strip("\n")
    parts = ["\n"]
    due = False
    """Whether a line has ended whose break is not written yet."""
    begun: list[tuple[etree._Element, int]] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, child in walk:
        if event == "end":
            text = (child.tail or "") if child is not element else ""
            if begun and begun[-1][0] is child:
                due = begun.pop()[1] == len(parts) or not parts[-1].endswith("\n")
        else:
            part = _part_of_code(child.get("class", "")) if child is not element else ""
            text = "\n" if child.tag == "br" else child.text or ""
            if part == "number":
                walk.skip_subtree()
                text = ""
            elif child is not element and _is_line(child, part):
                if due or not parts[-1].endswith("\n"):
                    parts.append("\n")
                due = False
                begun.append((child, len(parts)))
        if text and not (text.isspace() and child.tag in _BETWEEN_LINES):
            if due and not text.startswith("\n"):
                parts.append("\n")
            due = False
            parts.append(text)
    return "".join(parts).strip("\n")


def _is_line(element: etree._Element, part: str) -> bool:
    if element.tag == "code":
        return element.getparent().tag == "pre"
    return element.tag in LINES or (element.tag == "span" and part == "line")


@lru_cache(maxsize=1 << 12)
def _part_of_code(names: str) -> str:
    """What classes say an element is."""
    for part, pattern in (("number", _NUMBER), ("line", _LINE), ("code", _HIGHLIGHTED)):
        if pattern.search(names):
            return part
    return ""


def language(element: etree._Element) -> str:
    """The language that the classes of a piece of code name, or those of what is directly in it or around it."""
    for candidate in (element, *element[:1], *islice(element.iterancestors(), 2)):
        match = _LANGUAGE.search(candidate.get("class", "") if isinstance(candidate.tag, str) else "")
        if match and match.group(1).lower() not in ("default", "none", "notranslate", "text", "plaintext"):
            return match.group(1).lower()
    return ""
