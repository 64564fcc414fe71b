"""Stored bytes to members: the gzip members or Zstandard frames that a file is packed in, from any offset on.

A member can be opened at any byte, so a reader can continue behind damage, or begin in the middle of a file. Memory
holds one block of stored bytes and one piece of unpacked bytes.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from humpback.corpus.archives.zstd import DecompressionParameter, ZstdDecompressor, ZstdDict, ZstdError

_BLOCK = 1 << 20
_FEED = 16 << 10
"""Stored bytes that are unpacked at a time. Few, because zlib copies what a small member does not use."""
_PIECE = 1 << 20
_DICTIONARY = b"\x5d\x2a\x4d\x18"
_MAX_DICTIONARY = 16 << 20
_MAX_WINDOW_LOG = 27
"""128 MiB, as `zstd --long` needs. A frame that asks for more memory is not unpacked."""


class Broken(Exception):
    """Packed bytes that cannot be unpacked. The message says why."""


class Stored:
    """The stored bytes of a file, read in blocks at any offset."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begin = 0
        self._block = memoryview(b"")
        self._last = False
        """Whether this block reaches the end of the file."""

    def view(self, at: int, size: int) -> memoryview:
        """This many bytes from an offset on, fewer only at the end of the file. Valid until the next call."""
        begin = at - self._begin
        if begin < 0 or (begin + size > len(self._block) and not (self._last and begin <= len(self._block))):
            read_size = max(size, _BLOCK)
            self._file.seek(at)
            self._block = memoryview(self._file.read(read_size))
            self._begin, begin, self._last = at, 0, len(self._block) < read_size
        return self._block[begin : begin + size]


class _Unpacker(Protocol):
    """An unpacker of one member that stops at its end."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes | memoryview, max_length: int = -1, /) -> bytes: ...


class _Gunzip:
    """zlib's unpacker with the interface of the others. A piece has at most a thousand times the bytes of its input."""

    needs_input = True

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes | memoryview, max_length: int = -1, /) -> bytes:
        return self._inflate.decompress(data)


class Member:
    """One gzip member or Zstandard frame, unpacked piece by piece."""

    def __init__(self, stored: Stored, start: int, unpacker: _Unpacker) -> None:
        self.start = start
        self.at = start
        """The next stored byte to unpack. Once `piece` has returned everything, the end of the member."""
        self._stored = stored
        self._unpacker = unpacker

    def piece(self) -> bytes:
        """The next unpacked bytes, none at the end.

        Raises:
            Broken: It is damaged here, or fails its check sum, or the file ends too early.
        """
        unpacker = self._unpacker
        while not unpacker.eof:
            packed = self._stored.view(self.at, _FEED) if unpacker.needs_input else memoryview(b"")
            if unpacker.needs_input and not packed:
                raise Broken("the file ends in the middle of it")
            try:
                data = unpacker.decompress(packed, _PIECE)
            except (zlib.error, ZstdError) as error:
                raise Broken(f"cannot be unpacked: {str(error).rpartition(': ')[2]}") from None
            self.at += len(packed)
            if unpacker.eof:
                self.at -= len(unpacker.unused_data)
            if data:
                return data
        return b""


@dataclass(frozen=True, slots=True)
class Opened:
    """A member and its first bytes, already unpacked."""

    member: Member
    first: bytes
    """At least the requested number of bytes, or all of them."""
    wrong: str = ""
    """Why it cannot be unpacked; empty if it can."""


class Members:
    """The members of a packed file.

    Args:
        stored: The file.
        zstd: Whether they are Zstandard frames. Otherwise they are gzip members.
    """

    def __init__(self, stored: Stored, *, zstd: bool) -> None:
        self.checked = not zstd
        """Whether each must end with a check sum. In Zstandard the writer decides."""
        self._stored = stored
        self._magic = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18" if zstd else rb"\x1f\x8b\x08[\x00-\x1f]")
        self._zstd = zstd
        self._dictionary = _dictionary(stored) if zstd else None

    def open(self, at: int, size: int) -> Opened | None:
        """The member that begins at a stored byte, with its first bytes, or None."""
        if not self._magic.match(self._stored.view(at, 4)):
            return None
        member = Member(self._stored, at, self._unpacker())
        first = b""
        try:
            while len(first) < size and (data := member.piece()):
                first = first + data if first else data
        except Broken as error:
            return Opened(member, b"", str(error))
        return Opened(member, first)

    def offsets(self, begin: int, end: int | None) -> Iterator[int]:
        """Offsets at which a member could begin, between two stored bytes. None is the end of the file."""
        while end is None or begin < end:
            block = bytes(self._stored.view(begin, _BLOCK))
            for match in self._magic.finditer(block):
                offset = begin + match.start()
                if end is not None and offset >= end:
                    return
                yield offset
            if len(block) < _BLOCK:
                return
            begin += len(block) - 3  # a signature of four bytes may lie across two blocks

    def _unpacker(self) -> _Unpacker:
        if self._zstd:
            return ZstdDecompressor(self._dictionary, {DecompressionParameter.window_log_max: _MAX_WINDOW_LOG})
        return _Gunzip()


def _dictionary(stored: Stored) -> ZstdDict | None:
    """The dictionary at the beginning of a file of Zstandard frames, if it has one (the .warc.zst specification)."""
    head = bytes(stored.view(0, 8))
    if len(head) < 8 or not head.startswith(_DICTIONARY):
        return None
    (size,) = struct.unpack("<I", head[4:])
    if size > _MAX_DICTIONARY:
        return None
    data = bytes(stored.view(8, size))
    with suppress(ZstdError, ValueError):
        if data.startswith(b"\x28\xb5\x2f\xfd"):  # a dictionary may be packed itself
            data = ZstdDecompressor().decompress(data, _MAX_DICTIONARY)
        return ZstdDict(data)
    return None
