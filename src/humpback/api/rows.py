"""What a caller gives, rows in memory or the name of a source, as a file that the stages read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from itertools import chain
from os import PathLike, fspath
from typing import Any, TypeAlias

from humpback.api.records import Records, ScratchFolder
from humpback.errors import InputError

Source: TypeAlias = str | PathLike[str]
"""What the commands take: a file, a folder, a glob, a URL, or `hf:NAME`."""
Rows: TypeAlias = Source | Iterable[object]
"""A source; or rows: records of `humpback.records`, mappings from columns to values, or a `datasets.Dataset`."""


def source_of(rows: Rows, name: str, scratch: ScratchFolder) -> str:
    """The name of the file that rows are in, written where there is none; of a source its name as it is.

    Args:
        rows: The rows.
        name: What they are, for the name of the file: records say that they come from it.
        scratch: Where a file may be written.

    Raises:
        InputError: A row is neither a record nor a mapping, or holds what JSON cannot.
    """
    if isinstance(rows, str | PathLike):
        return fspath(rows)
    if isinstance(rows, Records) and rows.path:
        return str(rows.path)
    path = scratch.path / f"{name}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(rows, 1):
            file.write(_line(row, f"row {number} of the {name}") + "\n")
    return str(path)


def sources_of(documents: Rows, scratch: ScratchFolder) -> list[str]:
    """Documents as `corpus.documents` takes them: names of sources, or a file of rows. Raises as `source_of`."""
    if isinstance(documents, str | PathLike):
        return [fspath(documents)]
    rows = iter(documents)
    first = next(rows, None)
    if isinstance(first, str | PathLike):
        return [str(source) for source in chain([first], rows)]
    return [source_of(chain(() if first is None else [first], rows), "documents", scratch)]


def _line(row: object, row_name: str) -> str:
    values: Any = asdict(row) if is_dataclass(row) and not isinstance(row, type) else row
    if not isinstance(values, Mapping):
        raise InputError(
            f"{row_name} is of type {type(row).__name__}",
            "give records, mappings from columns to values, a datasets.Dataset, or the name of a file; "
            "of a pandas table its to_dict('records')",
        )
    try:
        return json.dumps(dict(values))
    except (TypeError, ValueError) as error:
        raise InputError(f"{row_name} cannot be written as JSON ({error})", "give texts, numbers and lists") from None
