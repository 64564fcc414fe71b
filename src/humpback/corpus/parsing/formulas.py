"""Formulas of a web page as TeX between dollar signs, in the place where they stand.

TeX that the page carries is taken as it is: scripts, annotations of MathML, texts of pictures. Other MathML is written
as TeX. What a script has drawn beside it goes.
"""

from __future__ import annotations

import re

from lxml import etree

from humpback.corpus.parsing.outline import text_of

_DRAWN = re.compile(r"(?:^|\s)(?:katex|MathJax\w*|MJX\w*|mjx-\w+|mwe-math-element)(?=\s|$)")
_TEX = ("application/x-tex", "TeX", "latex", "application/x-latex")
_MATHML = ("math", "m:math", "mml:math")
_PICTURED = re.compile(r"(?:^|[\s_-])(?:tex|latex|math\w*|formula|equation|eqn?|mwe)(?=$|[\s_-])", re.IGNORECASE)
_PICTURE = re.compile(r"latex|mathtex|mimetex|texrender|cht=tx|/math/", re.IGNORECASE)
_SURELY_TEX = re.compile(r"\$.*\$|.*\\[a-zA-Z]{2,}.*|\S{0,20}[A-Za-z0-9)}]\^[{\w].*", re.DOTALL)
_STYLE = re.compile(r"^\{\\(?:displaystyle|textstyle)\s*(.*)\}$", re.DOTALL)
_LONGEST = 2_000
_DEEPEST = 40
_AROUND = 6
"""Elements around a formula that may be what a script has drawn."""
_FORMS = {
    "msup": "{0}^{1}",
    "msub": "{0}_{1}",
    "msubsup": "{0}_{1}^{2}",
    "mover": "{0}^{1}",
    "munder": "{0}_{1}",
    "munderover": "{0}_{1}^{2}",
    "mfrac": "\\frac{{{0}}}{{{1}}}",
    "mroot": "\\sqrt[{1}]{{{0}}}",
}
_BARE = ("mfrac", "mroot")
UNREADABLE = "[formula]"
"""Stands for a formula that is only drawn, so that its segment is dropped."""


def write_formulas(root: etree._Element) -> None:
    """Puts the TeX of each formula in its place."""
    found = list(root.iter("script", "mjx-container", *_MATHML))
    for script in found:
        if script.tag != "script" or not script.get("type", "").startswith("math/"):
            continue
        drawn = script.getprevious()
        while drawn is not None and _DRAWN.search(drawn.get("class", "")) and not (drawn.tail or "").strip():
            drawn.clear()
            drawn = drawn.getprevious()
        _write(script, script.text or "")
    for formula in found:
        if formula.tag not in _MATHML:
            continue
        notes = [note.text for note in formula.iter("annotation") if note.get("encoding") in _TEX and note.text]
        tex = (notes[0] if notes else formula.get("alttext")) or _tex(formula)
        parent = formula.getparent()
        if parent is not None and formula.getprevious() is None and formula.getnext() is None:
            # MathML beside a picture of the formula is hidden from those who see.
            parent.attrib.pop("style", None)
        _write(_drawn_around(formula), tex)
    for drawn in found:
        if drawn.tag == "mjx-container":
            _write(drawn, next((node.get("data-latex") for node in drawn.iter() if node.get("data-latex")), UNREADABLE))


def pictured(picture: etree._Element) -> str:
    """The TeX of a picture of a formula between dollar signs, or nothing if it is none."""
    text = picture.get("alt", "")[:_LONGEST]
    is_formula = (
        _SURELY_TEX.fullmatch(text)
        or _PICTURED.search(picture.get("class", ""))
        or _PICTURE.search(picture.get("src", "")[:_LONGEST])
    )
    return _in_dollars(text or UNREADABLE) if is_formula else ""


def _drawn_around(formula: etree._Element) -> etree._Element:
    outermost = around = formula
    for _ in range(_AROUND):
        around = around.getparent()
        if around is None:
            break
        if around.tag == "mjx-container" or _DRAWN.search(around.get("class", "")):
            outermost = around
    return outermost


def _write(element: etree._Element, tex: str) -> None:
    tex = _in_dollars(tex)
    if tex and element.getparent() is not None:
        element.clear(keep_tail=True)
        element.tag, element.text = "span", tex


def _in_dollars(tex: str) -> str:
    tex = _STYLE.sub(r"\1", " ".join(tex[:_LONGEST].split()).strip("$ "))
    return f"${tex}$" if tex not in ("", UNREADABLE) else tex


def _tex(element: etree._Element, depth: int = 0) -> str:
    """MathML as TeX."""
    tag = element.tag.rpartition(":")[2] if isinstance(element.tag, str) else ""
    if depth > _DEEPEST or tag in ("mi", "mn", "mo", "mtext", "ms"):
        text = text_of(element).strip()
        return f"{text} " if tag in ("mi", "mtext") and len(text) > 1 else text
    if not tag or tag.startswith("annotation") or tag == "mphantom":
        return ""
    parts = [_tex(child, depth + 1).strip() if tag in _FORMS else _tex(child, depth + 1) for child in element]
    if tag in _FORMS and len(parts) == _FORMS[tag].count("{0}") + _FORMS[tag].count("{1}") + _FORMS[tag].count("{2}"):
        return _FORMS[tag].format(*(parts if tag in _BARE else map(_braced, parts)))
    if tag == "msqrt":
        return f"\\sqrt{{{''.join(parts)}}}"
    if tag == "mfenced":
        return f"{element.get('open', '(')}{', '.join(parts)}{element.get('close', ')')}"
    return {"mtable": r" \\ ", "mtr": " & "}.get(tag, "").join(parts)


def _braced(part: str) -> str:
    return part if len(part) == 1 or part.endswith(")") else f"{{{part}}}"
