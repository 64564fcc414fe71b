"""Web archives to test with: records in every packing, and what can happen to their bytes."""

from __future__ import annotations

import functools
import gzip
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from humpback.corpus.archives.archive import LOOK_BACK, Damage, Record, Span, read_records


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": functools.partial(gzip.compress, mtime=0),
    ".zst": zstd,
}
"""Without a time, so that the same bytes are the same whenever they are packed."""


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


def sent(body: bytes, *headers: str, status: int = 200, kind: str = "text/html") -> bytes:
    """An HTTP response."""
    lines = [f"HTTP/1.1 {status} Sent", *([f"Content-Type: {kind}"] if kind else []), *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def words(draw: random.Random, size: int) -> bytes:
    """So many bytes of text; a long one is in no other text."""
    return " ".join(f"word{draw.randrange(10_000)}" for _ in range(size // 8 + 1)).encode()[:size]


def read(
    data: bytes,
    begin: int = 0,
    end: int | None = None,
    *,
    most: int = 1_000_000,
    look_back: int = LOOK_BACK,
    compression: str = "",
) -> list[Record | Damage]:
    """What is in these stored bytes."""
    return list(read_records(io.BytesIO(data), most, Span(begin, end, look_back), compression))


def blocks(found: Sequence[Record | Damage]) -> list[bytes]:
    return [item.block for item in found if isinstance(item, Record)]


def damages(found: Sequence[Record | Damage]) -> list[str]:
    return [item.offset for item in found if isinstance(item, Damage)]


@dataclass(frozen=True)
class Harmed:
    """An archive after its bytes were damaged."""

    compression: str
    data: bytes
    whole: list[bytes]
    """The blocks of the records that no damage touched, in order."""
    largest: int
    """Stored bytes of the largest record."""


def harmed(draw: random.Random, compression: str, hits: int) -> Harmed:
    """A small archive, some of its records archives themselves, damaged in so many random places."""
    contents = [_block(draw) for _ in range(draw.randint(1, 10))]
    stored = [PACKINGS[compression](record(block, uri=f"http://e.org/{at}")) for at, block in enumerate(contents)]
    data, touched = bytearray(b"".join(stored)), set[int]()
    begins = [sum(map(len, stored[:at])) for at in range(len(stored))]
    before = len(data)
    for at in sorted((draw.randrange(len(data)) for _ in range(hits)), reverse=True):
        owner = max(number for number, begin in enumerate(begins) if begin <= at)
        stop = min(before, begins[owner] + len(stored[owner]))
        if at < before and not (compression == "" and _tells_length(stored[owner], at - begins[owner])):
            _harm(draw, data, at, stop, compression)
            touched.add(owner)
            before = at
    whole = [block for number, block in enumerate(contents) if number not in touched]
    return Harmed(compression, bytes(data), whole, max(map(len, stored)))


def _block(draw: random.Random) -> bytes:
    size = draw.choice((0, 1, 30, 300, 3000, 9000))
    kind = draw.choice(("text", "text", "noise", "archive"))
    if kind == "archive":
        pack = PACKINGS[draw.choice(tuple(PACKINGS))]
        inner = (record(words(draw, draw.choice((10, 400))), kind="resource") for _ in range(draw.randint(1, 4)))
        return b"".join(map(pack, inner))
    return draw.randbytes(size) if kind == "noise" else words(draw, size)


def _tells_length(stored: bytes, at: int) -> bool:
    """Whether a byte of a plain record may change its length into that of all records up to a later one."""
    begin = stored.index(b"Content-Length")
    return begin <= at < stored.index(b"\r\n\r\n") + 4


def _harm(draw: random.Random, data: bytearray, at: int, stop: int, compression: str) -> None:
    """Changes, wipes, loses or adds bytes of one record. A plain one that loses as many as the next ones have takes
    them in and looks whole, so there none are lost."""
    harm = draw.choice(("flip", "flip", "wipe", "insert", *(["cut"] if compression else [])))
    size = min(stop - at, draw.randint(1, 500))
    if harm == "flip":
        data[at] ^= draw.randint(1, 255)
    elif harm == "wipe":
        data[at : at + size] = bytes(size)
    elif harm == "cut":
        del data[at : at + size]
    else:
        data[at:at] = draw.randbytes(size)
