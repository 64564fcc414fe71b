"""HTTP responses as they were sent to the bytes of the page, in bounded memory and time.

Headers can be wrong: a crawler stores a body unpacked and keeps the header that says gzip, or a server says chunked
but is not. So the first bytes of a body decide if the coding has a signature. If it has none, a body that cannot be
decoded counts as plain. A body that ends early gives a page without its end.
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
"""8 MiB of memory, as much as browsers allow (RFC 9659)."""
_PIECE = 64 << 10
_LOOK = 512
_BINARY = bytes({*range(9), *range(14, 27), *range(28, 32), 127})
"""Bytes that occur in no text, but within a few bytes of anything packed."""


class _Unpacker(Protocol):
    """An unpacker of one member."""

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
    """The response in a block, or None."""
    status = _STATUS.match(block)
    if status is None:
        return None
    blank = BLANK_LINE.search(block, 0, HEAD_BYTES)
    head, body = (block[: blank.start()], block[blank.end() :]) if blank else (block[:HEAD_BYTES], b"")
    return Response(int(status.group(1)), parse_fields(head), body)


def decode_body(response: Response, most: int) -> bytes:
    """The body with its transfer and content codings undone.

    Raises:
        Unusable: It is longer than `most` bytes, or damaged.
    """
    sent = response.fields.get("transfer-encoding", "").lower()
    body = _joined(response.body) if "chunked" in sent else response.body
    codings = f"{response.fields.get('content-encoding', '')},{sent}".lower().split(",")
    codings = [coding.strip() for coding in codings if coding.strip() in _DECODERS]
    if len(codings) > _MAX_CODINGS:
        raise Unusable("damaged body", f"encoded {len(codings)} times")
    for coding in reversed(codings):  # they stand in the order in which they were applied
        body = _DECODERS[coding](body, most)
    if body.startswith(_GZIP):  # packed, and no header says so
        body = _gunzip(body, most)
    if len(body) > most:
        raise _too_long(most)
    return body


def _too_long(most: int) -> Unusable:
    return Unusable("document too long", f"more than {most} bytes")


def _joined(body: bytes) -> bytes:
    """The chunks joined. A body that does not begin with a chunk is returned as it is."""
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
    """The content of members that begin with this signature. Any other body is returned as it is."""
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
    """Servers send both forms of 'deflate': with the header of zlib, as the standard says, and without."""
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
    """Brotli has no signature, and a body that is cut off fails like a damaged one."""
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
"""The decoder of each coding. Unknown codings change nothing."""
