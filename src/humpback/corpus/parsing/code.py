"""Code of a web page: its lines without their numbers, and its language."""

from __future__ import annotations

import re
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
_NUMBERS = re.compile(r"\s*\d+(?:\s+\d+)+\s*")
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
        return element.find(".//p") is None and next(element.iter("br", "div", "li", "tr"), None) is not None
    names = element.get("class")
    return names is not None and _HIGHLIGHTED.search(names) is not None


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
    parts = ["\n"]
    due = False
    """Whether a line has ended whose break is not written yet."""
    begun: list[int] = []
    skipped: etree._Element | None = None
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, child in walk:
        is_line = child is not element and child is not skipped and child.tag in LINES
        text = (child.text if event == "start" else child.tail if child is not element else "") or ""
        if event == "start":
            if child is not element and _NUMBER.search(child.get("class", "")):
                walk.skip_subtree()
                skipped, text = child, ""
            elif is_line:
                if due or not parts[-1].endswith("\n"):
                    parts.append("\n")
                due = False
                begun.append(len(parts))
            elif child.tag == "br":
                text = "\n"
        elif is_line:
            due = begun.pop() == len(parts) or not parts[-1].endswith("\n")
        if text and not (text.isspace() and child.tag in _BETWEEN_LINES):
            if due and not text.startswith("\n"):
                parts.append("\n")
            due = False
            parts.append(text)
    return "".join(parts).strip("\n")


def language(element: etree._Element) -> str:
    """The language that the classes of a piece of code name, or those of what is directly in it or around it."""
    for candidate in (element, *element[:1], *islice(element.iterancestors(), 2)):
        match = _LANGUAGE.search(candidate.get("class", "") if isinstance(candidate.tag, str) else "")
        if match and match.group(1).lower() not in ("default", "none", "notranslate", "text", "plaintext"):
            return match.group(1).lower()
    return ""
