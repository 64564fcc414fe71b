"""The content of a web archive as one runs through it: plain, or unpacked from gzip members or Zstandard frames.

A tape remembers what it has read since a record began, so that it can go back into a record that turned out to be
damaged. Of a long one it forgets the beginning, and must read it again.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from humpback.corpus.archives.members import Broken, Members, Opened, Stored

RECORD = b"WARC/"
HEADER = re.compile(rb"WARC/\d\.\d{1,2}\r?\n(?i:WARC-|Content-)")
"""How a record begins where one is looked for among other bytes."""

_PIECE = 64 << 10
_HEADER_BYTES = 32
"""More than `HEADER` matches: what is kept of one piece, so that it is found across two."""
_BOMB_BYTES, _BOMB_RATIO = 1 << 30, 200
"""A record that unpacks to more than this, from so many times fewer bytes, is not read to its end."""
_HELD_BACK = 256 << 10
"""Stored bytes that may have been taken in before what they stand for comes out."""
_MAX_REWINDS = 8
"""How often the content of one member is unpacked again: a file made to be read over and over is not."""


@dataclass(frozen=True, slots=True)
class MemberStart:
    """Where a further member begins."""

    position: int
    """In the content."""
    stored: int


def is_record(opened: Opened) -> bool:
    """Whether a member begins with a record."""
    return opened.first.startswith(RECORD)


class Tape(ABC):
    """Content with a place at which it is read. Positions count bytes of content.

    Args:
        position: Where it begins.
    """

    def __init__(self, position: int = 0) -> None:
        self.data = b""
        """What has been read and is still needed, and perhaps some of what is not."""
        self.head = 0
        """The place in `data`."""
        self.begun = position
        """The position of the record that is being read."""
        self._base = position
        """The position of `data`."""
        self._kept = 0
        """The place in `data` from which on it is needed."""
        self._read = position
        """The position that has been read to."""

    @property
    def position(self) -> int:
        """The place at which it is read."""
        return self._base + self.head

    def fill(self, size: int) -> int:
        """Reads until so many bytes lie ahead, or the content ends; returns how many do.

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
        """Moves on to a position, without keeping what lies before it; False where the content ends before it."""
        while position > self._read:
            self.head = self._kept = len(self.data)
            if not self.fill(1):
                return False
        self.head = position - self._base
        return True

    def go_back(self, position: int) -> None:
        """Moves back to a position; stays where it is if that would be reading again too often."""
        if position >= self._base + self._kept:
            self.head = position - self._base
        else:
            self._rewind(position)

    def seek_record(self, end: int | None = None) -> None:
        """Moves on to where the next record seems to begin, or to the end or a little behind it where none does."""
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
        """Begins a record at the place: what lies before it is not needed any more."""
        self._kept = self.head
        self.begun = self.position

    def left_at(self, position: int) -> bool:
        """Whether the record that ends at this position was the last one; then the tape ends there."""
        return False

    def where(self, position: int) -> str:
        """A position as people can find it again: the stored byte."""
        return str(position)

    def _hold(self, data: bytes, position: int) -> None:
        """Forgets all, and goes on with this data at this position."""
        self.data, self.head, self._kept = data, 0, 0
        self._base, self._read = position, position + len(data)

    @abstractmethod
    def _piece(self, size: int) -> bytes:
        """The next bytes, as many as are wanted or not; none at the end."""

    @abstractmethod
    def _rewind(self, position: int) -> None:
        """Moves back to a position that has been forgotten."""


class PlainTape(Tape):
    """A file that is not packed: positions are stored bytes."""

    def __init__(self, stored: Stored, position: int) -> None:
        super().__init__(position)
        self._stored = stored

    def skip_to(self, position: int) -> bool:
        """Moves on to a position; False where the content ends before it."""
        if position > self._read:
            self._rewind(position)
            return bool(self._stored.view(position - 1, 1))
        return super().skip_to(position)

    def _piece(self, size: int) -> bytes:
        return bytes(self._stored.view(self._read, max(size, _PIECE)))

    def _rewind(self, position: int) -> None:
        self._hold(b"", position)


class PackedTape(Tape):
    """The content of a member in which a record begins, and of those behind it that go on with its last record.

    Most archives have one record in each member. Where a member begins in the middle of a record, as in files that were
    packed in blocks, the tape goes on with it; a member that begins with a record has its own tape.
    """

    def __init__(self, members: Members, opened: Opened) -> None:
        super().__init__()
        self.start = opened.member.start
        self.end = self.start
        """The stored byte at which it has ended."""
        self.following: Opened | None = None
        """The member that begins there, if one does."""
        self._members = members
        self._suspect = self.start
        """A stored byte at or before the one that the record begins at."""
        self._joined: MemberStart | None = None
        """The last member that it went on with."""
        self._ended = False
        self._rewinds = 0
        self._member = opened.member
        self._load(opened)

    def begin(self) -> None:
        """Begins a record at the place."""
        super().begin()
        self._suspect = max(self.start, self._member.at - _HELD_BACK)

    def left_at(self, position: int) -> bool:
        """Whether the members behind this position are no part of the archive; the tape then ends before them."""
        if self._joined is None or self._joined.position < position:
            return False
        self._hold(b"", self._read)
        self.end, self.following, self._ended = self._joined.stored, None, True
        return True

    @property
    def resume(self) -> int:
        """The stored byte from which on to look for records where none follows, or the last one was damaged.

        Bytes that passed a check sum are those of one member. Others may have been taken from the next.
        """
        return self.end if self._ended and self._members.checked else max(self.start + 1, self._suspect)

    def where(self, position: int) -> str:
        """The stored byte at which the tape begins, and the byte of its content where that is not the first."""
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
