"""Text that a page holds and shows only by its scripts, or without them: templates, frames, data for search engines."""

from __future__ import annotations

import json
import re
from html import escape, unescape

_INSIDE = re.compile(
    r"<(noscript|template)\b[^<>]{0,2000}>(.*?)</\1\s*>"
    r"|<script\b[^<>]{0,500}type\s*=\s*[\"']?(?:text/(?:template|html|x-[\w-]+|ng-template)|(application/ld\+json))[^<>]{0,500}>"
    r"(.*?)</script\s*>"
    r"|<iframe\b[^<>]{0,2000}?\bsrcdoc\s*=\s*(?:\"([^\"]*)\"|'([^']*)')",
    re.IGNORECASE | re.DOTALL,
)
_OPENING = re.compile(r"<(?:noscript|template|script|iframe)\b", re.IGNORECASE)
_MOST = 300
"""Elements of these kinds, so that none that is not closed can make the search quadratic."""
_BODIES = ("articleBody", "text")
_SHORTEST = 100
_TAG = re.compile(r"<[^<>]*>")
_BODY = re.compile(r"<(?:p|br|div|li)\b", re.IGNORECASE)


def revealed(text: str) -> str:
    """A page with such text in its place, as HTML; nothing if it has none."""
    if not any(
        mark in text for mark in ("<noscript", "<template", "/template", "srcdoc", "articleBody", "text/x-", "ld+json")
    ):
        return ""
    if len(_OPENING.findall(text)) > _MOST:
        return ""
    shown = _INSIDE.sub(_show, text)
    return shown if shown != text else ""


def _show(match: re.Match[str]) -> str:
    _, element, is_data, script, *frames = match.groups()
    if is_data:
        bodies = "".join(map(_paragraphs, _articles(script)))
        return f"<article>{bodies}</article>" if bodies else match[0]
    inside = element or script or unescape(next(filter(None, frames), ""))
    if "<" not in inside:
        inside = unescape(inside)
    return f"<div>{inside}</div>" if len(_TAG.sub("", inside).strip()) >= _SHORTEST else match[0]


def _articles(script: str) -> list[str]:
    """The texts of articles, questions and answers in JSON-LD, in the order of the data."""
    begin, end = script.find("{"), script.rfind("}") + 1
    if script.lstrip().startswith("["):
        begin, end = script.find("["), script.rfind("]") + 1
    try:
        ahead = [json.loads(script[begin:end], strict=False)]
    except (ValueError, RecursionError):
        return []
    bodies: list[str] = []
    while ahead:
        value = ahead.pop()
        if isinstance(value, list):
            ahead += value[::-1]
        elif isinstance(value, dict):
            bodies += (
                value[key]
                for key in _BODIES
                if len(str(value.get(key, ""))) >= _SHORTEST and isinstance(value[key], str)
            )
            ahead += [inner for inner in value.values() if isinstance(inner, (list, dict))][::-1]
    return bodies


def _paragraphs(body: str) -> str:
    body = unescape(body)
    if _BODY.search(body):
        return body
    return "".join(f"<p>{escape(line)}</p>" for line in body.split("\n") if line.strip())
