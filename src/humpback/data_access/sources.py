"""What an entry of the settings or of a command line means: files, whatever kind of source it names.

    FILE  FOLDER  GLOB                        on this machine; of a folder all files below it
    https://...  s3://...  gs://...           files, folders and globs elsewhere, and what else fsspec reaches
    hf:NAME  hf:NAME:CONFIG/SPLIT             a data set of the Hugging Face hub, or one in a folder
    a folder that `save_to_disk` wrote        its split 'train'
    installed:                                the descriptions of the distributions installed here
    package:demo                              what ships for trying things out: documents; pairs where tables are read

Every command takes all of these. What it does with the files is its own business: `data_access.rows` reads tables,
`corpus` reads documents.
"""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from humpback.data_access.data_sets import Member, is_data_set, is_saved, list_data_set, saved_files
from humpback.data_access.installed import description
from humpback.data_access.run_folders import is_run_folder
from humpback.data_access.source_file import SourceFile, ending_and_compression
from humpback.data_access.url_listing import list_url
from humpback.data_access.urls import is_url, public
from humpback.errors import InputError

INSTALLED = "installed:"
PACKAGED = "package:demo"
TABLES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow")
"""The kinds of table that are read, also compressed: with a further .gz, .zst, .bz2 or .xz."""
METADATA_FILES = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
"""What `datasets` puts beside the tables of a data set."""

WITHOUT_ENDING = "without an ending"
_EXCLUDED = "excluded"
_OUTSIDE = "linked from outside the folder"
_UNREADABLE = "that cannot be read"
_MOST_KINDS = 10
"""Kinds of file that a line names."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_FILE_URL = re.compile(r"file:(?://(?:localhost)?)?(?=/)")
_COLLAPSED_URL = re.compile(r"((?!hf:|file:)[A-Za-z][A-Za-z0-9+.-]+:)/(?!/)")
"""'hf:/...' is a data set in a folder, and 'file:/...' a URL as it stands."""
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files of a source are read."""

    endings: tuple[str, ...] = TABLES
    """Their endings, compression aside."""
    content: str = "tables"
    """What is looked for, for messages."""
    setting: str = ""
    """The setting that names the source, for messages; empty where it is a command's argument."""
    any_ending: bool = False
    """Whether files of every other ending are read too."""
    unknown_ending_hint: str = ""
    """What to do about a file whose ending is none of these; empty names the endings."""
    last_resort: tuple[str, ...] = ()
    """Of these endings files are read where they are named, and where an entry holds no file of another kind: in a
    folder of documents a .json or .csv file is rarely one."""
    outside_links: bool = False
    """Whether links are followed that lead out of their folder, as in the cache of the hub."""
    folder_in_name: bool = False
    """Whether the name of a file begins with the name of the folder that was asked for."""
    packaged: str = "demo_seed.jsonl"
    """What `PACKAGED` stands for: a file or folder in the package `humpback.demo`."""
    exclude: tuple[str, ...] = ()
    """Globs of files that are not read, each compared with the end of a path; `*` stands for folders too."""

    @property
    def hint(self) -> str:
        """Where the user looks for the mistake."""
        return f"check {self.setting}" if self.setting else "check the name"

    def ending(self, name: str) -> str:
        """The ending that a file is read by; empty where it is not read by its ending."""
        ending = ending_and_compression(name)[0]
        return ending if ending in self.endings else ""

    def refusal(self, path: str) -> str:
        """Why a file that was not named itself is passed over, by its path; empty where it is read."""
        if self.any_ending or (self.ending(path) and Path(path).name not in METADATA_FILES):
            return ""
        return ending_and_compression(path)[0] or WITHOUT_ENDING

    def excludes(self, path: str) -> bool:
        """Whether a file is left out by its path, even where it was named itself."""
        return any(fnmatchcase(f"/{path}", f"*/{pattern}{'*' * pattern.endswith('/')}") for pattern in self.exclude)


def entry_of(source: str | Path) -> str:
    """A source as it was written.

    The arguments of commands are paths, and a path has one slash where a URL has two.
    """
    entry = str(source)
    return _COLLAPSED_URL.sub(r"\1//", entry) if _COLLAPSED_URL.match(entry) and not Path(entry).exists() else entry


def find_files(entry: str, selection: Selection) -> list[SourceFile]:
    """The files that one entry names and that are read. Raises as `survey`."""
    return [file for file in survey(entry, selection) if not file.passed_over]


def survey(entry: str, selection: Selection, *, required: bool = True) -> list[SourceFile]:
    """The files that one entry names, also those that are passed over, but for hidden files and run folders.

    Of a folder or glob, files of other kinds and links that lead out of it are passed over.

    Args:
        entry: What the user named.
        selection: Which files are read.
        required: Whether it must hold a file that is read or excluded.

    Raises:
        InputError: A path or URL is not there, it holds no such file, a named file is of another kind, or a named
            folder is a run folder.
    """
    entry = entry_of(entry)
    if not entry.strip():  # as a path it would be the working folder
        raise InputError(f"{selection.setting or 'the name of a source'} is empty", "name a file, a folder or a URL")
    files = list(_expand(entry, selection))
    if any(not file.passed_over and file.ending not in selection.last_resort for file in files):
        files = [_as_last_resort(file, selection) for file in files]
    files = [replace(file, passed_over=_EXCLUDED) if selection.excludes(file.name) else file for file in files]
    if required and all(file.passed_over not in ("", _EXCLUDED) for file in files):
        kinds = " ".join(selection.endings)
        hint = selection.unknown_ending_hint and f", or {selection.unknown_ending_hint}"
        others = f" (passed over: {kinds_in_words(Counter(file.passed_over for file in files))})" if files else ""
        raise InputError(
            f"no {selection.content} in {public(entry)!r}{others}", f"name files that end in {kinds}{hint}"
        )
    return files


def _as_last_resort(file: SourceFile, selection: Selection) -> SourceFile:
    """A file beside others of usual kinds."""
    if file.passed_over or file.ending not in selection.last_resort:
        return file
    return replace(file, passed_over=f"{file.ending} beside other {selection.content}")


def kinds_in_words(counts: Mapping[str, int]) -> str:
    """How many files are passed over and of which kinds, such as '4 .doc, 2 .ppt'."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    others = ordered[_MOST_KINDS:]
    more = [f"{sum(count for _, count in others):,} of {len(others):,} other kinds"] if others else []
    return ", ".join([*(f"{count:,} {reason}" for reason, count in ordered[:_MOST_KINDS]), *more])


def _expand(entry: str, selection: Selection) -> Iterator[SourceFile]:
    local = _FILE_URL.sub("", entry)
    if entry.startswith(INSTALLED):
        yield from _installed()
    elif entry.startswith("package:"):
        yield from _packaged(entry, selection)
    elif is_data_set(entry):
        yield from _members(list_data_set(entry))
    elif is_url(local):
        yield from _remote(entry, selection)
    else:
        yield from _local(local, selection)


def _packaged(entry: str, selection: Selection) -> Iterator[SourceFile]:
    if entry != PACKAGED:
        raise InputError(f"no data {entry!r} are shipped", f"there is {PACKAGED}")
    yield from _local(str(importlib.resources.files("humpback.demo") / selection.packaged), selection)


def _local(entry: str, selection: Selection) -> Iterator[SourceFile]:
    path = Path(entry).expanduser()
    if path.is_dir() and is_saved(path):
        yield from _members(saved_files(path))
    elif path.is_dir():
        if is_run_folder(path):
            raise InputError(
                f"{entry!r} is a run folder, which is never read as data", "name the folder or file that you mean"
            )
        yield from _folder(path, selection)
    elif path.is_file():
        yield _named(_local_file(path, path.name, selection), selection)
    elif _MAGIC.search(entry):
        parts = path.parts
        fixed = next(index for index, part in enumerate(parts) if _MAGIC.search(part))
        base = Path(*parts[:fixed]) if fixed else Path()
        if base.is_dir():
            yield from _inside(base, sorted(base.glob(str(Path(*parts[fixed:])))), selection)
    else:
        raise InputError(f"no file or folder {entry!r}", selection.hint)


def _remote(entry: str, selection: Selection) -> Iterator[SourceFile]:
    url = _VARIABLE.sub(_from_environment, entry)
    for file in list_url(url, lambda name: not selection.refusal(name)):
        compression = ending_and_compression(file.name)[1]
        ending = selection.ending(file.name)
        source = SourceFile(file.url, file.name, file.size, ending, compression, mark=file.mark)
        refusal = selection.refusal(file.name)
        yield _named(source, selection) if file.named else replace(source, passed_over=refusal)


def _from_environment(variable: re.Match[str]) -> str:
    """What stands in a URL for the name of an environment variable: so no password has to stand in the settings."""
    if variable[1] not in os.environ:
        raise InputError(f"no environment variable {variable[1]!r} for a URL", "set it")
    return os.environ[variable[1]]


def _members(members: Iterable[Member | SourceFile]) -> Iterator[SourceFile]:
    """The files of a data set, whichever endings are selected: what `datasets` takes for its tables is one."""
    for member in members:
        if isinstance(member, SourceFile):
            yield member
        elif is_url(member.path):
            kind = ending_and_compression(member.name)
            for file in list_url(member.path, lambda name: True):
                yield SourceFile(file.url, member.name, file.size, *kind, mark=file.mark)
        else:
            yield _local_file(Path(member.path), member.name, Selection())


def _named(source: SourceFile, selection: Selection) -> SourceFile:
    """A file that the user named, which must be of a known kind."""
    if selection.excludes(source.name if source.remote else source.path):
        return replace(source, passed_over=_EXCLUDED)
    if not source.ending and not selection.any_ending:
        kinds = f"use one of {', '.join(selection.endings)} (also compressed: .gz, .zst, .bz2 or .xz)"
        hint = selection.unknown_ending_hint and f"{selection.unknown_ending_hint}, or leave the file out"
        raise InputError(f"cannot tell what {source.name!r} is from its ending", hint or kinds)
    return source


def _folder(folder: Path, selection: Selection) -> Iterator[SourceFile]:
    closed: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=closed.append, followlinks=False):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not is_run_folder(Path(parent, name))
        )
        yield from _inside(folder, [Path(parent, name) for name in sorted(files)], selection)
    for error in closed:
        yield _unreadable(Path(error.filename), folder)


def _inside(base: Path, paths: list[Path], selection: Selection) -> Iterator[SourceFile]:
    """These files, but for hidden ones and those of run folders. What lies elsewhere, links followed, is not read."""
    root = base.resolve()
    runs: dict[Path, bool] = {}
    for path in paths:
        try:
            if any(_is_run(base / parent, runs) for parent in path.relative_to(base).parents):
                continue
            yield from _data_file(path, base, root, selection)
        except OSError:
            yield _unreadable(path, base)


def _data_file(path: Path, base: Path, root: Path, selection: Selection) -> Iterator[SourceFile]:
    below = path.relative_to(base)
    if any(part.startswith(".") for part in below.parts) or not path.is_file():
        return
    name = str(Path(root.name if selection.folder_in_name else "") / below)
    refusal = selection.refusal(name)
    if not refusal and not selection.outside_links and not _lies_in(path, root, below):
        refusal = _OUTSIDE
    yield replace(_local_file(path, name, selection), passed_over=refusal)


def _unreadable(path: Path, base: Path) -> SourceFile:
    return SourceFile(str(path), str(path.relative_to(base)), 0, passed_over=_UNREADABLE)


def _lies_in(path: Path, root: Path, below: Path) -> bool:
    return path.parent.resolve() == root / below.parent and path.resolve().is_relative_to(root)


def _is_run(folder: Path, cache: dict[Path, bool]) -> bool:
    if folder not in cache:
        cache[folder] = is_run_folder(folder)
    return cache[folder]


def _local_file(path: Path, name: str, selection: Selection) -> SourceFile:
    compression = ending_and_compression(path.name)[1]
    return SourceFile(str(path), name, path.stat().st_size, selection.ending(path.name), compression)


def _installed() -> Iterator[SourceFile]:
    distributions: set[str] = set()
    for distribution in importlib.metadata.distributions():
        name = distribution.name or ""
        key = re.sub(r"[-_.]+", "-", name).lower()
        if not key or key in distributions:
            continue
        distributions.add(key)
        size = len(description(name).encode("utf-8", "surrogatepass"))
        folder = str(distribution.locate_file(""))
        yield SourceFile(folder, f"pypi:{key}=={distribution.version}", size, distribution=name)
