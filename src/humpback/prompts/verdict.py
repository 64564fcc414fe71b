"""Reads the verdict from the reply of a judge that compared two texts.

The line that was asked for decides ('Verdict: A'), as `statements` finds it, and it must name one of the two, or a tie;
reasons may follow. One that says anything else ('A or B', 'neither') makes the reply unparsed, and so do two that
differ. There is no default.
"""

from __future__ import annotations

import re
from typing import Literal

from humpback.prompts.statements import Statement, field_of, json_objects, own_words, verdict_of
from humpback.records import FinishReason

Choice = Literal["first", "second", "tie"]
Verdict = Literal["first", "second", "tie", "unparsed", "truncated"]
"""What a judge said; 'unparsed' and 'truncated' are no verdict."""

# Runs of marks are bounded: a reply of a hundred thousand asterisks costs no more than another.
_MARKS = r"[\s*_`\"'’”#]{0,12}"
_OPENERS = r"[\s*_`\"'‘“(\[{<]{0,12}"
_LABEL = r"(?:(?<!\w)(?:verdict|winner|urteil|veredicto)(?!\w)|结论|判定|裁决|胜者)"
_STATEMENT = re.compile(
    rf"{_LABEL}{_MARKS}(?::|=>?|-+>|→|is(?!\w)|[-–—](?=\s)){_OPENERS}|\[\[\s{{0,3}}(?=\w)", re.IGNORECASE
)
_BARE = re.compile(r"[\s*_`\"'(\[{<]{0,12}(?=\S)")
_CHOICE = re.compile(
    r"(?:(?:the\s)?(?:reply|response|answer|assistant|option)\s)?"
    r"(?:(?P<tie>(?:an?\s)?(?:tie|draw)|tied|平局|unentschieden|empate)|(?P<one>[AB]))(?!\w)"
    r"[*_`\"'’”)\]}>]{0,12}(?:\s(?:is\s(?:the\s)?(?:clearly\s|slightly\s|much\s)?(?:better|winner)|wins)\b)?"
    r"[.!*_`\"'’”)\]}>]{0,12}[ \t]{0,8}"
    r"(?:(?=\n|\Z)|(?=(?:because|since|as|for|due\sto)\s)"
    r"|(?<=\.[ \t])(?=\w)|\(|[,;:–—-]{1,2}[ \t](?!(?:and|or|but)\b|[AB]\W{0,4}(?:\n|\Z)))",
    re.IGNORECASE,
)
_FIELDS = [
    re.compile(rf"(?:final[\W_]?)?{_LABEL}", re.IGNORECASE),
    re.compile("choice|better|preferred", re.IGNORECASE),
]


def parse_verdict(reply: str, finish_reason: FinishReason) -> Verdict:
    """Reads the verdict that a reply states: for the text shown first, for the second, or a tie.

    Args:
        reply: What the judge wrote; its reasoning is not searched.
        finish_reason: Why it stopped. Where its limit cut it off before a verdict, or right behind one that may have
            gone on ('A' may be the beginning of 'A tie'), the verdict is 'truncated'.
    """
    text = own_words(reply)
    objects = list(json_objects(text))
    statements: list[Statement[Choice]] = []
    for begin, end, content in objects:
        if values := field_of(content, _FIELDS):
            choices = {
                _choice(_CHOICE.fullmatch(value.strip())) if isinstance(value, str) else None for value in values
            }
            statements.append(Statement(begin, end, choices.pop() if len(choices) == 1 else None))
    statements += [
        _statement(text, match)
        for match in _STATEMENT.finditer(text)
        if not any(begin <= match.start() < end for begin, end, _ in objects)
    ]
    bare = None if statements else _BARE.match(text)
    if bare:
        # Without a label, a verdict is the whole reply or nothing.
        statement = _statement(text, bare)
        statements = [] if text[statement.end :].strip() else [statement]
    stated = verdict_of(text, statements)
    cut = finish_reason == "length"
    if stated is None or stated.value is None or (cut and stated.end == len(text)):
        return "truncated" if cut else "unparsed"
    return stated.value


def _statement(text: str, match: re.Match[str]) -> Statement[Choice]:
    choice = _CHOICE.match(text, match.end())
    return Statement(match.start(), choice.end() if choice else match.end(), _choice(choice))


def _choice(match: re.Match[str] | None) -> Choice | None:
    if match is None:
        return None
    return "tie" if match["tie"] else "first" if match["one"].upper() == "A" else "second"
