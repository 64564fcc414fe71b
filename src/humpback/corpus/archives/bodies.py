"""HTTP responses as they were sent, to the bytes of the page: chunks joined, codings undone, memory and time bounded.

Headers lie: a crawler stores a body unpacked and keeps the header that says gzip, a server says chunked and is not.
What a body is told by its first bytes where a coding has such; where it has none, a body that cannot be decoded is
taken to be plain. A body that ends early is a page without its end.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fastwarc.stream_io import BrotliReader

from humpback.corpus.archives.archive import BLANK_LINE, HEAD_BYTES, Fields, parse_fields
from humpback.corpus.archives.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
from humpback.corpus.parsing.sections import Unusable

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})")
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]{0,1000})?\r?\n")
_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_MAX_CODINGS = 4
_MAX_MEMBERS = 64
_SMALL_WINDOW: Mapping[int, int] = {DecompressionParameter.window_log_max: 23}
"""8 MiB of memory: what browsers allow (RFC 9659)."""
_PIECE = 64 << 10
_LOOK = 512
_BINARY = bytes({*range(9), *range(14, 27), *range(28, 32), 127})
"""Bytes that no text holds, and that are among any few bytes that are packed."""


class _Unpacker(Protocol):
    """What unpacks one member."""

    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response as it was sent."""

    status: int
    fields: Fields
    body: bytes
    """Not decoded."""


def parse_response(block: bytes) -> Response | None:
    """The response in a block; None where it holds none."""
    status = _STATUS.match(block)
    if status is None:
        return None
    blank = BLANK_LINE.search(block, 0, HEAD_BYTES)
    head, body = (block[: blank.start()], block[blank.end() :]) if blank else (block[:HEAD_BYTES], b"")
    return Response(int(status.group(1)), parse_fields(head), body)


def decode_body(response: Response, most: int) -> bytes:
    """The body with everything undone that was done to it for its way.

    Raises:
        Unusable: It is longer than so many bytes, or damaged.
    """
    sent = response.fields.get("transfer-encoding", "").lower()
    body = _joined(response.body) if "chunked" in sent else response.body
    codings = f"{response.fields.get('content-encoding', '')},{sent}".lower().split(",")
    codings = [coding.strip() for coding in codings if coding.strip() in _DECODERS]
    if len(codings) > _MAX_CODINGS:
        raise Unusable("damaged body", f"encoded {len(codings)} times")
    for coding in reversed(codings):
        body = _DECODERS[coding](body, most)
    if body.startswith(_GZIP):
        body = _gunzip(body, most)
    if len(body) > most:
        raise _too_long(most)
    return body


def _too_long(most: int) -> Unusable:
    return Unusable("document too long", f"more than {most} bytes")


def _joined(body: bytes) -> bytes:
    """Chunks as one; the body as it is where it does not begin with a chunk."""
    joined = bytearray()
    at = 0
    while chunk := _CHUNK.match(body, at):
        begin = chunk.end()
        end = begin + int(chunk.group(1), 16)
        joined += body[begin:end]
        line_end = body[end : end + 2]
        if end == begin or not line_end:
            return bytes(joined)
        if line_end != b"\r\n" and line_end[:1] != b"\n":
            break
        at = end + (2 if line_end == b"\r\n" else 1)
    return bytes(joined) if at else body


def _gunzip(body: bytes, most: int) -> bytes:
    return _unpack(body, _GZIP, lambda: zlib.decompressobj(wbits=31), most)


def _unzstd(body: bytes, most: int) -> bytes:
    return _unpack(body, _ZSTD, lambda: ZstdDecompressor(options=_SMALL_WINDOW), most)


def _unpack(body: bytes, magic: bytes, opened: Callable[[], _Unpacker], most: int) -> bytes:
    """What is packed as members that begin with these bytes; the body as it is where it does not."""
    if not body.startswith(magic):
        return body
    unpacked = bytearray()
    for _ in range(_MAX_MEMBERS):
        if not body.startswith(magic):
            break
        unpacker = opened()
        try:
            unpacked += unpacker.decompress(body, most + 1 - len(unpacked))
        except (zlib.error, ZstdError) as error:
            raise Unusable("damaged body", str(error).rpartition(": ")[2]) from None
        if len(unpacked) > most:
            raise _too_long(most)
        body = unpacker.unused_data
    return bytes(unpacked)


def _inflate(body: bytes, most: int) -> bytes:
    """Servers mean either form of 'deflate': with the header of zlib, or bare."""
    for wbits in (15, -15):
        try:
            unpacked = zlib.decompressobj(wbits).decompress(body, most + 1)
        except zlib.error:
            continue
        if len(unpacked) > most:
            raise _too_long(most)
        return unpacked
    return body


def _unbrotli(body: bytes, most: int) -> bytes:
    """Brotli has no first bytes to be known by, and what is cut off looks like what is damaged."""
    if body[:_LOOK].isascii() and body.lstrip()[:1] == b"<":
        return body
    unpacked = bytearray()
    try:
        reader = BrotliReader(io.BytesIO(body))
        while piece := reader.read(_PIECE):
            unpacked += piece
            if len(unpacked) > most:
                raise _too_long(most)
    except OSError as error:
        if not unpacked and len(body) == len(body.translate(None, _BINARY)):
            return body
        if not unpacked:
            raise Unusable("damaged body", str(error)) from None
    return bytes(unpacked)


_DECODERS = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
"""What undoes which coding; others, and names that are none, change nothing."""
