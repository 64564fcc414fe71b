"""Tells what a model thought from what it answered, by the marks that models put around their reasoning.

Takes any text, gives its reasoning and its answer. Marks inside code are text, and so is a mark that a sentence names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TAGS = ("think(?:ing)?", "thoughts?", "reasoning", "reflection", "scratchpad", "thought_process", "seed:think")
_FORMS = (
    *((rf"(?i:<{tag}(?:\s[^<>\n]{{0,60}})?>)", rf"(?i:</{tag}\s?>)") for tag in _TAGS),
    (r"◁think▷", r"◁/think▷"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|channel>thought", r"<channel\|>"),
    (
        r"(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)[^<\n]{0,80}<\|message\|>",
        r"<\|(?:end|call)\|>|(?=<\|start\|>|<\|channel\|>)",
    ),
)
"""How each kind of reasoning begins and ends. The last is gpt-oss's."""

# What encloses a whole reply, seen from its first word: gpt-oss without its control tokens, and Granite.
_WHOLE = (
    re.compile(
        r"\s*(?:assistant)?analysis(?:(?P<thought>.*?)assistantfinal(?P<answer>.*)|(?=[^\W\d_a-z])(?P<cut>.*))\Z",
        re.DOTALL,
    ),
    re.compile(
        r"\s*Here is my thought process:(?:(?P<thought>.*?)Here is my response:(?P<answer>.*)|(?P<cut>.*))\Z", re.DOTALL
    ),
)
_HINT = re.compile("think|thought|reasoning|reflection|scratchpad|channel", re.IGNORECASE)
_CODE = r"^[ \t]*(?P<fence>`{3,}+|~{3,}+).*?^[ \t]*(?P=fence)|(?<!`)`{1,2}+[^`\n]{1,200}`"
_MARK = re.compile(
    rf"(?P<code>{_CODE})|"
    + "|".join(f"(?P<open{kind}>{opening})" for kind, (opening, _) in enumerate(_FORMS))
    + "|"
    + "|".join(f"(?P<close{kind}>{closing})" for kind, (_, closing) in enumerate(_FORMS[:-1])),
    re.DOTALL | re.MULTILINE,
)
_CLOSINGS = [re.compile(rf"(?P<code>{_CODE})|(?P<close>{closing})", re.DOTALL | re.MULTILINE) for _, closing in _FORMS]
_ANYWHERE = [re.compile(rf"(?<!`)(?:{closing})(?!`)") for _, closing in _FORMS]

# What some models put around the answer that follows: no part of it.
_ENVELOPES = (
    re.compile(r"(?i:<(?P<name>answer|response|output|solution|final)>)(?P<answer>.*?)(?i:</(?P=name)>)?\Z", re.DOTALL),
    re.compile(
        r"(?:<\|start\|>assistant)?<\|channel\|>final[^<\n]{0,80}<\|message\|>(?P<answer>.*?)(?:<\|(?:return|end)\|>)?\Z",
        re.DOTALL,
    ),
    re.compile(r"<\|begin_of_solution\|>(?P<answer>.*?)(?:<\|end_of_solution\|>)?\Z", re.DOTALL),
    re.compile(r"<\|START_RESPONSE\|>(?P<answer>.*?)(?:<\|END_RESPONSE\|>)?\Z", re.DOTALL),
)
_NAMED = re.compile(r"\W*(?:and|or|to|und|et|y)?\W*")
_QUOTES = ('"', "'", "“", "‘", "«", "`")


def split_reasoning(text: str) -> tuple[str, str]:
    """The reasoning in a text, and the answer.

    Reasoning that is opened and never closed goes on to the end. Where it is closed and was never opened, it began with
    the text. Several pieces are joined by an empty line.

    Returns:
        Reasoning and answer without white space around them; '' and the text as it is where nothing marks reasoning.
    """
    for form in _WHOLE:
        if match := form.match(text):
            return (match["thought"] or match["cut"] or "").strip(), (match["answer"] or "").strip()
    if not _HINT.search(text):
        return "", text
    thoughts: list[str] = []
    answer, begin = "", 0
    for start, inner, inner_end, end in _blocks(text):
        if start is None:  # never opened: all that stands before is reasoning
            thoughts.append(answer + text[begin:inner_end])
            answer = ""
        else:
            thoughts.append(text[inner:inner_end])
            answer = _joined(answer, text[begin:start])
        begin = end
    if begin == 0:
        enveloped = _ENVELOPES[1].match(text.strip())  # gpt-oss that answers at once
        return "", enveloped["answer"].strip() if enveloped else text
    answer = _joined(answer, text[begin:]).strip()
    for envelope in _ENVELOPES:
        if match := envelope.match(answer):
            answer = match["answer"].strip()
    return "\n\n".join(filter(None, map(str.strip, thoughts))), answer


def _joined(left: str, right: str) -> str:
    """Two pieces of an answer between which reasoning stood."""
    before, after = left.rstrip(), right.lstrip()
    if not before or not after:
        return before or after
    gap = left[len(before) :] + right[: len(right) - len(after)]
    return before + ("\n\n" if "\n" in gap else " ") + after


def _blocks(text: str) -> Iterator[tuple[int | None, int, int, int]]:
    """Where reasoning stands: its begin (None where it was never opened), its text from and to, its end."""
    position = begin = 0
    while mark := _MARK.search(text, position):
        kind = mark.lastgroup or ""
        position = mark.end()
        before = text[max(begin, text.rfind("\n", 0, mark.start()) + 1) : mark.start()].strip()
        if kind.startswith("open"):
            end = _closing(text, int(kind[4:]), mark.end())
            if end is None and not before:
                yield mark.start(), mark.end(), len(text), len(text)
                return
            if end is not None:
                position = end[1]
                # 'between <think> and </think>' names the marks.
                if not before or not _NAMED.fullmatch(text, mark.end(), end[0]):
                    yield mark.start(), mark.end(), *end
                    begin = position
        elif kind.startswith("close") and not before.endswith(_QUOTES):
            yield None, begin, mark.start(), position
            begin = position


def _closing(text: str, kind: int, start: int) -> tuple[int, int] | None:
    """Where the mark that closes begins and ends; one inside code only where code was begun and never ended."""
    for match in _CLOSINGS[kind].finditer(text, start):
        if match.lastgroup == "close":
            return match.span()
    spans = [match.span() for match in _ANYWHERE[kind].finditer(text, start)]
    return spans[-1] if spans else None
