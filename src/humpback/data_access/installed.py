"""The Python distributions that are installed here: their descriptions are documents that every machine has."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cache

from humpback.records import DocumentFormat

_TYPES: dict[str, DocumentFormat] = {"text/markdown": "markdown", "text/x-rst": "rst", "text/plain": "text"}


def description(distribution: str) -> str:
    """The long description of an installed distribution."""
    return str(_metadata(distribution).get("description") or "")


def description_type(distribution: str) -> DocumentFormat | None:
    """The format that a distribution declares for its description, or None."""
    declared = str(_metadata(distribution).get("description_content_type") or "")
    return _TYPES.get(declared.split(";")[0].strip().lower())


@cache
def _metadata(distribution: str) -> Mapping[str, object]:
    """All fields: parsing them takes a hundred times as long as reading the file."""
    return importlib.metadata.metadata(distribution).json
