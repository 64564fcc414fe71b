"""The lines of a file of JSON lines or of a span of one, each with its name, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from humpback.data_access.source_file import SourceFile

COUNTED = 64 << 20
"""Uncompressed files of more bytes than this name their lines by their offset, not by their number."""
_CHUNK = 1 << 20


class Line(NamedTuple):
    """One line. A tuple, because making a frozen dataclass takes as long as reading the line."""

    name: str
    data: bytes | None
    """None where it is too long to be read."""


def read_lines(file: SourceFile, longest: int, *, counted: bool = False) -> Iterator[Line]:
    """The lines of at most `longest` bytes that begin in a span; a longer one has a name alone.

    A line is called `file#ROW`, counted from 1. To know the number of a line in the middle, the lines before it must be
    counted, so in a big uncompressed file, which may be read in spans, it is called `file#byte=OFFSET`. Which of the
    two depends on the file alone: its lines have the same names however it is split.

    Args:
        file: The file or the span.
        longest: Bytes of the longest line.
        counted: Name lines by their number in a big file too.
    """
    counted = counted or bool(file.compression) or file.size <= COUNTED
    offset = number = 0
    with file.open() as stream:
        if file.begin:
            number = _newlines(stream, file.begin - 1) + 1 if counted else 0
            # From one byte before: where that byte ends a line, the span begins with a whole line.
            stream.seek(file.begin - 1)
            offset = file.begin - 1 + _skip_line(stream)
        while not file.end or offset < file.end:
            data = stream.readline(longest + 1)
            if not data:
                return
            number += 1
            name = f"{file.name}#{number}" if counted else f"{file.name}#byte={offset}"
            offset += len(data)
            if len(data) > longest and not data.endswith(b"\n"):
                offset += _skip_line(stream)
                yield Line(name, None)
            else:
                yield Line(name, data)


def first_object(file: SourceFile, longest: int) -> dict[str, Any] | None:
    """The first object of the file where it stands before the span, so that all spans go by the same one."""
    offset = 0
    with file.open() as stream:
        while offset < file.begin:
            data = stream.readline(longest + 1)
            if not data:
                return None
            offset += len(data)
            if len(data) > longest and not data.endswith(b"\n"):
                offset += _skip_line(stream)
            elif isinstance(values := parse(data), dict):
                return values
    return None


def parse(line: bytes) -> dict[str, Any] | str:
    """The object on a line, or what is wrong with it."""
    try:
        values = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        return " ".join(str(error).split())[:200]
    return values if isinstance(values, dict) else f"{type(values).__name__}, not an object"


def _skip_line(stream: BinaryIO) -> int:
    """Moves on to the next line, and returns the number of bytes passed."""
    passed = 0
    while piece := stream.readline(_CHUNK):
        passed += len(piece)
        if piece.endswith(b"\n"):
            break
    return passed


def _newlines(stream: BinaryIO, size: int) -> int:
    count = 0
    while size > 0 and (data := stream.read(min(size, _CHUNK))):
        count += data.count(b"\n")
        size -= len(data)
    return count
