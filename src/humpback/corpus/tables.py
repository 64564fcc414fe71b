"""Rows of JSON lines and Parquet files: which columns hold the text, its title and its name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from humpback.config import CorpusSettings
from humpback.corpus.cut import excerpt
from humpback.corpus.sources import SourceFile
from humpback.errors import InputError
from humpback.records import DocumentFormat, Dropped, content_id

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

    def row(self, file: SourceFile, number: int, values: dict[str, Any]) -> Row | Dropped:
        """The row's document, or why it is none."""
        name = values.get(self.name) if self.name else None
        source = f"{file.name}#{number}" if name is None or name == "" else str(name)[:1000]
        if "://" not in source and name is not None:
            source = f"{file.name}#{source}"
        text = values.get(self.text)
        if not isinstance(text, str):
            return _dropped(source, "no text", f"column {self.text!r} holds {type(text).__name__}", "")
        title = values.get(self.title) if self.title else None
        return Row(source, title[:1000] if isinstance(title, str) else "", text, _FORMATS.get(self.text))


def json_rows(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Dropped]:
    """The rows of a file of JSON lines; the columns are those of its first object.

    Raises:
        InputError: No column as named, or none with a text.
    """
    columns: _Columns | None = None
    longest = settings.max_document_chars * _BYTES_PER_CHARACTER
    with file.open() as stream:
        for number, line in enumerate(_lines(stream, longest), 1):
            where = f"{file.name}#{number}"
            if line is None:
                yield _dropped(where, "document too long", f"a line of more than {longest} bytes", "")
                continue
            if not line.strip():
                continue
            values = _object(line)
            if isinstance(values, str):
                yield _dropped(where, "not JSON", values, line[:1000].decode("utf-8", "replace"))
                continue
            columns = columns or _columns(file, list(values), settings)
            yield columns.row(file, number, values)


def parquet_rows(file: SourceFile, settings: CorpusSettings) -> Iterator[Row | Dropped]:
    """The rows of a Parquet file.

    Raises:
        InputError: No column as named, or none with a text.
    """
    number = 0
    with pq.ParquetFile(file.path, pre_buffer=False) as table:
        names = [name for name in table.schema_arrow.names if _is_text(table.schema_arrow.field(name).type)]
        columns = _columns(file, names, settings, others=table.schema_arrow.names)
        wanted = [name for name in dict.fromkeys((columns.text, columns.title, columns.name)) if name]
        for batch in table.iter_batches(batch_size=_ROWS, columns=wanted):
            for values in batch.to_pylist():
                number += 1
                yield columns.row(file, number, values)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind))


def _lines(stream: BinaryIO, longest: int) -> Iterator[bytes | None]:
    """Lines of at most `longest` bytes; None for a longer one, which is passed over in bounded memory."""
    while line := stream.readline(longest + 1):
        if len(line) <= longest or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(1 << 20)
        yield None


def _object(line: bytes) -> dict[str, Any] | str:
    """The object on a line, or what is wrong with it."""
    try:
        values = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        return " ".join(str(error).split())[:200]
    return values if isinstance(values, dict) else f"{type(values).__name__}, not an object"


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


def _dropped(source: str, reason: str, detail: str, text: str) -> Dropped:
    shown = excerpt(text)
    return Dropped(content_id(source, reason, detail, shown), reason, detail, source, shown)
