"""Figures for people and for JSON: where there is none (nan), a dash or null."""

from __future__ import annotations

import math
from typing import Any

from humpback.statistics.intervals import Interval

NONE = "-"


def shown(figure: float, form: str) -> str:
    """A figure in a form of Python's, such as '.2f'; '-' where there is none."""
    return NONE if math.isnan(figure) else f"{figure:{form}}"


def span(interval: Interval, form: str) -> str:
    """An interval, such as '0.10 to 0.25'; '-' where there is none."""
    has_none = math.isnan(interval.low) or math.isnan(interval.high)
    return NONE if has_none else f"{interval.low:{form}} to {interval.high:{form}}"


def without_nan(value: Any) -> Any:
    """The same values with None in place of nan, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
