"""What is wrong with settings, in words: every mistake, and the name or value that was probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from humpback.config.base import Settings

_BRANCHES = ("literal['paper']", "literal['all']", "constrained-int")
"""What pydantic puts behind a name to say which of two types it has tried."""
_ALIKE = 0.7
"""Similarity from which on a name is offered in place of one that is unknown."""


def mistakes(settings: dict[str, Any], kind: type[Settings], folder: Path | None = None) -> list[str]:
    """Every mistake, those too that validation finds only once the others are out of the way.

    Args:
        settings: What was read.
        kind: What it should be.
        folder: What paths are relative to.
    """
    return _mistakes_and_valid(settings, kind, folder)[0]


def without_mistakes(settings: dict[str, Any], kind: type[Settings]) -> dict[str, Any]:
    """The settings that are right: those of a newer version, as far as this one knows them."""
    return _mistakes_and_valid(settings, kind, None)[1]


def _mistakes_and_valid(
    settings: dict[str, Any], kind: type[Settings], folder: Path | None
) -> tuple[list[str], dict[str, Any]]:
    remaining = deepcopy(settings)
    lines: dict[str, None] = {}
    taken_out: set[str] = set()
    while True:
        try:
            kind.model_validate(remaining, context=folder)
        except ValidationError as error:
            clauses = {_in_words(item, kind): item["loc"] for item in error.errors()}
        else:
            break
        # Where a mistake was taken out, its default stands, and what that contradicts is no mistake of the user.
        lines |= {line: None for line in clauses if not taken_out.intersection(re.findall(r"\w+", line))}
        removed = {_take_out(remaining, location) for location in clauses.values()} - {""}
        if not removed:
            break
        taken_out |= removed
    return list(lines), remaining


def _in_words(mistake: ErrorDetails, kind: type[Settings]) -> str:
    path = [str(step) for step in mistake["loc"] if step not in _BRANCHES]
    if mistake["type"] == "extra_forbidden":
        message = "is not a setting" + _did_you_mean(closest_setting(path, kind))
    elif mistake["type"] == "model_type":
        message = "is a group of settings: write them below it, such as " + next(_names_below(path, kind), "NAME")
    elif mistake["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", mistake["ctx"]["expected"])
        close = get_close_matches(str(mistake["input"]), choices, 1)
        message = mistake["msg"] + _did_you_mean(f"'{close[0]}'" if close else "")
    else:
        message = mistake["msg"].removeprefix("Value error, ")
    if not path:
        return message
    setting = ".".join([*path, message.partition(" ")[0]])  # what contradicts itself begins with a setting of its group
    if setting in _names(kind, path):
        return ".".join([*path, message])
    return f"{'.'.join(path)} {message[0].lower() + message[1:]}"


def _take_out(settings: dict[str, Any], location: Sequence[int | str]) -> str:
    """Takes the setting at a place out, and gives its name; empty where there is none."""
    group: dict[str, Any] = {}
    name, value = "", settings
    for step in location:
        if not isinstance(value, dict) or step not in value:
            break
        group, name, value = value, str(step), value[step]
    if name not in group:
        return ""
    del group[name]
    return name


def closest_setting(path: Sequence[str], kind: type[Settings]) -> str:
    """The setting most like one that is unknown, of the same group where two are as much like it; else empty.

    Args:
        path: The unknown setting, step by step.
        kind: The settings that it was written for.
    """
    group, last = ".".join(path[:-1]), path[-1]

    def likeness(name: str) -> tuple[float, bool, bool]:
        its_group, _, its_last = name.rpartition(".")
        return SequenceMatcher(None, last, its_last).ratio(), its_group == group, name.startswith(group)

    best = max(_names(kind, path), key=likeness)
    return best if likeness(best)[0] >= _ALIKE else ""


def _did_you_mean(name: str) -> str:
    return f" (did you mean {name}?)" if name else ""


def _names_below(path: Sequence[str], kind: type[Settings]) -> Iterator[str]:
    group = ".".join(path) + "."
    return (name for name in _names(kind, path) if name.startswith(group))


def _names(kind: type[Settings], path: Sequence[str]) -> Iterator[str]:
    """Every setting and group; where groups have names of the user's, that in the path or 'NAME'."""
    for name, field in kind.model_fields.items():
        yield name
        if (group := _group_in(field.annotation)) is not None:
            below = list(path[1:]) if path[:1] == [name] else []
            key = f"{below.pop(0) if below else 'NAME'}." if get_origin(field.annotation) is dict else ""
            yield from (f"{name}.{key}{inner}" for inner in _names(group, below))


def _group_in(annotation: Any) -> type[Settings] | None:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    return next((group for part in get_args(annotation) if (group := _group_in(part))), None)
