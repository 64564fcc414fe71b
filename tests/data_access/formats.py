"""One small table in every format that is read."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = [
    {"instruction": "Name a prime.", "response": 'Seven,\nsaid "she".', "text": "Flour\u2028and salt.", "helpful": "5"},
    {"instruction": "Wie heißt du?", "response": "Otto.\tUnd du?", "text": "Brötchen, frisch.", "helpful": "2"},
    {"instruction": "Sort b and a.", "response": "a, b", "text": "Sugar.", "helpful": "1"},
]
INSTRUCTIONS, RESPONSES, TEXTS = ([row[name] for row in ROWS] for name in ("instruction", "response", "text"))
PAIRS = list(zip(INSTRUCTIONS, RESPONSES, strict=True))


def json_lines() -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def separated(delimiter: str) -> bytes:
    text = io.StringIO()
    table = csv.DictWriter(text, list(ROWS[0]), delimiter=delimiter)
    table.writeheader()
    table.writerows(ROWS)
    return text.getvalue().encode()


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), sink, row_group_size=2)
    return sink.getvalue()


def arrow(open_writer: Callable[..., pa.RecordBatchWriter]) -> bytes:
    sink = io.BytesIO()
    table = pa.Table.from_pylist(ROWS)
    with open_writer(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


FORMATS = {
    "a.jsonl": json_lines(),
    "a.ndjson": b"\xef\xbb\xbf" + json_lines() + b"\n\n",
    "a.json": json.dumps(ROWS, indent=1).encode(),
    "object.json": json.dumps({"version": 1, "rows": ROWS}).encode(),
    "lines.json": json_lines(),
    "a.csv": separated(","),
    "a.tsv": separated("\t"),
    "a.parquet": parquet(),
    "file.arrow": arrow(pa.ipc.new_file),
    "stream.arrow": arrow(pa.ipc.new_stream),
}
PACKERS = {"": bytes, ".gz": gzip.compress, ".zst": zstd, ".bz2": bz2.compress, ".xz": lzma.compress}
