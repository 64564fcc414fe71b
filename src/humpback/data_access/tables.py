"""Tables in every format, row by row and in bounded memory, as dicts.

    .jsonl .ndjson   an object on each line; a big uncompressed file also in spans
    .json            a list of objects, an object that holds one such list, or JSON lines
    .csv .tsv        with a header
    .parquet         also in spans
    .arrow           in either of its formats: what `datasets` keeps and saves
    .txt             text: a row for each line that is not blank, with the one column `text`
    .rows            rows that `datasets` streams, of data sets in other formats

`table_rows` is for all of them. A row that cannot be read costs only itself; a file that is damaged raises one of
`DAMAGE` where the damage is.
"""

from __future__ import annotations

import csv
import io
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeAlias

from humpback.data_access.data_sets import ROWS, open_data_set, parse_data_set, unreadable
from humpback.data_access.json_files import read_json
from humpback.data_access.lines import first_object, parse, read_lines
from humpback.data_access.source_file import SourceFile
from humpback.errors import InputError

Values: TypeAlias = dict[str, object]
"""One row: column name to value."""


class DamagedFile(Exception):
    """A file whose reader raised an error of its own kind; the text names both."""


DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, RecursionError, DamagedFile)
"""What compressed, textual and columnar files raise where they are damaged; Arrow's errors are among these."""

LONGEST_ROW = 256 << 20
"""Bytes of the longest row of text."""
_LONGEST_CSV_FIELD = 16 << 20
_EXCERPT = 1000


class Row(NamedTuple):
    """One row of a table. A tuple, because there are many."""

    name: str
    """Name of the file, then `#` and the number of the row, counted from 1 (or `byte=` and its offset)."""
    values: Values


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read."""

    name: str
    reason: Literal["too long", "not JSON", "too many fields"]
    detail: str
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table, known before its rows are read."""

    names: tuple[str, ...]
    texts: tuple[str, ...]
    """Those that may hold a text, a number or a name; all where the format does not tell."""


ChooseColumns: TypeAlias = Callable[[Header], Sequence[str]]
"""Which columns are needed. Parquet and Arrow files are read without the others."""


def table_rows(
    file: SourceFile, choose: ChooseColumns | None = None, longest: int = LONGEST_ROW, *, counted: bool = False
) -> Iterator[Row | BadRow]:
    """The rows of a table that begin in a span of it.

    Args:
        file: The file or the span. One whose ending is of no table is read as text.
        choose: Is called once with the columns, before the first row, unless there is none; None takes all columns.
        longest: Bytes of the longest line of JSON lines.
        counted: Name rows by their number, even in a big file of JSON lines.

    Raises:
        InputError: A URL or the hub cannot be reached.
        Exception: One of `DAMAGE`.
    """
    if file.ending in _JSON_LINES:
        return _json_lines(file, choose, longest, counted=counted)
    return _READERS.get(file.ending, _text_lines)(file, choose)


def _header_of(values: Mapping[str, object]) -> Header:
    names = tuple(values)
    return Header(names, names)


def _json_lines(
    file: SourceFile, choose: ChooseColumns | None, longest: int, *, counted: bool
) -> Iterator[Row | BadRow]:
    if choose and file.begin and (first := first_object(file, longest)) is not None:
        choose(_header_of(first))
        choose = None
    for line in read_lines(file, longest, counted=counted):
        if line.data is None:
            yield BadRow(line.name, "too long", f"a line of more than {longest} bytes")
            continue
        if line.data.isspace():
            continue
        values = parse(line.data)
        if isinstance(values, str):
            yield BadRow(line.name, "not JSON", values, line.data[:_EXCERPT].decode("utf-8", "replace"))
            continue
        if choose:
            choose(_header_of(values))
            choose = None
        yield Row(line.name, values)


def _json(file: SourceFile, choose: ChooseColumns | None) -> Iterator[Row | BadRow]:
    with file.open() as stream:
        for number, values in read_json(stream):
            if isinstance(values, str):
                yield BadRow(f"{file.name}#{number}", "not JSON", values)
                continue
            if choose:
                choose(_header_of(values))
                choose = None
            yield Row(f"{file.name}#{number}", values)


def _csv(file: SourceFile, choose: ChooseColumns | None) -> Iterator[Row | BadRow]:
    # The standard limit of 131,072 characters a field is below what documents reach; it is one for the process.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CSV_FIELD))
    delimiter = "\t" if file.ending == ".tsv" else ","
    with file.open() as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(_bounded_lines(text), strict=True, delimiter=delimiter)
        try:
            for number, values in enumerate(reader, start=1):
                if choose:
                    choose(_header_of(dict.fromkeys(reader.fieldnames or ())))
                    choose = None
                name = f"{file.name}#{number}"
                if None in values:
                    yield BadRow(name, "too many fields", "more fields than the header names")
                else:
                    yield Row(name, dict(values))
        except csv.Error as error:
            raise ValueError(str(error)) from None


def _text_lines(file: SourceFile, choose: ChooseColumns | None) -> Iterator[Row | BadRow]:
    if choose:
        choose(_header_of({"text": None}))
    with file.open() as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="\n") as text:
        for number, line in enumerate(_bounded_lines(text), start=1):
            if line.strip():
                yield Row(f"{file.name}#{number}", {"text": line.strip()})


def _bounded_lines(text: IO[str]) -> Iterator[str]:
    """The lines of a text: one without an end must not fill the memory."""
    while line := text.readline(LONGEST_ROW):
        if len(line) == LONGEST_ROW:
            raise ValueError(f"a line of more than {LONGEST_ROW} characters")
        yield line


def _data_set_rows(file: SourceFile, choose: ChooseColumns | None) -> Iterator[Row | BadRow]:
    data_set = parse_data_set(file.path)
    local = Path(data_set.name).expanduser().is_dir()
    try:
        rows = open_data_set(data_set).as_streaming_dataset(split=data_set.split)
        for number, values in enumerate(rows.shard(num_shards=data_set.shards, index=data_set.shard), 1):
            if choose:
                choose(_header_of(values))
                choose = None
            yield Row(f"{file.name}#{number}", dict(values))
    except InputError:
        raise
    except Exception as error:  # whatever its builders raise
        # On the hub a network that fails must end the run; here it can only be the file.
        raise (DamagedFile(f"{type(error).__name__}: {error}") if local else unreadable(data_set, error)) from None


def _parquet(file: SourceFile, choose: ChooseColumns | None) -> Iterator[Row | BadRow]:
    from humpback.data_access.columnar import parquet_batches  # here because a plan must not wait for pyarrow

    with seekable(file) as stored:
        yield from _rows_of(file, parquet_batches(stored, file, choose))


def _arrow(file: SourceFile, choose: ChooseColumns | None) -> Iterator[Row | BadRow]:
    from humpback.data_access.columnar import arrow_batches

    with seekable(file) as stored:
        yield from _rows_of(file, arrow_batches(stored, choose))


def _rows_of(file: SourceFile, batches: Iterable[tuple[int, list[dict[str, Any]]]]) -> Iterator[Row]:
    for before, rows in batches:
        for number, values in enumerate(rows, start=before + 1):
            yield Row(f"{file.name}#{number}", values)


@contextmanager
def seekable(file: SourceFile) -> Iterator[str | IO[bytes]]:
    """A file for readers that must jump in it: its path where it lies here, else a stream.

    A compressed file is unpacked to a temporary file, for a compressed stream can only be read on.
    """
    if file.whole and file.compressed:
        with tempfile.TemporaryFile() as unpacked, file.open() as stream:
            while chunk := stream.read(1 << 20):
                unpacked.write(chunk)
            unpacked.seek(0)
            yield unpacked
    elif file.remote:
        with file.open_stored() as stored:
            yield stored
    else:
        yield file.path


_JSON_LINES = (".jsonl", ".ndjson")
_READERS: Mapping[str, Callable[[SourceFile, ChooseColumns | None], Iterator[Row | BadRow]]] = {
    ".json": _json,
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
    ".arrow": _arrow,
    ROWS: _data_set_rows,
}
