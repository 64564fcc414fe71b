"""Web archives to test with: records in every packing, and what can happen to their bytes."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from humpback.corpus.archive import Damage, Record, Stretch, read_records

MOST = 1_000_000


def record(
    block: bytes,
    kind: str = "response",
    uri: str = "http://example.org/",
    form: str = "application/http; msgtype=response",
    length: int | None = None,
    **fields: str,
) -> bytes:
    """A WARC record; `length` lies about it, underscores in the names of further fields stand for hyphens."""
    lines = ["WARC/1.1", f"WARC-Type: {kind}", "WARC-Record-ID: <urn:uuid:1>", "WARC-Date: 2026-03-01T12:00:00Z"]
    lines += [f"WARC-Target-URI: {uri}", f"Content-Type: {form}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    lines += [f"Content-Length: {len(block) if length is None else length}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"


def response(body: bytes, *headers: str, status: int = 200, kind: str = "text/html") -> bytes:
    """An HTTP response."""
    lines = [f"HTTP/1.1 {status} Sent", *([f"Content-Type: {kind}"] if kind else []), *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstd}


def text_of(number: int, size: int) -> bytes:
    """So many bytes of text that packs to about a third, and that no two numbers share."""
    draw = random.Random(number)
    return " ".join(f"word{draw.randrange(10_000)}" for _ in range(size // 8 + 1)).encode()[:size]


def read(data: bytes, begin: int = 0, end: int | None = None, most: int = MOST, **rest: object) -> list[Record | Damage]:
    """What is in these stored bytes."""
    look_back = rest.get("look_back", 1 << 20)
    assert isinstance(look_back, int)
    stretch = Stretch(begin, end, look_back)
    return list(read_records(io.BytesIO(data), most, stretch, str(rest.get("compression", ""))))


def blocks(found: Sequence[Record | Damage]) -> list[bytes]:
    return [item.block for item in found if isinstance(item, Record)]


def damages(found: Sequence[Record | Damage]) -> list[str]:
    return [item.where for item in found if isinstance(item, Damage)]
