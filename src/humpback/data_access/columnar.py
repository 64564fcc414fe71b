"""Parquet and Arrow files, a few rows at a time, without the columns that are not needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import IO, Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from humpback.data_access.source_file import SourceFile
from humpback.data_access.tables import ChooseColumns, Header

Batch: TypeAlias = tuple[int, list[dict[str, Any]]]
"""The number of rows before, and the rows."""

_BATCH_BYTES = 4 << 20
_MOST_ROWS = 1024
_BUFFER = 1 << 20
_ARROW_FILE = b"ARROW1"
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)


def parquet_batches(stored: str | IO[bytes], file: SourceFile, choose: ChooseColumns | None) -> Iterator[Batch]:
    """The rows of a Parquet file; of a span, those of the row groups that begin in it."""
    remote = file.remote and not isinstance(stored, str)
    with pq.ParquetFile(stored, pre_buffer=remote, buffer_size=0 if remote else _BUFFER) as table:
        columns = list(choose(_header(table.schema_arrow))) if choose else None
        for group, before in _row_groups(table.metadata, file):
            metadata = table.metadata.row_group(group)
            size = _rows_at_once(metadata.total_byte_size, metadata.num_rows)
            for batch in table.iter_batches(batch_size=size, columns=columns, row_groups=[group]):
                yield before, batch.to_pylist()
                before += batch.num_rows


def arrow_batches(stored: str | IO[bytes], choose: ChooseColumns | None) -> Iterator[Batch]:
    """The rows of an Arrow file, in either of its formats."""
    opened = pa.memory_map(stored) if isinstance(stored, str) else pa.PythonFile(stored, "r")
    with closing(opened) as source:
        reader = _arrow_reader(source)
        columns = list(choose(_header(reader.schema))) if choose else None
        before = 0
        for batch in _record_batches(reader, columns):
            yield before, batch.to_pylist()
            before += batch.num_rows


def _arrow_reader(source: pa.NativeFile) -> pa.RecordBatchReader | pa.RecordBatchFileReader:
    head = source.read(len(_ARROW_FILE))
    source.seek(0)
    return pa.ipc.open_file(source) if head == _ARROW_FILE else pa.ipc.open_stream(source)


def _record_batches(
    reader: pa.RecordBatchReader | pa.RecordBatchFileReader, columns: list[str] | None
) -> Iterator[pa.RecordBatch]:
    """A few rows at a time, checked: an Arrow file with false offsets must not make anybody read outside of it."""
    is_file = isinstance(reader, pa.RecordBatchFileReader)
    for batch in map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader:
        needed = batch if columns is None else batch.select(columns)
        needed.validate(full=True)
        rows = _rows_at_once(needed.nbytes, needed.num_rows)
        for begin in range(0, needed.num_rows, rows):
            yield needed.slice(begin, rows)


def _rows_at_once(size: int, rows: int) -> int:
    return max(1, min(_MOST_ROWS, _BATCH_BYTES * rows // max(1, size)))


def _header(schema: pa.Schema) -> Header:
    texts = (name for name in schema.names if schema.names.count(name) == 1 and _may_be_text(schema.field(name).type))
    return Header(tuple(schema.names), tuple(texts))


def _may_be_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_integer(kind) or any(is_kind(kind) for is_kind in (*_TEXTS, *_BYTES))


def _row_groups(metadata: pq.FileMetaData, file: SourceFile) -> Iterator[tuple[int, int]]:
    """The row groups that belong to a span, each with the number of rows before it.

    A group counts as beginning where those before it would end if all were packed equally well: asking pyarrow for
    what a damaged file says of its columns ends the process.
    """
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    sizes = [max(0, group.total_byte_size) for group in groups]
    total = max(1, sum(sizes))
    rows = size = 0
    for number, group in enumerate(groups):
        if file.holds(file.size * size // total):
            yield number, rows
        rows += group.num_rows
        size += sizes[number]
