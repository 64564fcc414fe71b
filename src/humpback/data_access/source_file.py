"""A file that is read, here or at a URL: opened, unpacked, and recognised when it has changed."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

from humpback.data_access.installed import description
from humpback.data_access.urls import is_url, open_url
from humpback.records import content_id

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")
FULLY_READ = 16 << 20
"""Bytes up to which all of a file counts for its fingerprint."""
_SAMPLES = 8
"""Number of samples of one MiB that count of a larger file, evenly spread from the first byte to the last."""
_CHUNK = 1 << 20
_XZ_MEMORY = 256 << 20
"""Memory that unpacking .xz may take: `xz -9` asks for a quarter of it, a hostile file for gigabytes."""
_SIGNATURES = {
    b"\x1f\x8b\x08": ".gz",
    b"\x28\xb5\x2f\xfd": ".zst",
    **{b"BZh%d1AY&SY" % level: ".bz2" for level in range(1, 10)},
    b"\xfd7zXZ\x00": ".xz",
}
_LONGEST_SIGNATURE = max(map(len, _SIGNATURES))


def ending_and_compression(name: str) -> tuple[str, str]:
    """The ending that says what a file holds, and the one that says how it is compressed; either may be empty."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
    return suffixes[-1] if suffixes else "", compression


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file or a span of one, or the description of an installed distribution.

    A span has the records whose first stored byte lies in it: the line, the row group, the compressed member. So the
    spans of a file have each of its records once, under the names they have in the whole file.
    """

    path: str
    """The file or its URL, which may hold a password; for a distribution the folder it is installed in."""
    name: str
    """What provenance calls it: the path below the folder that was asked for, or the URL without its secrets."""
    size: int
    """In bytes, as stored; 0 where a server does not tell."""
    ending: str = ""
    """The ending that says what is in it, in lower case; empty for a distribution and where there is none."""
    compression: str = ""
    """The compression that its name says."""
    distribution: str = ""
    """Name of the installed distribution, where it is one."""
    begin: int = 0
    """Stored byte that the span begins with."""
    end: int = 0
    """Stored byte that the span ends before; 0 is the end of the file."""
    mark: str = ""
    """What a server tells of its content: changes with it."""
    passed_over: str = ""
    """Why it is not read, in words that follow a number, such as ".doc" for its kind; empty where it is read."""

    @property
    def whole(self) -> bool:
        """Whether it is the file and not a span of it."""
        return not (self.begin or self.end)

    @property
    def remote(self) -> bool:
        """Whether it lies at a URL."""
        return is_url(self.path)

    def holds(self, offset: int) -> bool:
        """Whether a record that begins at this stored byte belongs to it."""
        return (not self.begin or offset >= self.begin) and (not self.end or offset < self.end)

    def open(self) -> BinaryIO:
        """The content of the whole file as a stream, decompressed.

        Reading it raises OSError, EOFError, zlib.error, lzma.LZMAError or ValueError where it is damaged.
        """
        stored = self.open_stored()
        # A file that is read in spans is not compressed: `parts` made sure of that.
        compression = (self.whole and _signature(stored)) or self.compression
        if not compression:
            return stored
        if compression == ".xz":
            return cast(BinaryIO, io.BufferedReader(_Xz(stored), _CHUNK))
        if not self.remote:
            stored.close()  # those below read faster by the path, and close what they opened
        if compression == ".zst":
            import pyarrow as pa  # here because a plan must not wait for it

            source = pa.PythonFile(stored, "r") if self.remote else pa.OSFile(self.path)
            return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(source, "zstd"), _CHUNK))
        unpack = gzip.open if compression == ".gz" else bz2.open
        return cast(BinaryIO, unpack(stored if self.remote else self.path, "rb"))

    @property
    def compressed(self) -> bool:
        """Whether its name or its first bytes say that it is compressed. Reads from the file."""
        if self.compression:
            return True
        with self.open_stored() as stored:
            return bool(_signature(stored))

    def open_stored(self) -> BinaryIO:
        """The bytes of the whole file as they are stored; can be sought in."""
        if self.distribution:
            return io.BytesIO(description(self.distribution).encode("utf-8", "surrogatepass"))
        return open_url(self.path, self.end) if self.remote else Path(self.path).open("rb")

    def digest(self) -> str:
        """32 hex digits that change with its content, for fingerprints.

        All of a file up to 16 MiB counts. Of a larger one its size counts and 8 MiB of it, evenly spread from the first
        to the last, so a change between those that keeps the size is not seen: a word exchanged for another of the same
        length in a text file. (A compressed file ends with a checksum or differs from the change on.) At a URL the size
        and what the server tells count: a checksum, else the time it was written; where it tells neither, the content
        does, as above.
        """
        try:
            return content_id(self.mark) if self.mark else self._sampled_digest()
        except OSError:  # one file of many that cannot be read is dropped and counted where it is read
            return content_id("cannot be read")

    def _sampled_digest(self) -> str:
        if self.size <= FULLY_READ:
            return self._digest_of_bytes(FULLY_READ)
        digest = hashlib.blake2b(digest_size=16)
        with self.open_stored() as stream:
            digest.update(str(self.size).encode())
            for number in range(_SAMPLES):
                stream.seek((self.size - _CHUNK) * number // (_SAMPLES - 1))
                digest.update(stream.read(_CHUNK))
        return digest.hexdigest()

    def full_digest(self) -> str:
        """As `digest`, but all of a file counts, however large it is. For data that every stage depends on."""
        return content_id(self.mark) if self.mark else self._digest_of_bytes(sys.maxsize)

    def _digest_of_bytes(self, most: int) -> str:
        digest = hashlib.blake2b(digest_size=16)
        with self.open_stored() as stream:
            while most and (chunk := stream.read(min(_CHUNK, most))):
                digest.update(chunk)
                most -= len(chunk)
        return digest.hexdigest()


def _signature(stored: BinaryIO) -> str:
    """The compression that the first bytes of a file are the signature of; empty where they are of none.

    A name that says .gz before bytes that are not compressed stays an error of the unpacker: such a file is damaged.
    """
    head = stored.peek(_LONGEST_SIGNATURE) if isinstance(stored, io.BufferedReader) else b""
    return next((kind for signature, kind in _SIGNATURES.items() if head.startswith(signature)), "")


class _Xz(io.RawIOBase):
    """Unpacks .xz in bounded memory, which the standard library's file object does not."""

    def __init__(self, stored: BinaryIO) -> None:
        self._stored = stored
        self._unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = b""
        while not data:
            packed = b""
            if self._unpacker.eof:
                # A file may hold several streams, with null bytes between them.
                packed = self._unpacker.unused_data.lstrip(b"\0") or self._stored.read(_CHUNK).lstrip(b"\0")
                if not packed:
                    return 0
                self._unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            elif self._unpacker.needs_input:
                packed = self._stored.read(_CHUNK)
                if not packed:
                    raise EOFError("the compressed file ended before its end mark")
            data = self._unpacker.decompress(packed, len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stored.close()
        super().close()
