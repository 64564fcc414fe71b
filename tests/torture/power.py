"""What a power cut leaves: the log of a disk replayed, without what had not been flushed."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOTHING = "nothing unsynced"
STATES = (NOTHING, "names without content", "mixed")
"""Which of the operations that were not flushed reach the disk. The first keeps none; the second all changes of names,
and no content; the third draws for each file and folder."""


@dataclass
class File:
    """Its content, and what of it was flushed."""

    content: bytearray = field(default_factory=bytearray)
    synced: bytes = b""

    def sync(self, content: bytes) -> None:
        """Flushes; the content is taken from the disk, since a library may have written it without our seeing it."""
        self.content, self.synced = bytearray(content), content


@dataclass
class Folder:
    """Its names, and those that were flushed."""

    names: dict[str, File | Folder] = field(default_factory=dict)
    synced: dict[str, File | Folder] = field(default_factory=dict)

    def sync(self, content: bytes = b"") -> None:
        """Flushes."""
        self.synced = dict(self.names)


def left_by_a_power_cut(log: list[tuple[Any, ...]], root: Path, out: Path, state: str, draw: random.Random) -> None:
    """Writes to `out` what is left of `root` after the operations of a log."""
    top = Folder()
    for kind, path, *values in log:
        folder, name = _find(top, root.parent, path)
        if kind != "mkdir":
            folder.names.setdefault(name, File())  # written by a library, and not flushed
        if kind == "open":
            new, cut = values
            if new:
                folder.names[name] = File()
            elif cut:
                _file(folder, name).content.clear()
        elif kind == "write":
            offset, data = values
            content = _file(folder, name).content
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        elif kind == "truncate":
            del _file(folder, name).content[values[0] :]
        elif kind == "fsync":
            folder.names[name].sync(*values)
        elif kind in ("rename", "link"):
            target, new_name = _find(top, root.parent, values[0])
            target.names[new_name] = folder.names[name]
            if kind == "rename":
                del folder.names[name]
        elif kind == "mkdir":
            folder.names[name] = Folder()
        elif kind in ("unlink", "rmdir"):
            del folder.names[name]
        else:
            raise ValueError(kind)
    top.sync()  # where the run folder lies is the user's matter
    _write(top.names[root.name], out, state, draw) if root.name in top.names else None


def _find(top: Folder, base: Path, path: str) -> tuple[Folder, str]:
    *parents, name = os.path.relpath(path, base).split("/")
    for parent in parents:
        found = top.names[parent]
        assert isinstance(found, Folder)
        top = found
    return top, name


def _file(folder: Folder, name: str) -> File:
    found = folder.names[name]
    assert isinstance(found, File)
    return found


def _write(node: File | Folder, path: Path, state: str, draw: random.Random) -> None:
    if isinstance(node, File):
        cut = draw.randint(min(len(node.synced), len(node.content)), len(node.content))
        path.write_bytes(draw.choice((node.synced, node.content[:cut])) if state == "mixed" else node.synced)
        return
    path.mkdir()
    names = node.synced if state == NOTHING or (state == "mixed" and draw.random() < 0.5) else node.names
    for name, entry in names.items():
        _write(entry, path / name, state, draw)
