"""The text of a chat template, made fit for training: it knows no clock, and asks for an answer as it shows one."""

from __future__ import annotations

import json
from datetime import date, datetime

_FROZEN = (
    "{%- macro strftime_now(format) %}{% set day = namespace(text=format) %}"
    "{% for mark, value in VALUES.items() %}{% set day.text = day.text | replace(mark, value) %}{% endfor %}"
    "{{ day.text }}{% endmacro %}{{ '' }}"
)
_ASKING = (
    "{%- set asks_for_answer = add_generation_prompt %}{% set add_generation_prompt = false %}{{ '' }}"
    "TEMPLATE{{ OPENING if asks_for_answer else '' }}"
)


def with_fixed_date(template: str, day: date) -> str:
    """The template with a date of its own where it asks for today's."""
    if "strftime_now" not in template or template.startswith(_FROZEN.partition("VALUES")[0]):
        return template
    midnight = datetime(day.year, day.month, day.day)
    values = {f"%{sign}": midnight.strftime(f"%{sign}") for sign in "AaBbcDdFHIjMmpSTUuwXxYyZz"}
    values |= {"%-d": str(day.day), "%-m": str(day.month), "%e": f"{day.day:2}", "%%": "%"}
    return _FROZEN.replace("VALUES", json.dumps(values)) + template


def asking_with(template: str, head: str, question: str, before: str) -> str | None:
    """The template, such that whoever asks with its generation prompt asks as was trained.

    A template may open an answer as it never shows one, with the beginning of a thought, or not at all. It then gets
    the opening that it shows. What it shows and does not ask with, such as an empty thought, is learnt: it stays.

    Args:
        template: The Jinja text.
        head: What it writes of a user's turn with its answer, as far as the answer.
        question: What it writes of the user's turn with a generation prompt.
        before: What it writes of it without.

    Returns:
        The template; None where the opening cannot be told from what comes before.
    """
    if head.startswith(question) and (question != before or not head[len(question) :].strip()):
        return template
    if not head.startswith(before):
        return None
    opening = json.dumps(head[len(before) :], ensure_ascii=False)
    return _ASKING.replace("OPENING", opening).replace("TEMPLATE", template.removesuffix("\n"))
