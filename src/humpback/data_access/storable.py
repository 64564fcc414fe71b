"""Texts as files can hold them."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def storable(value: T) -> T:
    """A text, or lists, tuples and mappings of texts, as files, tables and databases can hold them.

    Two halves of a surrogate pair become one character; a half alone, which JSON and file names may hold, U+FFFD.
    """
    changed: Any = value
    if isinstance(value, str) and not value.isascii():
        changed = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    elif isinstance(value, list | tuple):
        changed = type(value)(map(storable, value))
    elif isinstance(value, dict):
        changed = {storable(name): storable(item) for name, item in value.items()}
    return changed
