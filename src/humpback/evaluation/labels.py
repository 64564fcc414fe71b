"""Labels of pairs: which column holds them, what kind they are, and what they say.

Takes the rows of a table and gives a `Label` for each row that has one. A label is yes or no, a number, or a rank among
the answers to one prompt. Columns can be nested: `labels.quality.0` is the first item of `quality` in `labels`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from humpback.data_access.rows import Values
from humpback.errors import InputError

Kind = Literal["binary", "number", "rank"]

LABEL_NAMES = (
    *("label", "rank", "rating", "score", "quality", "grade", "good", "is_good", "gold", "correct"),
    *("human_rank", "human_rating", "human_score", "overall_score"),
)
"""Usual names, the likeliest first."""
GROUP_NAMES = ("prompt_id", "group_id", "group", "question_id", "parent_id")

_WORDS = {"true": 1.0, "yes": 1.0, "good": 1.0, "false": 0.0, "no": 0.0, "bad": 0.0}
_NOT_LABELS = ("id", "idx", "index", "row", "number", "length", "tokens", "seed")


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """The columns to read. One that is not named is found by its usual names."""

    label: str = ""
    """A leading '-' says that lower is better, as for ranks."""
    group: str = ""
    good_from: float | None = None
    """Labels of this value and above are good (and below, where lower is better)."""


@dataclass(frozen=True, slots=True)
class Label:
    """The label of one row."""

    value: float
    """Higher is better, whatever the column says: a rank is negated."""
    good: bool | None
    """None where all of its group have the same rank."""
    group: str


@dataclass(frozen=True, slots=True)
class Labels:
    """All labels of a table."""

    column: str
    kind: Kind
    rule: str
    """What counts as good, in words."""
    rows: tuple[Label | None, ...]
    """One for each row; None where it has no label."""


def read_labels(rows: Sequence[Values], groups: Sequence[str], columns: LabelColumns, file: str) -> Labels:
    """Finds the label of every row.

    Args:
        rows: All rows of a table.
        groups: The group of each row, used where no column says it.
        columns: The columns that the user names.
        file: For messages.

    Raises:
        InputError: No column or several could be the label, the named one is missing, or it holds values that are
            neither numbers nor yes and no.
    """
    name = columns.label.removeprefix("-") or _find_label(rows, file)
    group = columns.group or next((name for name in GROUP_NAMES if any(name in row for row in rows)), "")
    for column, option in ((name, "--label"), (group, "--group")):
        if column and all(_at(row, column) is None for row in rows):
            raise InputError(f"{file} has nothing in a column {column!r}",
                             f"name one of {_columns(rows)} with {option}")  # fmt: skip
    numbers = [_number(_at(row, name), name, file, number) for number, row in enumerate(rows, 1)]
    kind = _kind(name, numbers)
    lower = columns.label.startswith("-") or kind == "rank"
    values = [None if number is None else -number if lower else number for number in numbers]
    if group:
        groups = [str(_at(row, group)) for row in rows]
    cut, rule = _cut(kind, values, columns.good_from, lower=lower)
    good = _best_of_each(values, groups) if cut is None else [value is not None and value >= cut for value in values]
    labels = tuple(
        None if value is None else Label(value, is_good, group)
        for value, is_good, group in zip(values, good, groups, strict=True)
    )
    return Labels(name, kind, rule, labels)


def _find_label(rows: Sequence[Values], file: str) -> str:
    columns = {name.casefold(): name for row in rows for name in row}
    for name in LABEL_NAMES:
        if name in columns:
            return columns[name]
    possible = [name for name in columns.values() if _could_be_labels(rows, name)]
    if len(possible) == 1:
        return possible[0]
    if possible:
        raise InputError(f"{file} has several columns that could be the label: {', '.join(possible)}",
                         "name one with --label")  # fmt: skip
    raise InputError(f"{file} has no column that could be a label; its columns are {_columns(rows)}",
                     "give a column of yes and no, of numbers or of ranks, and name it with --label")  # fmt: skip


def _could_be_labels(rows: Sequence[Values], name: str) -> bool:
    """Whether a column holds only numbers, or yes and no, and more than one value."""
    name_words = name.casefold().replace("-", "_").split("_")
    values = [row[name] for row in rows if row.get(name) not in (None, "")]
    if any(word in _NOT_LABELS for word in name_words) or not all(_as_number(value) is not None for value in values):
        return False
    return len({_as_number(value) for value in values}) > 1


def _kind(name: str, numbers: Sequence[float | None]) -> Kind:
    if "rank" in name.casefold().rpartition(".")[2]:
        return "rank"
    return "binary" if {number for number in numbers if number is not None} <= {0.0, 1.0} else "number"


def _cut(
    kind: Kind, values: Sequence[float | None], good_from: float | None, *, lower: bool
) -> tuple[float | None, str]:
    """The lowest value of a good label, and the rule in words; None where the best of each group is good."""
    if good_from is not None:
        return (-good_from, f"{good_from:g} and less") if lower else (good_from, f"{good_from:g} and more")
    if kind == "rank":
        return None, "the best of its group"
    if kind == "binary":
        return (0.0, "no") if lower else (1.0, "yes")
    ranked = sorted(value for value in values if value is not None)
    middle = ranked[len(ranked) // 2]
    # The next value above the median: where many labels are equal to the median, all of them would be good.
    cut = next((value for value in ranked if value > middle), middle)
    return cut, f"above the middle, {abs(cut):g} and {'less' if lower else 'more'}"


def _best_of_each(values: Sequence[float | None], groups: Sequence[str]) -> list[bool | None]:
    """Whether each value is the best of its group; None where the group has one value only."""
    members: dict[str, set[float]] = {}
    for value, group in zip(values, groups, strict=True):
        if value is not None:
            members.setdefault(group, set()).add(value)
    return [
        value == max(members[group]) if value is not None and len(members[group]) > 1 else None
        for value, group in zip(values, groups, strict=True)
    ]


def _at(row: Values, name: str) -> object:
    if name in row:
        return row[name]
    value: object = row
    for step in name.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, Sequence) and not isinstance(value, str) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _number(value: object, name: str, file: str, position: int) -> float | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    number = _as_number(value)
    if number is None:
        label = str(value)[:40]
        raise InputError(f"the label {name!r} in row {position} of {file} is {label!r}: no number, no yes or no",
                         "name another column with --label")  # fmt: skip
    return number


def _as_number(value: object) -> float | None:
    if isinstance(value, (bool, int, float)):
        return float(value)
    if not isinstance(value, str):
        return None
    word = value.strip().casefold()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return float(word)
    except ValueError:
        return None


def _columns(rows: Sequence[Values]) -> str:
    return ", ".join(dict.fromkeys(name for row in rows for name in row)) or "none"
