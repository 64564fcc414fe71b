"""Rows of JSON lines and Parquet files: which columns hold the text, its title and its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from humpback.config import CorpusSettings
from humpback.corpus.documents import as_dropped
from humpback.corpus.jsonl import first_object, parse, read_lines
from humpback.corpus.sources import SourceFile
from humpback.errors import InputError
from humpback.records import DocumentFormat, Dropped

_TEXT = ("text", "content", "html", "markdown", "body")
_TITLE = ("title",)
_NAME = ("url", "id", "source")
_BYTES_PER_CHARACTER = 8
"""Bytes of a JSON line per character of text: escapes and the other columns included."""
_ROWS = 64
_FORMATS: dict[str, DocumentFormat] = {"html": "html", "markdown": "markdown"}


@dataclass(frozen=True, slots=True)
class Row:
    """One document of a table."""

    source: str
    title: str
    text: str
    format: DocumentFormat | None
    """The format that the column's name tells, if it does."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which columns hold what; empty where there is none."""

    text: str
    title: str
    name: str

    def row(self, file: SourceFile, place: str, values: dict[str, Any]) -> Row | Dropped:
        """The row's document, called by its place where it has no name of its own, or why it is none."""
        name = values.get(self.name) if self.name else None
        source = place if name is None or name == "" else str(name)[:1000]
        if source != place and "://" not in source:
            source = f"{file.name}#{source}"
        text = values.get(self.text)
        if not isinstance(text, str):
            return as_dropped(source, "no text", f"column {self.text!r} holds {type(text).__name__}", "")
        title = values.get(self.title) if self.title else None
        return Row(source, title[:1000] if isinstance(title, str) else "", text, _FORMATS.get(self.text))


def json_rows(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Dropped]:
    """The rows of a file of JSON lines; the columns are those of its first object.

    Raises:
        InputError: No column as named, or none with a text.
    """
    longest = settings.max_document_chars * _BYTES_PER_CHARACTER
    first = first_object(file, longest) if file.begin else None
    columns = _columns(file, list(first), settings) if first is not None else None
    for line in read_lines(file, longest):
        if line.data is None:
            yield as_dropped(line.name, "document too long", f"a line of more than {longest} bytes", "")
            continue
        if not line.data.strip():
            continue
        values = parse(line.data)
        if isinstance(values, str):
            yield as_dropped(line.name, "not JSON", values, line.data[:1000].decode("utf-8", "replace"))
            continue
        columns = columns or _columns(file, list(values), settings)
        yield columns.row(file, line.name, values)


def parquet_rows(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Dropped]:
    """The rows of a Parquet file; of a stretch, those of the row groups that begin in it.

    Raises:
        InputError: No column as named, or none with a text.
    """
    with pq.ParquetFile(file.open_stored() if file.remote else file.path, pre_buffer=file.remote) as table:
        schema = table.schema_arrow
        names = [name for name in schema.names if _is_text(schema.field(name).type)]
        columns = _columns(file, names, settings, others=schema.names)
        wanted = [name for name in dict.fromkeys((columns.text, columns.title, columns.name)) if name]
        for group, number in _row_groups(table.metadata, file):
            for batch in table.iter_batches(batch_size=_ROWS, columns=wanted, row_groups=[group]):
                for values in batch.to_pylist():
                    number += 1
                    yield columns.row(file, f"{file.name}#{number}", values)


def _row_groups(metadata: pq.FileMetaData, file: SourceFile) -> Iterator[tuple[int, int]]:
    """The row groups that begin in a stretch, each with the number of rows before it."""
    before = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        column = group.column(0) if group.num_columns else None
        begins = (column.dictionary_page_offset or column.data_page_offset) if column else 0
        if file.holds(begins):
            yield number, before
        before += group.num_rows


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind))


def _columns(
    file: SourceFile, names: Sequence[str], settings: CorpusSettings, others: Sequence[str] | None = None
) -> _Columns:
    there = ", ".join(sorted(others or names)) or "none"
    for setting in ("text_column", "title_column", "id_column"):
        wanted = getattr(settings, setting)
        if wanted and wanted not in names:
            raise InputError(f"{file.name} has no column {wanted!r} of text; it has {there}", f"set corpus.{setting}")
    text = settings.text_column or next((name for name in _TEXT if name in names), "")
    if not text:
        raise InputError(
            f"{file.name} has no column {', '.join(_TEXT[:-1])} or {_TEXT[-1]}; it has {there}",
            "set corpus.text_column",
        )
    title = settings.title_column or next((name for name in _TITLE if name in names), "")
    return _Columns(text, title, settings.id_column or next((name for name in _NAME if name in names), ""))
