"""The rows of the user's files as the first stage of a command, and records written for the user."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from humpback import seed
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.config.neutral import without_late_defaults
from humpback.data_access.record_tables import TableWriter
from humpback.data_access.rows import Values, file_rows, input_digest
from humpback.errors import InputError
from humpback.method.rows import read_rows
from humpback.records import Candidate, Curated, Dropped, Pair, Segment, content_id
from humpback.runs.stage import Stage

Record = TypeVar("Record")
_CANDIDATE = {field.name for field in dataclasses.fields(Candidate)}
_CURATED = {field.name for field in dataclasses.fields(Curated)}
_LAYOUT = ("seed.format", "seed.columns", "seed.language", "seed.without_context", "seed.system")
_OPTIONAL = {"gain", "instruction_reasoning"}
"""Columns of candidates that files of earlier versions lack."""


def candidates_stage(
    path: Path,
    config: Config,
    read: Callable[[], Iterator[Candidate | Dropped]] | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str = "pairs",
) -> Stage:
    """Pairs in any layout that the seed may have, as candidates.

    Args:
        path: Their file.
        config: What its columns are called.
        read: Reads them, where not all of the file are wanted.
        settings: What decides which are.
        name: What to call the stage.
    """
    layout = without_late_defaults(flat_settings(config, *_LAYOUT))
    deciding = {"content": input_digest(str(path)), **layout, **(settings or {})}
    return read_rows(name, read or (lambda: read_candidates(path, config)), Candidate, config, deciding)


def segments_stage(path: Path, config: Config) -> Stage:
    """A table with a text column, as segments."""
    settings = {"content": input_digest(str(path)), "corpus.text_column": config.corpus.text_column}
    return read_rows("segments", lambda: read_segments(path, config), Segment, config, settings)


def read_segments(path: Path, config: Config) -> Iterator[Segment]:
    """The segments of a table; what `segment` wrote keeps its ids and where it comes from.

    Raises:
        InputError: A row has no text.
    """
    column = config.corpus.text_column
    for number, row in file_rows(path):
        text = str(row.get(column or "text") or row.get("response") or "")
        if not text:
            columns = ", ".join(row)
            raise InputError(f"{path} row {number} has no text in '{column or 'text'}' (columns: {columns})",
                             "name the column with --set corpus.text_column=NAME")  # fmt: skip
        titles = row.get("title_path")
        yield Segment(
            str(row.get("id") or content_id(text)),
            str(row.get("document_id") or ""),
            str(row.get("source") or f"{path.name}#{number}"),
            tuple(map(str, titles)) if isinstance(titles, list) else (),
            text,
            str(row.get("language") or ""),
        )


def read_candidates(path: Path, config: Config | None = None, to_learn: bool = False) -> Iterator[Candidate | Dropped]:
    """Pairs in any layout that the seed may have; what `instruct` or `select` wrote keeps its ids and its source.

    Of a conversation it is the first exchange. What is marked as not to be learnt is left out where it is to be.

    Raises:
        InputError: The file has no rows, or no columns that can be used.
    """
    config = config or Config()
    rows = file_rows(path)
    first = next(rows, None)
    if first is None:
        raise InputError(f"{path} has no rows", "give a file with pairs")
    if is_candidate(first[1]) or is_curated(first[1]):
        for _, row in chain([first], rows):
            values = {"log_probability": 0.0} | {name: row[name] for name in _CANDIDATE & set(row)}
            titles = values.pop("title_path")
            yield Candidate(title_path=tuple(titles) if isinstance(titles, list) else (), **values)  # type: ignore[arg-type]
        return
    source = config.seed.model_copy(update={"source": str(path), "turns": "first"})
    for item in seed.read_pairs(source, to_learn=to_learn):
        if isinstance(item, Pair):
            yield Candidate(item.id, "", "", item.source, (), item.instruction, item.response, "", 0.0)
        else:
            yield item


def is_candidate(row: Values) -> bool:
    """Whether a row is what `instruct` writes."""
    return set(row) >= _CANDIDATE - _OPTIONAL


def is_curated(row: Values) -> bool:
    """Whether a row is what `select` writes."""
    return set(row) >= _CURATED


def check_endings(*paths: Path | None) -> None:
    """Refuses a file that could not be written, before any work is done for it.

    Raises:
        InputError: A name ends neither in .jsonl nor in .parquet.
    """
    for path in paths:
        TableWriter(path, Dropped)


def write_records(
    file: Path, kind: type, records: Iterable[object], ledger: Path | None = None, dropped: Iterable[Dropped] = ()
) -> str:
    """Writes records to one file and what was dropped to another, each there whole or not at all; a line of counts."""
    written, chars_written = 0, 0
    reasons, chars = Counter[str](), Counter[str]()
    with TableWriter(file, kind) as table, TableWriter(ledger, Dropped) as dropped_table:
        for chunk in _chunks(records):
            table.write(chunk)
            written += len(chunk)
            chars_written += sum(len(record.text) for record in chunk if isinstance(record, Segment))
        for part in _chunks(dropped):
            dropped_table.write(part)
            reasons.update(row.reason for row in part)
            for row in part:
                chars[row.reason] += row.chars
    counts = ", ".join(f"{count:,} {reason}{_in_chars(chars[reason])}" for reason, count in reasons.most_common())
    line = f"wrote {file}: {written:,} kept{_in_chars(chars_written, unit=' characters')}"
    return line + (f", {reasons.total():,} dropped{_in_chars(chars.total())}: {counts}" if counts else "")


def _in_chars(count: int, unit: str = "") -> str:
    """Characters in brackets, behind the number of records; nothing where none were counted."""
    return f" ({count:,}{unit})" if count else ""


def _chunks(rows: Iterable[Record], size: int = 256) -> Iterator[list[Record]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk
