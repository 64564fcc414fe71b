"""Record types as tables: their columns, and files of them in Parquet and JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, TypeVar, get_type_hints

from humpback.data_access.atomic import atomic_file
from humpback.data_access.storable import storable
from humpback.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# pyarrow is imported where a table is really read or written: a plan must not wait for it.

Record = TypeVar("Record")

_ARROW = {"int": "int64", "float": "float64", "bool": "bool", "float | None": "float64", "bytes": "binary"}
_LISTS = {"tuple[str": "string", "tuple[float": "float64", "tuple[int": "int64"}


def arrow_schema(kind: type) -> pa.Schema:
    """The columns that a record type is stored in."""
    import pyarrow as pa

    return pa.schema([(item.name, _arrow_type(kind, item.name)) for item in fields(kind)])


def _arrow_type(kind: type, name: str) -> pa.DataType:
    import pyarrow as pa

    if item := _list_item(kind, name):
        return pa.list_(pa.type_for_alias(item))
    annotation = str(get_type_hints(kind)[name])
    return pa.type_for_alias(_ARROW.get(annotation.removeprefix("<class '").removesuffix("'>"), "string"))


@cache
def _list_item(kind: Any, name: str) -> str:
    """Arrow's name for what a tuple holds; empty where the field is none."""
    annotation = str(get_type_hints(kind)[name])
    return next((item for start, item in _LISTS.items() if annotation.startswith(start)), "")


def table_of(records: Sequence[Any], kind: type) -> pa.Table:
    """Records of one type as an Arrow table."""
    import pyarrow as pa

    schema = arrow_schema(kind)
    columns = [_column([getattr(r, name) for r in records], schema.field(name).type) for name in schema.names]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # half a surrogate pair: no file can hold it
        return pa.array(storable(values), kind)


def records_of(table: pa.Table, kind: type[Record]) -> Iterator[Record]:
    """The records of a table that `table_of` made, in order.

    Raises:
        TypeError: It holds records of another type.
    """
    lists = [item.name for item in fields(kind) if _list_item(kind, item.name)]  # type: ignore[arg-type]
    for row in table.to_pylist():
        for name in lists:
            row[name] = tuple(row.get(name) or ())
        yield kind(**row)


def read_table(path: Path, kind: type[Record]) -> Iterator[Record]:
    """The records of a file that `TableWriter` wrote, in order, a few in memory at a time.

    Raises:
        InputError: The file is not there any more, or was changed so that these are no such records.
    """
    with _reading_records(path):
        for row in _rows(path):
            yield kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in row.items()})


def count_rows(path: Path) -> int:
    """How many records a file has that `TableWriter` wrote. Raises as `read_table`."""
    with _reading_records(path):
        if path.suffix == ".jsonl":
            with path.open("rb") as lines:
                return sum(1 for _ in lines)
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)


@contextmanager
def _reading_records(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"cannot read the records in {path} ({error})", "make the file again") from None


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
        return
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(1024):
            yield from batch.to_pylist()


class TableWriter:
    """Streams records of one type to a JSONL or Parquet file that appears under its name when it is complete.

    Args:
        path: File to write; None writes nothing.
        kind: Type of the records.

    Raises:
        InputError: The ending is neither .jsonl nor .parquet, or the file cannot be written.
    """

    def __init__(self, path: Path | None, kind: type) -> None:
        self._path = path
        self._kind = kind
        self._open = ExitStack()
        self._parquet: pq.ParquetWriter | None = None
        self._lines: IO[str] | None = None
        if path is not None and path.suffix not in (".jsonl", ".parquet"):
            raise InputError(f"cannot tell how to write {path}", "end its name with .jsonl or .parquet")

    def __enter__(self) -> TableWriter:
        if self._path is None:
            return self
        with self._writing():
            if self._path.suffix == ".jsonl":
                self._lines = self._open.enter_context(atomic_file(self._path, "w"))
            else:
                import pyarrow.parquet as pq

                file = self._open.enter_context(atomic_file(self._path))
                self._parquet = self._open.enter_context(
                    pq.ParquetWriter(file, arrow_schema(self._kind), compression="zstd")
                )
        return self

    def write(self, records: Iterable[Any]) -> None:
        """Adds records."""
        rows = tuple(records)
        with self._writing():
            if self._lines is not None:
                self._lines.writelines(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
            elif self._parquet is not None and rows:
                self._parquet.write_table(table_of(rows, self._kind))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._writing() if error is None else nullcontext():
            self._open.__exit__(kind, error, trace)

    # Around each step and not around the block: reading the records may raise OSError too.
    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"cannot write {self._path} ({error.strerror or error})", "choose another place") from None
