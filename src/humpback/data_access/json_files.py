"""The objects of a .json file: of a list, one at a time; of an object that holds one list; or of JSON lines.

A list is read in bounded memory, however long it is. Anything else must fit into `LARGEST` bytes.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from humpback.data_access.lines import parse

LARGEST = 512 << 20
"""Bytes of the largest .json file that is no list: such a file is read as a whole."""
_CHUNK = 1 << 20
_WHITE = re.compile(r"[ \t\n\r]*")
_LONGEST_TOKEN = 16
"""Characters of the longest word or escape that JSON has outside of strings, and to spare."""


def read_json(stream: BinaryIO, chunk: int = _CHUNK) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The objects of a JSON file, or what is wrong with one, each with its number. Closes the stream.

    Numbers count from 1: items of a list, or lines where the file holds JSON lines.

    Args:
        stream: The file, decompressed.
        chunk: Characters to read at a time.

    Raises:
        ValueError: It is no JSON, is not UTF-8, or holds no list of objects, or is too large.
        RecursionError: It is nested too deeply.
    """
    with io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        begin = ""
        while not begin.strip() and (addition := text.read(chunk)):
            begin += addition
        if begin.lstrip().startswith("["):
            for number, item in enumerate(_list_items(text, begin.lstrip()[1:], chunk), start=1):
                yield number, _as_object(item)
            return
        content = begin + text.read(LARGEST)
    if len(content) >= LARGEST:
        raise ValueError(f"it is no list and larger than {LARGEST >> 20} MiB: write JSON lines")
    yield from _rows_of_document(content)


def _as_object(value: object) -> dict[str, Any] | str:
    return value if isinstance(value, dict) else f"{type(value).__name__}, not an object"


def _rows_of_document(content: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    try:
        value = json.loads(content)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        # JSON lines under the wrong name. Split at \n only: JSON strings may hold U+2028 and the like.
        for number, line in enumerate(content.split("\n"), start=1):
            if line.strip():
                yield number, parse(line.encode("utf-8"))
        return
    if not isinstance(value, dict):
        raise ValueError("it holds no list of rows")
    lists = [item for item in value.values() if isinstance(item, list) and item and isinstance(item[0], dict)]
    # One conversation alone in a file is an object that holds a list too: that list is its turns, not rows.
    rows = lists[0] if len(lists) == 1 and not _is_conversation(lists[0]) else [value]
    yield from enumerate(map(_as_object, rows), start=1)


def _is_conversation(items: list[dict[str, Any]]) -> bool:
    return bool({"role", "from"} & items[0].keys())


def _list_items(text: io.TextIOWrapper, buffer: str, chunk: int) -> Iterator[object]:
    """The items of a list of which the bracket has been read; memory holds one item and one chunk."""
    decoder = json.JSONDecoder()
    size = chunk
    first = True
    position = 0
    while True:
        try:
            item, position = _next_item(decoder, buffer, position, first=first)
        except _Incomplete as error:
            # Twice as much after each failure: an item of many chunks is parsed a few times, not once for each.
            addition = text.read(size)
            if not addition:
                raise ValueError(str(error)) from None
            buffer, position, size = buffer[position:] + addition, 0, min(2 * size, LARGEST)
            if len(buffer) > LARGEST:
                raise ValueError(f"an item of the list is larger than {LARGEST >> 20} MiB") from None
            continue
        if item is _END:
            break
        first, size = False, chunk
        yield item
    trailing = buffer[position:]
    while trailing or (trailing := text.read(chunk)):
        if trailing.strip():
            raise ValueError("more text follows the list")
        trailing = ""


_END = object()


class _Incomplete(Exception):
    """The buffer ends before the next item does, or the item is no JSON: which of the two, only more text can tell."""


def _next_item(decoder: json.JSONDecoder, buffer: str, position: int, *, first: bool) -> tuple[object, int]:
    """The next item and the position behind it; `_END` where the list ends."""
    position = _skip_white(buffer, position)
    if buffer.startswith("]", position):
        return _END, position + 1
    if not first:
        if position < len(buffer) and buffer[position] != ",":
            raise ValueError(f"Expecting ',' delimiter, not {buffer[position]!r}")
        position = _skip_white(buffer, position + 1)
    try:
        item, end = decoder.raw_decode(buffer, position)
    except json.JSONDecodeError as error:
        # A string that is cut off is reported where it begins, all else where the buffer ends.
        if not error.msg.startswith("Unterminated string") and error.pos < len(buffer) - _LONGEST_TOKEN:
            raise
        raise _Incomplete(error.msg) from None
    # A number at the end of the buffer may continue in the next chunk.
    if _skip_white(buffer, end) >= len(buffer):
        raise _Incomplete("the list does not end")
    return item, end


def _skip_white(buffer: str, position: int) -> int:
    match = _WHITE.match(buffer, position)
    return match.end() if match else position
