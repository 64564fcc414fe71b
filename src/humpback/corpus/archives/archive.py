"""Finds the records of a web archive, also in damaged bytes.

The next record begins where a record ends. If none begins there, the reader searches for the next one. Each step
depends only on the bytes from its position on, so two readers that reach the same position continue in the same way,
and workers can read spans of one file independently. A record belongs to the span that holds its first stored byte,
together with the damage behind it. In a packed file all records of a member belong to the span in which it begins.

The reader does not look inside a record: an archive in an archive is one record. To know that a position is inside a
record, a reader enters a span `LOOK_BACK` bytes early. Only an archive that is itself a record, and is longer than
that, would give records of its own to a span that begins in its middle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from humpback.corpus.archives.members import Broken, Members, Opened, Stored
from humpback.corpus.archives.tape import HEADER, RECORD, PackedTape, PlainTape, Tape, is_record

LOOK_BACK = 4 << 20
"""Stored bytes before a span at which reading begins."""
HEAD_BYTES = 64 << 10
"""The longest header of a record, and the beginning that is kept of a block that is too long."""
BLANK_LINE = re.compile(rb"\n\r?\n")

_MAGIC = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst", b"\x2a\x4d\x18": ".zst", RECORD: ""}
_LENGTH = re.compile(r"\d{1,18}")
_END = b"\r\n\r\n"
_MAX_LINE_ENDS = 4096
_NO_RECORD = "bytes that are no record"

Fields = Mapping[str, str]
"""The fields of a header by their names in lower case. The values of a repeated field are joined by a comma."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a web archive."""

    offset: str
    """The stored byte it begins at."""
    fields: Fields
    block: bytes
    """Its content, or only the beginning of a content that is too long."""
    length: int
    """Bytes of the whole block."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A place where a record may have been lost."""

    offset: str
    """The stored byte it begins at."""
    detail: str


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a file that is read."""

    begin: int = 0
    """The stored byte it begins with."""
    end: int | None = None
    """The stored byte it ends before; None is the end of the file."""
    look_back: int = LOOK_BACK

    @property
    def entry(self) -> int:
        """Where reading begins."""
        return max(0, self.begin - self.look_back)

    def ends_before(self, offset: int) -> bool:
        """Whether a record that begins at this offset belongs to a later span."""
        return self.end is not None and offset >= self.end


def read_records(file: BinaryIO, most: int, span: Span, compression: str = "") -> Iterator[Record | Damage]:
    """The records of an archive or of a span of it: plain, or packed as gzip members or Zstandard frames.

    Args:
        file: The stored bytes, a seekable stream.
        most: Bytes that a block may have. Of a longer one only the beginning is kept.
        span: The part of the file that is read.
        compression: `.gz` or `.zst`, from the name of the file. It counts only if the first bytes are not known.
    """
    stored = Stored(file)
    head = bytes(stored.view(0, 8))
    for magic, packed in _MAGIC.items():
        if head.startswith(magic) or (packed == ".zst" and head[1:].startswith(magic)):
            compression = packed
    if compression:
        yield from _packed(stored, Members(stored, zstd=compression == ".zst"), most, span)
    else:
        yield from _plain(stored, most, span)


def parse_fields(head: bytes) -> Fields:
    """The fields of a WARC or HTTP header, behind its first line."""
    fields: dict[str, str] = {}
    name = ""
    for line in head.decode("utf-8", "replace").split("\n")[1:]:
        if line[:1] in (" ", "\t"):
            if name:
                fields[name] = f"{fields[name]} {line.strip()}"
            continue
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _plain(stored: Stored, most: int, span: Span) -> Iterator[Record | Damage]:
    tape = PlainTape(stored, span.entry)
    if tape.fill(len(RECORD)) and (span.entry or not tape.data.startswith(RECORD)):
        if not span.begin:
            yield Damage("0", _NO_RECORD)
        tape.seek_record(span.end)
    while not span.ends_before(tape.position) and tape.fill(1):
        ours = tape.position >= span.begin
        for item in _step(tape, most, span.end):
            if ours:
                yield item


def _packed(stored: Stored, members: Members, most: int, span: Span) -> Iterator[Record | Damage]:
    opened = None if span.entry else _first_filled(members)
    if opened is None or not is_record(opened):
        if not span.begin and stored.view(0, 1):
            yield _gap(0, opened)
        opened = _next_record(members, span.entry, span.end)
    while opened is not None and not span.ends_before(opened.member.start):
        tape = PackedTape(members, opened)
        ours = tape.start >= span.begin
        damaged = False
        for item in _records(tape, most):
            damaged = isinstance(item, Damage)
            if ours:
                yield item
        opened = tape.following
        if opened and is_record(opened) and not (damaged and tape.resume < tape.end):
            continue
        if not damaged:
            if not stored.view(tape.end, 1):
                return
            if ours:
                yield _gap(tape.end, opened)
        opened = _next_record(members, tape.resume, span.end)


def _first_filled(members: Members) -> Opened | None:
    """The first member of a file that is not empty, if the file begins with a member."""
    opened = members.open(0, len(RECORD))
    while opened and not opened.first and not opened.wrong:
        opened = members.open(opened.member.at, len(RECORD))
    return opened


def _next_record(members: Members, begin: int, end: int | None) -> Opened | None:
    """The first member between two offsets that begins with a record."""
    candidates = (members.open(offset, len(RECORD)) for offset in members.offsets(begin, end))
    return next((opened for opened in candidates if opened and is_record(opened)), None)


def _gap(offset: int, opened: Opened | None) -> Damage:
    return Damage(str(offset), (opened and opened.wrong) or _NO_RECORD)


def _records(tape: PackedTape, most: int) -> Iterator[Record | Damage]:
    damaged = False
    try:
        while tape.fill(1):
            damaged = False
            for item in _step(tape, most):
                damaged = isinstance(item, Damage)
                yield item
    except Broken as error:
        if not damaged:
            yield Damage(tape.where(tape.begun), str(error))


def _step(tape: Tape, most: int, end: int | None = None) -> Iterator[Record | Damage]:
    """Reads the record at the position and moves the tape to where the next one begins.

    Raises:
        Broken: What is stored cannot be unpacked; the record is lost.
    """
    tape.begin()
    start = tape.begun
    record = _read(tape, most)
    if isinstance(record, Record):
        behind = tape.position
        line_ends = _pass_line_ends(tape)
        tape.fill(len(RECORD))
        ahead = tape.data[tape.head : tape.head + len(RECORD)]
        if not ahead or ahead == RECORD or tape.left_at(behind):
            yield record
            return
        if line_ends.startswith(_END):
            yield record
            yield Damage(tape.where(tape.position), _NO_RECORD)
            if HEADER.search(record.block):  # an archive in an archive, or a wrong length that took in records
                tape.go_back(start + 1)
            tape.seek_record(end)
            return
        record = _described(record.fields, f"no record behind the {record.length} bytes it says it has")
    yield Damage(tape.where(start), record)
    tape.go_back(start + 1)
    tape.seek_record(end)


def _read(tape: Tape, most: int) -> Record | str:
    """The record at the position, or what is wrong with it. Afterwards the tape is behind its block."""
    have, blank = tape.fill(1), None
    while not (blank := BLANK_LINE.search(tape.data, tape.head, tape.head + HEAD_BYTES)):
        if have >= HEAD_BYTES or (filled := tape.fill(2 * have)) == have:
            return "a header without an end"
        have = filled
    if HEADER.search(tape.data, tape.head + len(RECORD), blank.end()):
        return "a header that breaks off before the next record"
    size = blank.end() - tape.head
    fields = parse_fields(tape.data[tape.head : blank.start()])
    digits = _LENGTH.match(fields.get("content-length", ""))
    if digits is None or "warc-type" not in fields:
        return _described(fields, "a header without type or length")
    length = int(digits.group())
    block_size = length if length <= most else min(length, HEAD_BYTES)
    if tape.fill(size + block_size) >= size + block_size:
        block = tape.data[tape.head + size : tape.head + size + block_size]
        if tape.skip_to(tape.begun + size + length):
            return Record(tape.where(tape.begun), fields, block, length)
    return _described(fields, f"shorter than the {length} bytes it says it has")


def _described(fields: Fields, wrong: str) -> str:
    target = fields.get("warc-target-uri")
    return f"{wrong}: {target}" if target else wrong


def _pass_line_ends(tape: Tape) -> bytes:
    """Moves the tape behind line ends and returns them, at most a few thousand: real archives have two."""
    passed = b""
    while len(passed) < _MAX_LINE_ENDS and tape.fill(1):
        ahead = tape.data[tape.head : tape.head + _MAX_LINE_ENDS]
        size = len(ahead) - len(ahead.lstrip(b"\r\n"))
        tape.head += size
        passed += ahead[:size]
        if size < len(ahead):
            break
    return passed
