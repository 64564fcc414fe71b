"""The files that hold a server's answers: a line each, with a checksum."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import crc32

_MARK = 9
"""A line begins with its checksum in hexadecimal digits and a space."""


@dataclass(frozen=True, slots=True)
class AnswerFolders:
    """Where the answers for one stage lie, in files of a line each.

    Args:
        in_hand: Those for shards that are not committed: a kill must not cost them.
        kept: Those for committed shards.
    """

    in_hand: Path
    kept: Path

    @property
    def earlier(self) -> Path:
        """Those for shards that were thrown away, which may be asked for again; one file for each such time."""
        return self.kept / "earlier"

    def keep(self, path: Path) -> None:
        """Moves a file to those of committed shards."""
        self.kept.mkdir(parents=True, exist_ok=True)
        path.replace(self.kept / path.name)

    def keep_all(self) -> None:
        """Moves all files there: the stage is finished, or given up."""
        for path in self.in_hand.glob("*.jsonl"):
            self.keep(path)

    def reuse(self) -> None:
        """Makes all answers ready to be asked for again. The stage is thrown away, for something has changed."""
        self.keep_all()
        if not (paths := sorted(self.kept.glob("*.jsonl"))):
            return
        self.earlier.mkdir(exist_ok=True)
        name = f"{uuid4().hex}.jsonl"
        with (self.kept / f"{name}.tmp").open("wb") as merged:
            for path in paths:
                with path.open("rb") as file:
                    shutil.copyfileobj(file, merged)
                merged.write(b"\n")  # a last line that was cut short must not take the next one with it
        (self.kept / f"{name}.tmp").replace(self.earlier / name)
        for path in paths:
            path.unlink()

    def discard(self) -> None:
        """Throws all answers away: other ones are wanted."""
        shutil.rmtree(self.in_hand, ignore_errors=True)
        shutil.rmtree(self.kept, ignore_errors=True)


class WrittenAnswers:
    """The answers of all processes that have written into some folders: where each lies, not what it says.

    A last line that a kill cut short does not count, nor does one that a disk has damaged.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._places: dict[str, tuple[Path, int, int]] = {}
        for path in (path for folder in folders for path in sorted(folder.glob("*.jsonl"))):
            at = 0
            # Of a process that is at work: it moves a file when its shard is committed, and nobody else wants it.
            with suppress(FileNotFoundError), path.open("rb") as file:
                for line in file:
                    if (row := _row_of(line)) is not None:
                        self._places[row["key"]] = path, at, len(line)
                    at += len(line)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def read(self, key: str) -> dict[str, Any]:
        """An answer."""
        path, at, length = self._places[key]
        with path.open("rb") as file:
            file.seek(at)
            answer: dict[str, Any] = json.loads(file.read(length)[_MARK:])["answer"]
        return answer

    def forget(self, key: str) -> None:
        """Nobody will ask for it again."""
        self._places.pop(key, None)


def line_of(key: str, answer: str) -> bytes:
    """The line of an answer, which is given as JSON: in ASCII, as UTF-8 could not hold a lone surrogate."""
    content = f'{{"key": {json.dumps(key)}, "answer": {answer}}}'.encode("ascii")
    return b"%08x %s\n" % (crc32(content), content)


def as_json(content: object) -> str:
    """Records as objects, without the form that a reply is held to; four times as fast as by way of `asdict`."""
    return json.dumps(
        content, default=lambda record: {name: getattr(record, name) for name in record.__slots__ if name != "form"}
    )


def _row_of(line: bytes) -> dict[str, Any] | None:
    content = line[_MARK:].removesuffix(b"\n")
    if line[:_MARK] != b"%08x " % crc32(content):
        return None
    row: dict[str, Any] = json.loads(content)
    return row
