"""The result of converting a file, a title and Markdown; and zip archives read with limits.

Everything in `epub`, `docx` and `pdf` runs in the process that `worker` starts.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from humpback.corpus.parsing.sections import MAX_LEVEL, Block, Header, Unusable

_TAIL = 66_000
"""Bytes before the end of a zip file in which the record of its directory must be."""
_MOST_DIRECTORY = 16 << 20
_ZIP64 = b"PK\x06\x07"


@dataclass(frozen=True, slots=True)
class Book:
    """A document that was converted."""

    title: str
    text: str
    """Markdown."""


class Archive:
    """A zip file of which no more than the limit is unpacked, whatever its headers say.

    Args:
        path: The file.
        most: Bytes to unpack in all members together.

    Raises:
        Unusable: It is no zip file, or one that would take too much memory.
    """

    def __init__(self, path: str, most: int) -> None:
        _check_directory(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise Unusable("damaged file", str(error)) from None
        self._left = most
        self._most = most

    def names(self) -> list[str]:
        """The names of its members."""
        return self._zip.namelist()

    def read(self, name: str) -> bytes:
        """The content of a member.

        Raises:
            Unusable: It is not there, damaged, encrypted, or too long.
        """
        try:
            with self._zip.open(name) as member:
                data = member.read(self._left + 1)
        except KeyError:
            raise Unusable("damaged file", f"it has no {name[:100]!r}") from None
        except RuntimeError as error:  # zipfile raises it if a password is needed
            raise Unusable("encrypted file", str(error)) from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
            raise Unusable("damaged file", f"{name[:100]}: {error}") from None
        self._left -= len(data)
        if self._left < 0:
            raise Unusable("document too long", f"more than {self._most} bytes unpacked")
        return data


def markdown(blocks: Iterable[Block]) -> str:
    """Headers and blocks as one text."""
    parts = [
        f"{'#' * min(max(block.level, 1), MAX_LEVEL)} {block.title}" if isinstance(block, Header) else block
        for block in blocks
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n\n".join(part for part in parts if part.strip()))


def _check_directory(path: str) -> None:
    """Refuses an archive whose directory alone would fill the memory: zipfile reads all of it."""
    with open(path, "rb") as stream:  # noqa: PTH123 - a name of any kind
        stream.seek(0, 2)
        stream.seek(max(0, stream.tell() - _TAIL))
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise Unusable("damaged file", "no zip archive, or one that is cut off")
    size = int.from_bytes(tail[at + 12 : at + 16], "little")
    if size > _MOST_DIRECTORY or tail[max(0, at - 20) : at].startswith(_ZIP64):
        raise Unusable("document too long", "an archive of too many files")
