"""Tables of documents: JSON lines, Parquet and Arrow files, a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq

from humpback.config import CorpusSettings
from humpback.corpus.reading.columns import Columns, choose_columns
from humpback.corpus.reading.documents import as_dropped
from humpback.corpus.reading.jsonl import first_object, parse, read_lines
from humpback.corpus.reading.sources import SourceFile
from humpback.records import Document, Dropped

_BYTES_PER_CHARACTER = 8
"""Bytes of a JSON line per character of text: escapes and the other columns included."""
_BATCH_BYTES = 4 << 20
_MOST_ROWS = 1024
_BUFFER = 1 << 20
_ARROW_FILE = b"ARROW1"
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)


def read_json_lines(file: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """One JSON object on each line; the columns are those of the first object of the file.

    Raises:
        InputError: No column as named, or none with a text.
    """
    longest = settings.max_document_chars * _BYTES_PER_CHARACTER
    first = first_object(file, longest) if file.begin else None
    columns = choose_columns(file.name, list(first), settings) if first is not None else None
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
        columns = columns or choose_columns(file.name, list(values), settings)
        yield columns.document(line.name, values, settings)


def read_parquet(file: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """The rows of a Parquet file; of a stretch, those of the row groups that begin in it.

    Raises:
        InputError: No column as named, or none with a text.
    """
    stored = file.open_stored() if file.remote else file.path
    with pq.ParquetFile(stored, pre_buffer=file.remote, buffer_size=0 if file.remote else _BUFFER) as table:
        columns = _columns(table.schema_arrow, file, settings)
        for group, before in _row_groups(table.metadata, file):
            held = table.metadata.row_group(group)
            rows = _rows_at_once(held.total_byte_size, held.num_rows)
            batches = table.iter_batches(batch_size=rows, columns=columns.all, row_groups=[group])
            yield from _documents(batches, before, columns, settings)


def read_arrow(file: SourceFile, settings: CorpusSettings) -> Iterator[Document | Dropped]:
    """The rows of an Arrow file, in either of its formats: what `datasets` keeps and saves.

    Raises:
        InputError: No column as named, or none with a text.
    """
    with closing(pa.PythonFile(file.open_stored(), "r") if file.remote else pa.memory_map(file.path)) as stored:
        reader = _arrow_reader(stored)
        columns = _columns(reader.schema, file, settings)
        yield from _documents(_record_batches(reader, columns.all), 0, columns, settings)


def _arrow_reader(stored: pa.NativeFile) -> pa.RecordBatchReader | pa.RecordBatchFileReader:
    begins = stored.read(len(_ARROW_FILE))
    stored.seek(0)
    return pa.ipc.open_file(stored) if begins == _ARROW_FILE else pa.ipc.open_stream(stored)


def _record_batches(
    reader: pa.RecordBatchReader | pa.RecordBatchFileReader, columns: list[str]
) -> Iterator[pa.RecordBatch]:
    """A few rows at a time of some columns, checked: an Arrow file that lies makes nobody read outside of it."""
    whole = isinstance(reader, pa.RecordBatchFileReader)
    for batch in map(reader.get_batch, range(reader.num_record_batches)) if whole else reader:
        chosen = batch.select(columns)
        chosen.validate(full=True)
        rows = _rows_at_once(chosen.nbytes, chosen.num_rows)
        for begin in range(0, chosen.num_rows, rows):
            yield chosen.slice(begin, rows)


def _rows_at_once(size: int, rows: int) -> int:
    return max(1, min(_MOST_ROWS, _BATCH_BYTES * rows // max(1, size)))


def _documents(
    batches: Iterable[pa.RecordBatch], before: int, columns: Columns, settings: CorpusSettings
) -> Iterator[Document | Dropped]:
    number = before
    for batch in batches:
        for values in batch.to_pylist():
            number += 1
            yield columns.document(f"{columns.table}#{number}", values, settings)


def _columns(schema: pa.Schema, file: SourceFile, settings: CorpusSettings) -> Columns:
    names = [name for name in schema.names if schema.names.count(name) == 1 and _may_name(schema.field(name).type)]
    return choose_columns(file.name, names, settings, others=schema.names)


def _may_name(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_integer(kind) or any(is_kind(kind) for is_kind in (*_TEXTS, *_BYTES))


def _row_groups(metadata: pq.FileMetaData, file: SourceFile) -> Iterator[tuple[int, int]]:
    """The row groups that belong to a stretch, each with the number of rows before it.

    A group counts as beginning where those before it would end if all were packed equally well: what a damaged file
    says of its columns ends the process where pyarrow is asked for it.
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
