"""What is taken out of a piece wherever it stands, so that the rest can be read alone.

A bracket that only sends the reader elsewhere ('see Section 9.6.2'), one that is empty, a link without words, and lines
of markup that was meant for a program: shortcodes, tags. Code stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from humpback.corpus.languages import pattern_of

_EMPTY = re.compile(r"(?P<name>\b[A-Z]\w*) \([ ,;:]*\)(?=[ ,.;:]|$)|(?<![\w!])\[ ?\]\([^()\s]{0,2000}\)", re.MULTILINE)
"""A bracket that lost a name's pronunciation or its picture; a link without words."""
_TAGS = re.compile(
    r"^[ \t]*(?:\{\{[^{}\n]{0,300}\}\}|\{%[^{}\n]{0,300}%\}|</?(?:hr|br|div|p|center|details|section)\b[^<>\n]{0,200}>"
    r"|\[/?(?:gallery|caption|embed|video|audio|youtube|playlist|contact-form|toc|more)\b[^\[\]\n]{0,300}\])+[ \t]*\n?",
    re.MULTILINE,
)
_MARKS = (
    "{{",
    "{%",
    "<hr",
    "<br",
    "<div",
    "</",
    "<p",
    "[gallery",
    "[caption",
    "[embed",
    "[/",
    "[video",
    "[toc",
    "[more",
)
_CODE = re.compile(
    r"^ {0,12}(?:> ?)*(`{3,}|~{3,}).*?^ {0,12}(?:> ?)*\1[^\n]*$|`[^`\n]{1,400}`", re.MULTILINE | re.DOTALL
)
_PAGE = r"(?:above|below|opposite|overleaf|(?:figure|photo|photograph|image|picture|diagram|chart|screenshot)s?)"
DOTTED = re.compile(r"\d[.–-]\d")
_NEAR = 100
"""Characters around a reference in which a word of the law makes it one to a law, which a reader can look up."""


def without_asides(text: str, languages: tuple[str, ...]) -> str:
    """The text without what leads nowhere.

    Args:
        text: Markdown.
        languages: Those of the settings; their phrases say what a reference is.
    """
    patterns = [_EMPTY] if "()" in text or "[]" in text or "( " in text else []
    if "(" in text or "（" in text:
        patterns.append(_reference(languages))
    if any(mark in text for mark in _MARKS):
        patterns.append(_TAGS)
    for pattern in patterns:
        if pattern.search(text):
            text = _outside_code(pattern, text, languages)
    return text


def _outside_code(pattern: re.Pattern[str], text: str, languages: tuple[str, ...]) -> str:
    code = [match.span() for match in _CODE.finditer(text)]
    kept: list[str] = []
    copied = 0
    for match in pattern.finditer(text):
        start, name = match.start(), match.groupdict().get("name") or ""
        if any(begin <= start < end for begin, end in code) or (text[start] in "(（" and is_legal(match, languages)):
            continue
        before = text[copied:start]
        kept += [before if name else before.removesuffix(" "), name]
        copied = match.end()
    return re.sub(r"\n{3,}", "\n\n", "".join([*kept, text[copied:]])).strip("\n") if kept else text


def is_legal(reference: re.Match[str], languages: tuple[str, ...]) -> bool:
    """Whether a reference to a part, such as 'Section 5', is one to a law or a contract by the words around it."""
    if DOTTED.search(reference.group()):
        return False
    around = reference.string[max(0, reference.start() - _NEAR) : reference.end() + _NEAR].lower()
    return re.search(pattern_of(languages, "law"), around) is not None


@cache
def _reference(languages: tuple[str, ...]) -> re.Pattern[str]:
    """A bracket with nothing but references to numbered things and parts, or to places of the page."""
    see, things, parts = (pattern_of(languages, section) for section in ("see", "things", "parts"))
    other = rf"(?! ?(?:{pattern_of(languages, 'of')}))"
    numbered = rf"(?:{things}|{parts}){other}"
    several = rf"(?:(?:, |; | and | or | & |、)(?:(?:{see}) )?(?:{numbered}|[\d.]{{1,8}}))*"
    also = r"(?:also |the |e\.g\.,? |for example,? |\w{1,3} )?"
    inside = (
        rf"(?:{see})[ ,:]{{0,2}}{also}{numbered}{several}(?:[,:] [^()\n]{{1,80}})?"
        rf"|(?:(?:{things}){other}|(?=[^()]{{0,40}}\d\.\d)(?:{parts})){several}(?:{pattern_of(languages, 'shows')})?"
        r"|see (?:also )?(?:the )?[\"“'][^\"”'()\n]{1,60}[\"”'](?: section)?,? (?:above|below)"
        rf"|(?:(?:as )?(?:{see}|shown|seen|pictured|illustrated),? )(?:in )?(?:the )?(?:\w{{1,15}} )?{_PAGE}"
    )
    return re.compile(rf"[(（](?:{inside})\.?[)）]", re.IGNORECASE)
