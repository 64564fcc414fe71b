"""The text of a chat template, made fit for training: it knows no clock, and asks for an answer as it shows one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from humpback.errors import ModelError

Turns = Sequence[dict[str, Any]]
Render = Callable[[Turns, bool], str]
"""Given turns, and whether the generation prompt is to follow, the text."""

_FROZEN = (
    "{%- macro strftime_now(format) %}{% set day = namespace(text=format) %}"
    "{% for mark, value in VALUES.items() %}{% set day.text = day.text | replace(mark, value) %}{% endfor %}"
    "{{ day.text }}{% endmacro %}{{ '' }}"
)
_AGREEING = (
    "{%- set asks_for_answer = add_generation_prompt %}{% set add_generation_prompt = false %}{{ '' }}"
    "TEMPLATE{{ OPENING if asks_for_answer else '' }}"
)


def with_fixed_date(template: str, day: str) -> str:
    """The template with a date of its own where it asks for today's.

    Args:
        template: The Jinja text.
        day: The date, as YYYY-MM-DD.
    """
    start = _FROZEN.partition("VALUES")[0]
    if "strftime_now" not in template or template.startswith(start):
        return template
    midnight = date.fromisoformat(day)
    plain = {f"%{sign}": midnight.strftime(f"%{sign}") for sign in "AaBbcDdFHIjMmpSTUuwXxYyZz"}
    short = {"%-d": str(midnight.day), "%-m": str(midnight.month), "%e": f"{midnight.day:2}", "%%": "%"}
    return _FROZEN.replace("VALUES", json.dumps(plain | short)) + template


def agreeing(template: str, render: Render, turns: Turns, answer: str) -> str:
    """The template, such that whoever asks with its generation prompt asks as was trained.

    A template may open an answer as it never shows one: with the beginning of a thought, or not at all. It then gets
    the opening that it shows. What it shows and does not ask with, such as an empty thought, is learnt: it stays.

    Args:
        template: The Jinja text.
        render: Renders with it.
        turns: A conversation that ends with an answer.
        answer: A mark that stands for the answer.

    Raises:
        ModelError: The opening cannot be told from what comes before.
    """
    head = render(turns, False).partition(answer)[0]
    asked, before = render(turns[:-1], True), render(turns[:-1], False)
    if head.startswith(asked) and (asked != before or not head[len(asked) :].strip()):
        return template
    if not head.startswith(before):
        raise ModelError("it asks for an answer in another way than it shows one", "give the model another template")
    text = _AGREEING.replace("OPENING", json.dumps(head[len(before) :], ensure_ascii=False))
    return text.replace("TEMPLATE", template.removesuffix("\n"))
