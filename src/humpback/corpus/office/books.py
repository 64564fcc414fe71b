"""The result of converting a file, a title and Markdown; and zip archives read with limits.

What reads one format, such as `epub`, runs in the process that `worker` starts.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from lxml import etree

from humpback.corpus.parsing.sections import MAX_LEVEL, Block, Header, Unusable

_TAIL = 66_000
"""Bytes before the end of a zip file in which the record of its directory must be."""
_MOST_DIRECTORY = 16 << 20
_ZIP64 = b"PK\x06\x07"
_OLD = b"\xd0\xcf\x11\xe0"
_MOST_XML = 64 << 20
"""Bytes of XML that are parsed of a DOCX, PPTX or XLSX file: mammoth takes up to forty times as much memory."""


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


def office_archive(path: str) -> Archive:
    """The archive that a DOCX, PPTX or XLSX file is.

    Raises:
        Unusable: It is none.
    """
    with Path(path).open("rb") as stream:
        if stream.read(4) == _OLD:
            raise Unusable("encrypted file", "locked with a password, or in the format of before 2007")
    return Archive(path, _MOST_XML)


def checked_archive(path: str) -> Archive:
    """As `office_archive`, for a library that unpacks all of the file's XML by itself.

    Raises:
        Unusable: It is no such file, or its XML is too long.
    """
    archive = office_archive(path)
    for name in archive.names():
        if name.endswith((".xml", ".rels")):
            archive.read(name)
    return office_archive(path)


def parse_xml(data: bytes) -> etree._Element:
    """The root of an XML file, which may be damaged and brings in nothing from outside.

    Raises:
        Unusable: It is no XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unusable("damaged file", str(error)) from None
    if root is None:
        raise Unusable("damaged file", "a file of its package is no XML")
    return root


def resolved(base: str, href: str) -> str:
    """The member of an archive that a link in another one leads to."""
    path = unquote(href.partition("#")[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path))


def declared_title(archive: Archive) -> str:
    """The title that a DOCX, PPTX or XLSX file declares; empty where it declares none."""
    try:
        root = parse_xml(archive.read("docProps/core.xml"))
    except Unusable:
        return ""
    element = next(root.iter("{http://purl.org/dc/elements/1.1/}title"), None)
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


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
