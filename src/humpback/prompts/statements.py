"""Which statement of a reply is its verdict: the first in the model's own words, unless the model corrects itself.

What is quoted, reported of a text or only supposed is none. What a model writes behind its verdict is not searched.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, TypeVar

from humpback.prompts.reasoning import split_reasoning

Value = TypeVar("Value")

_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufe0e\ufe0f\ufeff\u20e3]")
_BEFORE, _AFTER = 300, 120
"""Characters around a statement that say what kind it is."""
_JSON_TRIES = 20
"""Braces that may begin an object."""

# Before a statement the end of the text is matched (\Z), behind it the beginning.
_SENTENCE_END = re.compile(r"\n|[.!?;:…|][*_\"'’”)\]]{0,6}\s|[。！？；]|[{,]\s{0,4}(?=[\"'][^\"']*\Z)")
_LEAD = re.compile(
    r"(?:[\W_]|\d+[.)])*(?:(?:final|overall|total|my|the|your|this|assigned|revised|corrected|new|so|therefore|"
    r"thus|hence|on reflection|on second thoughts?|actually|sorry|correction|"
    r"gesamt\w*|综合|总体|最终|总|總|総合)[\W_]*){0,4}\Z",
    re.IGNORECASE,
)
"""What may stand in its sentence before a verdict that leads it: 'My final score: 4'."""
_REPORTED = re.compile(
    r"\b(?:text|response|reply|answer|instruction|document|author|writer|passage|it|which|that|who)\b[^.!?\n]{0,40}"
    r"\b(?:claim|sa(?:y|id)|stat|assert|declar|insist|suggest|pretend|demand|ask|tell|told|instruct|request|contain|"
    r"read|end|includ|award|giv|rat|grad|promis|quot)\w{0,4}\b(?:[^.!?\n]|(?<=:)\s{1,4}){0,80}\Z",
    re.IGNORECASE,
)
"""Says that the text that is judged states it: 'The response claims that its score is'."""
_SUPPOSED = re.compile(
    r"\b(?:if|unless|had it|were it|to (?:get|reach|earn|deserve|merit)|than|at first|initially|first thought)\b"
    r"|\b(?:not|never|cannot)\b.{0,30}\Z|n['’]t\b.{0,30}\Z|\bwould be\W*\Z",
    re.IGNORECASE,
)
"""Says that it does not hold, or held once: 'if it had sources,', 'not a', 'at first'."""
_SUPPOSED_BEHIND = re.compile(r"[ \t]*(?:would|could|might|means?|requires?|needs|if|unless|is what)\b", re.IGNORECASE)
_CONDITION = re.compile(r"[^.!?\n]*\b(?:if|unless|had it|were it)\b", re.IGNORECASE)
_CORRECTION = re.compile(
    r"\b(?:on (?:reflection|second thoughts?)|correct\w*|revis\w+|re-?(?:consider|evaluat|assess)\w*|actually|wait|no,|"
    r"instead|chang\w+ my|sorry|mistake\w*|final|overall|adjust\w*)\b",
    re.IGNORECASE,
)
"""Between two statements, the second of which is then the one that counts."""
_RUN_ON = re.compile(
    r"^[ \t]*(?:</?(?:instruction|response|text|user|assistant)\b|<\||-{3,}|#{1,6} ?(?:instruction|response)"
    r"|[#*_ ]{0,6}(?:instruction|response|reply|question|user|human|assistant|prompt|input|example)\b[^\n:]{0,12}:)",
    re.IGNORECASE | re.MULTILINE,
)
"""The model goes on with a further pair of its own making: what it says of that is no verdict."""
_ECHO = re.compile(r"<((?:instruction|response|text)(?:-\d+)?)>.{0,4000}?</\1>", re.DOTALL)
_QUOTED = re.compile(
    r"(?<!\w)\"(?=\S)[^\"]{0,1000}(?<=\S)\"(?!\w)|“[^”]{0,1000}”|„[^“”]{0,1000}[“”]|«[^»]{0,1000}»|「[^」]{0,1000}」"
    r"|(?<!\w)['‘](?=\S)[^'‘’\n]{0,300}(?<=\S)['’](?!\w)|`[^`\n]{0,300}`"
)


@dataclass(frozen=True, slots=True)
class Statement(Generic[Value]):
    """Something that a reply states.

    Attributes:
        begin: Where its label begins.
        end: Behind its value.
        value: What it states; None where that can be no verdict.
        wishes: Whether it says what should or would be.
        leads: Whether it begins a line or a sentence.
    """

    begin: int
    end: int
    value: Value | None
    wishes: bool = False
    leads: bool = False


def own_words(reply: str) -> str:
    """What a reply answers, without its reasoning; digits of every script as 0 to 9."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", split_reasoning(reply)[1]))
    if text.isascii():
        return text
    return re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), text).replace("٫", ".")


def verdict_of(text: str, statements: Iterable[Statement[Value]]) -> Statement[Value] | None:
    """The statement that counts; without a value where two contradict each other, None where there is none."""
    ignored = [span.span() for span in _ECHO.finditer(text)]
    ignored += [span.span() for span in _QUOTED.finditer(text) if _has_words_around(text, *span.span())]
    meant = [
        replace(statement, leads=bool(_LEAD.match(_sentence_before(text, statement))))
        for statement in sorted(statements, key=lambda statement: statement.begin)
        if not any(begin <= statement.begin and statement.end <= end for begin, end in ignored)
        and _is_meant(text, statement)
    ]
    leading = [statement for statement in meant if statement.leads]
    meant = [statement for statement in leading if not statement.wishes] or leading or meant
    counted = meant[0] if meant else None
    for previous, statement in pairwise(meant):
        between = text[previous.end : statement.end]
        if _RUN_ON.search(between):
            break
        if counted and statement.value != counted.value:
            counted = statement if _CORRECTION.search(between) else replace(counted, value=None)
    return counted


def json_objects(text: str) -> Iterator[tuple[int, int, dict[str, object]]]:
    """The objects of JSON in a text: where each begins and ends, and what is in it."""
    decoder, position = json.JSONDecoder(strict=False), -1
    for _ in range(_JSON_TRIES):
        position = text.find("{", position + 1)
        if position < 0:
            return
        try:
            content, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            continue
        yield position, end, content
        position = end - 1


def field_of(content: object, names: Sequence[re.Pattern[str]]) -> list[object]:
    """The values under the first of these names that an object has; else those in the objects inside it."""
    if not isinstance(content, dict):
        return []
    for name in names:
        if values := [value for key, value in content.items() if name.fullmatch(key) and not isinstance(value, dict)]:
            return values
    inner = [
        value for key, value in content.items() if isinstance(value, dict) and any(n.fullmatch(key) for n in names)
    ]
    return [inner_value for value in inner or content.values() for inner_value in field_of(value, names)]


def _sentence_before(text: str, statement: Statement[Value]) -> str:
    return _SENTENCE_END.split(text[max(0, statement.begin - _BEFORE) : statement.begin])[-1]


def _is_meant(text: str, statement: Statement[Value]) -> bool:
    """Whether the model states it itself: it neither reports nor supposes it, nor quotes it with '>'."""
    before = text[max(0, statement.begin - _BEFORE) : statement.begin]
    behind = text[statement.end : statement.end + _AFTER]
    if _REPORTED.search(before) or _SUPPOSED_BEHIND.match(behind):
        return False
    sentence = _sentence_before(text, statement)
    if _LEAD.match(sentence) and not statement.wishes:
        return True
    return not (_SUPPOSED.search(sentence) or _CONDITION.match(behind))


def _has_words_around(text: str, begin: int, end: int) -> bool:
    line = text[text.rfind("\n", 0, begin) + 1 : begin] + text[end : end + _AFTER].split("\n", 1)[0]
    return any(map(str.isalpha, line))
