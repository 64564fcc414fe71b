"""A file of documents as it is stored, here or at a URL: opened, unpacked, and recognised when it has changed."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from humpback.corpus.reading.fetch import is_url, open_url
from humpback.corpus.reading.installed import description
from humpback.errors import InputError
from humpback.records import content_id

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")
READ_WHOLE = 16 << 20
"""Bytes up to which all of a file counts for its fingerprint."""
_SAMPLES = 8
"""Of a larger file so many stretches of a MiB count, evenly spread from the first to the last."""
_CHUNK = 1 << 20
_XZ_MEMORY = 256 << 20
"""Memory that unpacking .xz may take: `xz -9` asks for a quarter of it, a hostile file for gigabytes."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of documents or a stretch of one, or the description of an installed distribution.

    A stretch has the records whose first stored byte lies in it: the line, the row group, the compressed member. So
    the stretches of a file have each of its records once, under the names they have in the whole file.
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
    distribution: str = ""
    """Name of the installed distribution, where it is one."""
    begin: int = 0
    """Stored byte that the stretch begins with."""
    end: int = 0
    """Stored byte that the stretch ends before; 0 is the end of the file."""
    mark: str = ""
    """What a server tells of its content: changes with it."""

    @property
    def whole(self) -> bool:
        """Whether it is the file and not a stretch of it."""
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
        if not self.compression:
            return self.open_stored()
        if self.compression == ".zst":
            import pyarrow as pa  # here because a plan must not wait for it

            stored = pa.PythonFile(self.open_stored(), "r") if self.remote else pa.OSFile(self.path)
            return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(stored, "zstd"), _CHUNK))
        if self.compression == ".xz":
            return cast(BinaryIO, io.BufferedReader(_Xz(self.open_stored()), _CHUNK))
        unpack = gzip.open if self.compression == ".gz" else bz2.open
        return cast(BinaryIO, unpack(self.open_stored() if self.remote else self.path, "rb"))

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
        if self.mark:
            return content_id(self.mark)
        digest = hashlib.blake2b(digest_size=16)
        with self.open_stored() as stream:
            if self.size <= READ_WHOLE:
                left = READ_WHOLE
                while left and (chunk := stream.read(min(_CHUNK, left))):
                    digest.update(chunk)
                    left -= len(chunk)
                return digest.hexdigest()
            digest.update(str(self.size).encode())
            for number in range(_SAMPLES):
                stream.seek((self.size - _CHUNK) * number // (_SAMPLES - 1))
                digest.update(stream.read(_CHUNK))
        return digest.hexdigest()


def file_digest(name: str) -> str:
    """The digest of a file that settings name.

    Raises:
        InputError: It is not there.
    """
    try:
        return SourceFile(name, name, Path(name).stat().st_size).digest()
    except OSError as error:
        raise InputError(f"cannot read {name} ({error.strerror})", "check the path in the settings") from None


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
