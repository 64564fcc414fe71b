"""The content of a web archive as a tape: plain, or unpacked from gzip members or Zstandard frames.

A tape keeps what it has read since the current record began, so that it can go back into a record that proves to be
damaged. It forgets the beginning of a long record and must then read it again.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from humpback.corpus.archives.members import Broken, Members, Opened, Stored

RECORD = b"WARC/"
HEADER = re.compile(rb"WARC/\d\.\d{1,2}\r?\n(?i:WARC-|Content-)")
"""The beginning of a record in a search among other bytes. Five letters alone would match in the middle of a page."""

_PIECE = 64 << 10
_HEADER_BYTES = 32
"""Longer than any match of `HEADER`: so many bytes of a piece are kept, to find a match across two pieces."""
_BOMB_BYTES, _BOMB_RATIO = 1 << 30, 200
"""A record that unpacks to more bytes than this, and to so many times its packed size, is not read to its end."""
_HELD_BACK = 256 << 10
"""Stored bytes that the unpacker may have consumed before it returns their content."""
_MAX_REWINDS = 8
"""How often one member is unpacked again, so that a hostile file cannot make the reader repeat without end."""


@dataclass(frozen=True, slots=True)
class MemberStart:
    """The beginning of a further member."""

    position: int
    """In the content."""
    stored: int


def is_record(opened: Opened) -> bool:
    """Whether a member begins with a record."""
    return opened.first.startswith(RECORD)


class Tape(ABC):
    """Content with a position at which it is read. Positions count bytes of content.

    Args:
        position: Its first position.
    """

    def __init__(self, position: int = 0) -> None:
        self.data = b""
        """What was read and is still needed, and perhaps more."""
        self.head = 0
        """The index of the position in `data`."""
        self.begun = position
        """The position of the current record."""
        self._base = position
        """The position of `data`."""
        self._kept = 0
        """The index in `data` from which on the bytes are still needed."""
        self._read = position
        """The position up to which the tape has read."""

    @property
    def position(self) -> int:
        """The position at which it is read."""
        return self._base + self.head

    def fill(self, size: int) -> int:
        """Reads until so many bytes lie ahead, or the content ends. Returns how many lie ahead.

        Raises:
            Broken: What is stored cannot be unpacked.
        """
        ahead = len(self.data) - self.head
        if ahead >= size:
            return ahead
        pieces = [self.data[self._kept :] if self._kept else self.data]
        self._base, self.head, self._kept = self._base + self._kept, self.head - self._kept, 0
        try:
            while ahead < size and (piece := self._piece(size - ahead)):
                pieces.append(piece)
                ahead += len(piece)
                self._read += len(piece)
        finally:
            self.data = b"".join(pieces)
        return ahead

    def skip_to(self, position: int) -> bool:
        """Moves forward to a position and forgets what lies before it. False if the content ends earlier."""
        while position > self._read:
            self.head = self._kept = len(self.data)
            if not self.fill(1):
                return False
        self.head = position - self._base
        return True

    def go_back(self, position: int) -> None:
        """Moves back to a position, or stays if the member was already unpacked too often."""
        if position >= self._base + self._kept:
            self.head = position - self._base
        else:
            self._rewind(position)

    def seek_record(self, end: int | None = None) -> None:
        """Moves forward to the next beginning of a record, or to the end, or a little behind it."""
        while end is None or self.position < end:
            if match := HEADER.search(self.data, self.head):
                self.head = match.start()
                return
            self.head = self._kept = max(self.head, len(self.data) - _HEADER_BYTES)
            ahead = len(self.data) - self.head
            if self.fill(ahead + 1) == ahead:
                self.head += ahead
                return

    def begin(self) -> None:
        """Begins a record at the position: what lies before it is no longer needed."""
        self._kept = self.head
        self.begun = self.position

    def left_at(self, position: int) -> bool:
        """Whether the record that ends at this position was the last one. If so, the tape ends there."""
        return False

    def where(self, position: int) -> str:
        """A position as a reader can find it in the file: the stored byte."""
        return str(position)

    def _hold(self, data: bytes, position: int) -> None:
        """Forgets everything and continues with this data at this position."""
        self.data, self.head, self._kept = data, 0, 0
        self._base, self._read = position, position + len(data)

    @abstractmethod
    def _piece(self, size: int) -> bytes:
        """The next bytes: about this many, none at the end."""

    @abstractmethod
    def _rewind(self, position: int) -> None:
        """Moves back to a position whose bytes were forgotten."""


class PlainTape(Tape):
    """A file that is not packed: positions are stored bytes."""

    def __init__(self, stored: Stored, position: int) -> None:
        super().__init__(position)
        self._stored = stored

    def skip_to(self, position: int) -> bool:
        """Moves forward to a position. False if the content ends before it."""
        if position > self._read:
            self._rewind(position)
            return bool(self._stored.view(position - 1, 1))  # the end of the file is a position too
        return super().skip_to(position)

    def _piece(self, size: int) -> bytes:
        return bytes(self._stored.view(self._read, max(size, _PIECE)))

    def _rewind(self, position: int) -> None:
        self._hold(b"", position)


class PackedTape(Tape):
    """The content of a member in which a record begins, and of the members behind it that continue its last record.

    Most archives have one record in each member. If a member begins in the middle of a record, as in files that were
    packed in blocks, the tape continues with it. A member that begins with a record has its own tape.
    """

    def __init__(self, members: Members, opened: Opened) -> None:
        super().__init__()
        self.start = opened.member.start
        self.end = self.start
        """The stored byte at which the tape ended."""
        self.following: Opened | None = None
        """The member that begins there, if one does."""
        self._members = members
        self._suspect = self.start
        """A stored byte at or before the one that the record begins at."""
        self._joined: MemberStart | None = None
        """The last member that continued the tape."""
        self._ended = False
        self._rewinds = 0
        self._member = opened.member
        self._load(opened)

    def begin(self) -> None:
        """Begins a record at the position."""
        super().begin()
        self._suspect = max(self.start, self._member.at - _HELD_BACK)

    def left_at(self, position: int) -> bool:
        """Whether the members behind this position are no part of the archive. If so, the tape ends before them."""
        if self._joined is None or self._joined.position < position:
            return False
        self._hold(b"", self._read)
        self.end, self.following, self._ended = self._joined.stored, None, True
        return True

    @property
    def resume(self) -> int:
        """The stored byte from which on to search for records, if none follows or the last one was damaged.

        Bytes that passed a check sum belong to one member. Without one, some may belong to the next member.
        """
        return self.end if self._ended and self._members.checked else max(self.start + 1, self._suspect)

    def where(self, position: int) -> str:
        """The stored byte at which the tape begins, and the byte of its content unless that is the first."""
        return f"{self.start}+{position}" if position else str(self.start)

    def _piece(self, size: int) -> bytes:
        while not self._ended:
            data = self._member.piece()
            if data:
                self._check_size()
                return data
            at = self._member.at
            opened = self._members.open(at, len(RECORD))
            if opened is None or opened.wrong or is_record(opened):
                self.end, self.following, self._ended = at, opened, True
                break
            self._member = opened.member
            self._joined = MemberStart(self._read, at)
            if opened.first:
                return opened.first
        return b""

    def _check_size(self) -> None:
        unpacked, packed = self._read - self.begun, self._member.at - self._suspect
        if unpacked > _BOMB_BYTES and unpacked > _BOMB_RATIO * packed:
            raise Broken(f"{unpacked >> 20} MiB and more from {packed >> 10} KiB")

    def _rewind(self, position: int) -> None:
        opened = self._members.open(self.start, len(RECORD)) if self._rewinds < _MAX_REWINDS else None
        if opened:
            self._rewinds += 1
            self._load(opened)
            self.skip_to(position)

    def _load(self, opened: Opened) -> None:
        self._member, self._ended, self.following = opened.member, False, None
        self._hold(opened.first, 0)
