"""Where documents come from: files, folders, globs, URLs and the installed distributions, in one order.

`list_sources` finds them, `parts` shares them out to workers.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from humpback.config import CorpusSettings
from humpback.corpus.reading.fetch import is_url, public
from humpback.corpus.reading.hub import ROWS, Member, is_data_set, is_saved, list_data_set, saved_files
from humpback.corpus.reading.installed import description
from humpback.corpus.reading.remote import list_url
from humpback.corpus.reading.stored import COMPRESSIONS, SourceFile
from humpback.errors import InputError

__all__ = ["ENDINGS", "OFFICE", "SourceFile", "list_sources", "parts"]

INSTALLED = "installed:"
OFFICE = (".epub", ".docx", ".pdf")
ENDINGS = (
    *(".html", ".htm", ".xhtml", ".md", ".markdown", ".rst", ".txt"),
    *(".jsonl", ".ndjson", ".parquet", ".arrow"),
    *(".warc", ".wet"),
    *OFFICE,
)
"""The kinds of file that are read; all but Parquet and Arrow also compressed, with a further .gz, .zst, .bz2 or .xz."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(?=/)")
_MAGIC = re.compile(r"[*?\[]")
_MIB = 1 << 20
_SPLIT = {
    *((ending, compression) for ending in (".warc", ".wet") for compression in ("", ".gz", ".zst")),
    (".jsonl", ""),
    (".ndjson", ""),
    (".parquet", ""),
}
"""Endings and compressions of files that can be read from the middle."""
_NEVER_PACKED = (".parquet", ".arrow")
_MOST_FILES = 512
"""Files of one part, so that a part of empty files is soon done too."""


def list_sources(settings: CorpusSettings) -> list[SourceFile]:
    """Every source that the settings name, sorted by name, each once.

    Files that a folder or glob holds but that are of another kind are passed over, and so are hidden ones and links
    that lead out of the folder.

    Raises:
        InputError: A path, URL or glob is not there or holds no document, or a named file is of no known kind.
    """
    found: dict[str, SourceFile] = {}
    for entry in settings.documents:
        sources = list(_expand(entry, settings))
        if not sources:
            kinds = " ".join(ENDINGS)
            raise InputError(
                f"no documents in {public(entry)!r}", f"name files that end in {kinds}, or set corpus.format"
            )
        for source in sources:
            key = _key(source)
            if key not in found or (not source.remote and Path(found[key].path).is_symlink()):
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
            done += [(span,) for span in _stretches(source, -(-source.size // most))]
        else:
            group.append(source)
            size += source.size
    return [*done, tuple(group)] if group else done


def _stretches(source: SourceFile, count: int) -> Iterator[SourceFile]:
    bounds = [source.size * number // count for number in range(count)]
    for begin, end in zip(bounds, [*bounds[1:], 0], strict=True):
        yield replace(source, begin=begin, end=end)


def _key(source: SourceFile) -> str:
    """The same for two ways to name one file."""
    if source.distribution:
        return source.name
    return source.path if source.remote or source.ending == ROWS else os.path.realpath(source.path)


def _expand(entry: str, settings: CorpusSettings) -> Iterator[SourceFile]:
    local = _FILE_URL.sub("", entry)
    if entry.startswith(INSTALLED):
        yield from _installed()
    elif is_data_set(entry):
        yield from _members(list_data_set(entry))
    elif is_url(local):
        yield from _remote(entry, settings)
    else:
        yield from _local(local, settings)


def _local(entry: str, settings: CorpusSettings) -> Iterator[SourceFile]:
    path = Path(entry).expanduser()
    if path.is_dir() and is_saved(path):
        yield from _members(saved_files(path))
    elif path.is_dir():
        yield from _folder(path, settings)
    elif path.is_file():
        yield _named(_source(path, path.name), settings)
    elif _MAGIC.search(entry):
        parts = path.parts
        fixed = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
        base = Path(*parts[:fixed]) if fixed else Path()
        if base.is_dir():
            yield from _inside(base, sorted(base.glob(str(Path(*parts[fixed:])))), settings)
    else:
        raise InputError(f"no file or folder {entry!r}", "check corpus.documents")


def _remote(entry: str, settings: CorpusSettings) -> Iterator[SourceFile]:
    url = _VARIABLE.sub(_from_environment, entry)
    found = list_url(url, lambda name: settings.format != "auto" or bool(_kind(name)[0]))
    for file in found:
        source = SourceFile(file.url, file.name, file.size, *_kind(file.name), mark=file.mark)
        yield _named(source, settings) if file.named else source


def _from_environment(variable: re.Match[str]) -> str:
    """What stands in a URL for the name of an environment variable: so no password has to stand in the settings."""
    if variable[1] not in os.environ:
        raise InputError(f"no environment variable {variable[1]!r} for a URL of corpus.documents", "set it")
    return os.environ[variable[1]]


def _members(members: Iterable[Member | SourceFile]) -> Iterator[SourceFile]:
    for member in members:
        if isinstance(member, SourceFile):
            yield member
        elif is_url(member.path):
            for file in list_url(member.path, lambda name: True):
                yield SourceFile(file.url, member.name, file.size, *_kind(member.name), mark=file.mark)
        else:
            yield _source(Path(member.path), member.name)


def _named(source: SourceFile, settings: CorpusSettings) -> SourceFile:
    """A file that the user named, which must be of a known kind."""
    if not source.ending and settings.format == "auto":
        raise InputError(f"cannot tell what {source.name!r} is from its ending", "set corpus.format")
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
    return SourceFile(str(path), name, path.stat().st_size, *_kind(path.name))


def _kind(name: str) -> tuple[str, str]:
    """The ending that says what is in a file, empty where it is none of ours, and the one of its compression."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in COMPRESSIONS else ""
    ending = suffixes[-1] if suffixes and suffixes[-1] in ENDINGS else ""
    return ("" if ending in _NEVER_PACKED and compression else ending), compression


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
    """Lengthens the names that two files share by the folders they are in, or by a number where that does not help."""
    for depth in range(1, 8):
        names = Counter(source.name for source in sources)
        if len(names) == len(sources):
            return sources
        sources = [
            source if names[source.name] == 1 or source.remote else replace(source, name=_longer(source.path, depth))
            for source in sources
        ]
    seen: Counter[str] = Counter()
    numbered = []
    for source in sorted(sources, key=lambda source: source.path):
        seen[source.name] += 1
        count = seen[source.name]
        numbered.append(source if count == 1 else replace(source, name=f"{source.name}~{count}"))
    return numbered


def _longer(path: str, depth: int) -> str:
    return "/".join((*Path(path).resolve().parent.parts[-depth:], Path(path).name))
