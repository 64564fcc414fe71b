"""Reads one table file row by row: JSONL, JSON, CSV or Parquet, compressed or not.

Gives each row with its number, counted from 1 as an editor or a table counts it. A file that cannot be read to its end
is one `InputError`; nothing of a broken file is passed over silently.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from humpback.errors import InputError

Values: TypeAlias = dict[str, object]
"""One row: column name to value."""

NumberedRow: TypeAlias = tuple[int, Values]

PARQUET_BATCH_ROWS = 1024
LONGEST_CSV_FIELD = 16 * 1024 * 1024
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")
COMPRESSIONS = (".gz", ".zst")


def table_ending(path: Path) -> str:
    """The ending that says how a file is to be read, its compression aside; empty where it is none of ours."""
    name = path.name.lower()
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    return next((ending for ending in ENDINGS if name.endswith(ending)), "")


def file_rows(path: Path) -> Iterator[NumberedRow]:
    """Reads a table file.

    Raises:
        InputError: The ending is unknown, or the file is missing, cut short, damaged, or not a table.
    """
    reader = _READERS.get(table_ending(path))
    if reader is None:
        raise InputError(
            f"cannot tell how to read the file {path}", f"use one of {', '.join(ENDINGS)} (also .gz or .zst)"
        )
    with _readable(path), _opened(path) as stream:
        yield from reader(stream, path)


def file_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Reads the lines of a text file that are not blank, each with its number, counted from 1.

    Raises:
        InputError: The file is missing, damaged or not UTF-8.
    """
    with _readable(path), _opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            if text:
                yield number, text


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns everything that a damaged file makes the libraries raise into one line for the user."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"no file {path}", "name a file that is there") from None
    except UnicodeDecodeError as error:
        raise InputError(f"the file {path} is not UTF-8 ({error.reason})", "save it as UTF-8") from None
    except (OSError, EOFError, zlib.error, csv.Error, ValueError, RecursionError) as error:
        # pyarrow's own errors are ValueError and OSError too.
        message = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"cannot read the file {path} ({message})", "check the file or fetch it again") from None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as unpacked:
            yield cast(BinaryIO, unpacked)
    elif path.name.lower().endswith(".zst"):
        import pyarrow as pa  # here because plans and `--help` must not wait for it

        # pyarrow's stream has no lines of its own.
        with pa.input_stream(str(path), compression="zstd") as stream, io.BufferedReader(stream) as lines:
            yield cast(BinaryIO, lines)
    else:
        with path.open("rb") as plain:
            yield plain


def _read_lines(stream: BinaryIO, path: Path) -> Iterator[NumberedRow]:
    for number, line in enumerate(stream, start=1):
        # Split at \n only: str.splitlines would cut at U+2028, which JSON strings may hold.
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        if text.strip():
            yield number, _json_row(text, path, number)


def _json_row(text: str, path: Path, number: int) -> Values:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"line {number} of the file {path} is not JSON ({error.msg})", "mend or delete the line"
        ) from None
    return _as_row(row, path, number)


def _as_row(row: object, path: Path, number: int) -> Values:
    if not isinstance(row, dict):
        raise InputError(
            f"row {number} of the file {path} is a {type(row).__name__}, not an object with named fields",
            'write each row as {"instruction": ..., "response": ...}',
        )
    return row


def _read_json(stream: BinaryIO, path: Path) -> Iterator[NumberedRow]:
    """A list of objects, an object that holds one such list, or JSONL under the wrong name."""
    data = stream.read()
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        yield from _read_lines(io.BytesIO(data), path)
        return
    if isinstance(value, dict):
        lists = [item for item in value.values() if isinstance(item, list) and item and isinstance(item[0], dict)]
        # One conversation alone in a file is an object that holds a list too: that list is its turns, not rows.
        value = lists[0] if len(lists) == 1 and not _is_conversation(lists[0]) else [value]
    if not isinstance(value, list):
        raise InputError(f"the file {path} holds no list of rows", "write a JSON list of objects, or JSONL")
    for number, row in enumerate(value, start=1):
        yield number, _as_row(row, path, number)


def _is_conversation(items: list[dict[str, object]]) -> bool:
    return bool({"role", "from"} & items[0].keys())


def _read_csv(stream: BinaryIO, path: Path) -> Iterator[NumberedRow]:
    # The standard limit of 131,072 characters a field is below what documents reach; it is one for the process.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CSV_FIELD))
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        for number, row in enumerate(csv.DictReader(text, strict=True), start=1):
            if None in row:
                raise InputError(
                    f"row {number} of the file {path} has more fields than its header names",
                    "put fields that hold commas or line breaks in double quotes",
                )
            yield number, dict(row)


def _read_parquet(stream: BinaryIO, path: Path) -> Iterator[NumberedRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    compressed = path.name.lower().endswith(COMPRESSIONS)
    # Parquet is read from its end, which a compressed stream cannot jump to.
    with pq.ParquetFile(pa.BufferReader(stream.read()) if compressed else stream) as table:
        number = 0
        for batch in table.iter_batches(batch_size=PARQUET_BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield number, row


_READERS: dict[str, Callable[[BinaryIO, Path], Iterator[NumberedRow]]] = {
    ".jsonl": _read_lines,
    ".ndjson": _read_lines,
    ".json": _read_json,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
