"""Record types as tables: their columns, and files of them in Parquet and JSONL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from humpback.errors import InputError, StoreError

Record = TypeVar("Record")

_ARROW = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "float | None": pa.float64()}


def arrow_schema(kind: type) -> pa.Schema:
    """The columns that a record type is stored in."""
    return pa.schema([(item.name, _arrow_type(kind, item.name)) for item in fields(kind)])


def _arrow_type(kind: type, name: str) -> pa.DataType:
    annotation = str(get_type_hints(kind)[name])
    if annotation.startswith("tuple[str"):
        return pa.list_(pa.string())
    return _ARROW.get(annotation.removeprefix("<class '").removesuffix("'>"), pa.string())


def table_of(records: Sequence[Any], kind: type) -> pa.Table:
    """Records of one type as an Arrow table."""
    schema = arrow_schema(kind)
    columns = [pa.array([getattr(r, name) for r in records], schema.field(name).type) for name in schema.names]
    return pa.Table.from_arrays(columns, schema=schema)


def read_records(path: Path, kind: type[Record]) -> Iterator[Record]:
    """The records of one Parquet file, in order.

    Raises:
        StoreError: The file is damaged.
    """
    lists = [name for name in (item.name for item in fields(kind)) if _arrow_type(kind, name) == pa.list_(pa.string())]  # type: ignore[arg-type]
    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(f"{path} cannot be read ({error})", "delete its stage and run again") from None
    for row in rows:
        for name in lists:
            row[name] = tuple(row[name] or ())
        yield kind(**row)


class TableWriter:
    """Streams records of one type to a JSONL or Parquet file that appears under its name when it is whole.

    Args:
        path: File to write; None writes nothing.
        kind: Type of the records.

    Raises:
        InputError: The ending is neither .jsonl nor .parquet, or the place cannot be written.
    """

    def __init__(self, path: Path | None, kind: type) -> None:
        self._path = path
        self._kind = kind
        self._parquet: Any = None
        self._lines: IO[str] | None = None
        if path is not None and path.suffix not in (".jsonl", ".parquet"):
            raise InputError(f"cannot tell how to write {path}", "end its name with .jsonl or .parquet")

    def __enter__(self) -> TableWriter:
        if self._path is None:
            return self
        temporary = self._temporary(self._path)
        try:
            if self._path.suffix == ".jsonl":
                self._lines = temporary.open("w", encoding="utf-8")
            else:
                self._parquet = pq.ParquetWriter(temporary, arrow_schema(self._kind), compression="zstd")
        except OSError as error:
            raise InputError(f"cannot write {self._path} ({error.strerror or error})", "choose another place") from None
        return self

    def write(self, records: Iterable[Any]) -> None:
        """Adds records."""
        rows = tuple(records)
        if self._lines is not None:
            self._lines.writelines(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
        elif self._parquet is not None and rows:
            self._parquet.write_table(table_of(rows, self._kind))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in (self._lines, self._parquet):
            if handle is not None:
                handle.close()
        if self._path is None:
            return
        temporary = self._temporary(self._path)
        if error is None:
            temporary.replace(self._path)
        else:
            temporary.unlink(missing_ok=True)

    @staticmethod
    def _temporary(path: Path) -> Path:
        return path.with_name(path.name + ".tmp")
