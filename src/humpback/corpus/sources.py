"""Where documents come from: files, folders, globs and the installed distributions, in an order that never changes."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

from humpback.config import CorpusSettings
from humpback.errors import InputError
from humpback.records import DocumentFormat

INSTALLED = "installed:"
ENDINGS = (".html", ".htm", ".xhtml", ".md", ".markdown", ".rst", ".txt", ".jsonl", ".ndjson", ".parquet")
"""The kinds of file that are read; all but Parquet also compressed, with a further .gz or .zst."""
COMPRESSIONS = (".gz", ".zst")

_CHUNK = 1 << 20
_MAGIC = re.compile(r"[*?\[]")
_MIB = 1 << 20
_SPLIT = {
    *((ending, compression) for ending in (".warc", ".wet") for compression in ("", ".gz")),
    (".jsonl", ""),
    (".ndjson", ""),
    (".parquet", ""),
}
"""Endings and compressions of files that can be read from the middle."""
_MOST_FILES = 512
"""Files of one part, so that a part of empty files is soon done too."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of documents or a stretch of one, or the description of an installed distribution.

    A stretch has the records whose first stored byte lies in it: the line, the row group, the compressed member. So
    the stretches of a file have each of its records once, under the names they have in the whole file.
    """

    path: str
    """The file; for a distribution the folder it is installed in."""
    name: str
    """What provenance calls it: the path below the folder that was asked for."""
    size: int
    """In bytes, as stored."""
    ending: str = ""
    """The ending that says what is in it, in lower case; empty for a distribution and where there is none."""
    compression: str = ""
    distribution: str = ""
    """Name of the installed distribution, where it is one."""
    begin: int = 0
    """Stored byte that the stretch begins with."""
    end: int = 0
    """Stored byte that the stretch ends before; 0 is the end of the file."""

    @property
    def whole(self) -> bool:
        """Whether it is the file and not a stretch of it."""
        return not (self.begin or self.end)

    def holds(self, offset: int) -> bool:
        """Whether a record that begins at this stored byte belongs to it."""
        return (not self.begin or offset >= self.begin) and (not self.end or offset < self.end)

    def open(self) -> BinaryIO:
        """The content of the whole file as a stream, decompressed."""
        if self.compression == ".gz":
            return cast(BinaryIO, gzip.open(self.path, "rb"))
        if self.compression == ".zst":
            import pyarrow as pa  # here because a plan must not wait for it

            return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(pa.OSFile(self.path), "zstd")))
        return self.open_stored()

    def open_stored(self) -> BinaryIO:
        """The bytes of the whole file as they are stored; can be sought in."""
        if self.distribution:
            return io.BytesIO(description(self.distribution).encode("utf-8", "surrogatepass"))
        return Path(self.path).open("rb")

    def digest(self) -> str:
        """32 hex digits from its stored content, for fingerprints."""
        digest = hashlib.blake2b(digest_size=16)
        with self.open_stored() as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()


def list_sources(settings: CorpusSettings) -> list[SourceFile]:
    """Every source that the settings name, sorted by name, each once.

    Files that a folder or glob holds but that are of another kind are passed over, and so are hidden ones and links
    that lead out of the folder.

    Raises:
        InputError: A path or glob is not there or holds no document, or a named file is of no known kind.
    """
    found: dict[str, SourceFile] = {}
    for entry in settings.documents:
        sources = list(_expand(entry, settings))
        if not sources:
            kinds = " ".join(ENDINGS)
            raise InputError(f"no documents in {entry!r}", f"name files that end in {kinds}, or set corpus.format")
        for source in sources:
            key = source.name if source.distribution else os.path.realpath(source.path)
            if key not in found or Path(found[key].path).is_symlink():
                found[key] = source
    return sorted(_distinct(list(found.values())), key=lambda source: (source.name, source.path))


def parts(sources: Iterable[SourceFile], settings: CorpusSettings) -> list[tuple[SourceFile, ...]]:
    """The sources in parts of about `part_mib` of stored bytes, each to be read by one worker.

    Small files come together, in their order; big ones are split where their format allows to begin in the middle.
    """
    most = settings.part_mib * _MIB
    done: list[tuple[SourceFile, ...]] = []
    group: list[SourceFile] = []
    size = 0
    for source in sources:
        if group and (size + source.size > most or len(group) == _MOST_FILES):
            done.append(tuple(group))
            group, size = [], 0
        if source.size > most and (source.ending, source.compression) in _SPLIT:
            done += [(stretch,) for stretch in _stretches(source, -(-source.size // most))]
        else:
            group.append(source)
            size += source.size
    return [*done, tuple(group)] if group else done


def _stretches(source: SourceFile, count: int) -> Iterator[SourceFile]:
    bounds = [source.size * number // count for number in range(count)]
    for begin, end in zip(bounds, [*bounds[1:], 0], strict=True):
        yield replace(source, begin=begin, end=end)


def description(distribution: str) -> str:
    """The long description of an installed distribution."""
    return str(_metadata(distribution).get("description") or "")


def description_type(distribution: str) -> DocumentFormat | None:
    """The format that a distribution declares for its description, or None."""
    declared = str(_metadata(distribution).get("description_content_type") or "")
    kinds: dict[str, DocumentFormat] = {"text/markdown": "markdown", "text/x-rst": "rst", "text/plain": "text"}
    return kinds.get(declared.split(";")[0].strip().lower())


def _expand(entry: str, settings: CorpusSettings) -> Iterator[SourceFile]:
    if entry.startswith(INSTALLED):
        yield from _installed()
        return
    path = Path(entry).expanduser()
    if path.is_dir():
        yield from _folder(path, settings)
    elif path.is_file():
        yield _named(path, settings)
    elif _MAGIC.search(entry):
        parts = path.parts
        fixed = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
        base = Path(*parts[:fixed]) if fixed else Path()
        if base.is_dir():
            yield from _inside(base, sorted(base.glob(str(Path(*parts[fixed:])))), settings)
    else:
        raise InputError(f"no file or folder {entry!r}", "check corpus.documents")


def _named(path: Path, settings: CorpusSettings) -> SourceFile:
    source = _source(path, path.name)
    if not source.ending and settings.format == "auto":
        raise InputError(f"cannot tell what {str(path)!r} is from its ending", "set corpus.format")
    return source


def _folder(folder: Path, settings: CorpusSettings) -> Iterator[SourceFile]:
    for place, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from _inside(folder, [Path(place) / name for name in sorted(files)], settings)


def _inside(base: Path, paths: list[Path], settings: CorpusSettings) -> Iterator[SourceFile]:
    """The files among these that are documents and lie in the base folder, links followed."""
    root = base.resolve()
    for path in paths:
        below = path.relative_to(base)
        if any(part.startswith(".") for part in below.parts) or not path.is_file():
            continue
        if path.parent.resolve() != root / below.parent or not path.resolve().is_relative_to(root):
            continue
        source = _source(path, str(Path(root.name) / below))
        if source.ending or settings.format != "auto":
            yield source


def _source(path: Path, name: str) -> SourceFile:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
    ending = suffixes[-1] if suffixes and suffixes[-1] in ENDINGS else ""
    if ending == ".parquet" and compression:
        ending = ""
    return SourceFile(str(path), name, path.stat().st_size, ending, compression)


@cache
def _metadata(distribution: str) -> Mapping[str, object]:
    """All fields: parsing them takes a hundred times as long as reading the file."""
    return importlib.metadata.metadata(distribution).json


def _installed() -> Iterator[SourceFile]:
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        name = distribution.name or ""
        key = re.sub(r"[-_.]+", "-", name).lower()
        if not key or key in seen:
            continue
        seen.add(key)
        size = len(description(name).encode("utf-8", "surrogatepass"))
        where = str(distribution.locate_file(""))
        yield SourceFile(where, f"pypi:{key}=={distribution.version}", size, distribution=name)


def _distinct(sources: list[SourceFile]) -> list[SourceFile]:
    """Lengthens the names that two files share by the folders they are in."""
    for depth in range(1, 8):
        names = [source.name for source in sources]
        if len(set(names)) == len(names):
            break
        sources = [
            replace(source, name="/".join((*Path(source.path).resolve().parent.parts[-depth:], Path(source.path).name)))
            if names.count(source.name) > 1
            else source
            for source in sources
        ]
    return sources
