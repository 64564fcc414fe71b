"""Which files the documents are in, in one order, and how they are shared out to workers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from humpback.config import CorpusSettings
from humpback.data_access.data_sets import ROWS
from humpback.data_access.source_file import SourceFile
from humpback.data_access.sources import TABLES, Selection, survey
from humpback.errors import InputError

OFFICE = (".epub", ".docx", ".pdf", ".pptx", ".xlsx", ".ipynb")
TEXTS = (".html", ".htm", ".xhtml", ".md", ".markdown", ".rst", ".txt")
ARCHIVES = (".warc", ".wet")
_RARELY_DOCUMENTS = (".json", ".csv", ".tsv")
"""In a folder of documents such files are settings and figures, so they are read only where nothing else is there."""

_MIB = 1 << 20
_SPLIT = {
    *((ending, compression) for ending in ARCHIVES for compression in ("", ".gz", ".zst")),
    (".jsonl", ""),
    (".ndjson", ""),
    (".parquet", ""),
}
"""Endings and compressions of files that can be read from the middle."""
_MANY = 64
"""Parts of a corpus at least, where they are large enough: with fewer, many workers have nothing to do."""
_LEAST = 2 * _MIB
"""Bytes of a part from which starting a process for it pays."""
_MOST_FILES = 512
"""Files of one part, so that a part of empty files is soon done too."""


def list_sources(settings: CorpusSettings) -> list[SourceFile]:
    """Every source that the settings name, sorted by name, each once. Raises as `survey`."""
    return [file for file in list_files(settings) if not file.passed_over]


def list_files(settings: CorpusSettings, *, required: bool = True) -> list[SourceFile]:
    """The sources, and behind them the files beside them that are passed over.

    Args:
        settings: The corpus settings.
        required: Whether there must be a source, and each entry must hold one or one that is excluded.

    Raises:
        InputError: As `survey`, or every file is excluded.
    """
    selection = _selection(settings)
    files: dict[str, SourceFile] = {}
    for entry in settings.documents:
        for file in survey(entry, selection, required=required):
            key = _key(file)
            # Of a file and a link to it the file counts; of a file that two entries name the one that reads it.
            listed = files.get(key)
            if listed is None or _replaces(file, listed):
                files[key] = file
    sources = _distinct([file for file in files.values() if not file.passed_over])
    if required and not sources:
        raise InputError("corpus.exclude leaves out every document", "take a pattern out of it")
    passed_over = [file for file in files.values() if file.passed_over]
    return [file for group in (sources, passed_over) for file in sorted(group, key=lambda file: (file.name, file.path))]


def _replaces(file: SourceFile, earlier: SourceFile) -> bool:
    """Whether a file counts, and not an earlier one that is the same: it is read, and that is not, or is a link."""
    if file.passed_over or earlier.passed_over:
        return not file.passed_over
    return not file.remote and Path(earlier.path).is_symlink()


def _selection(settings: CorpusSettings) -> Selection:
    is_format_set = settings.format != "auto"
    # With a format set, each of these files has always been one document in it.
    tables = tuple(ending for ending in TABLES if not is_format_set or ending not in _RARELY_DOCUMENTS)
    return Selection(
        endings=(*TEXTS, *tables, *ARCHIVES, *OFFICE),
        content="documents",
        setting="corpus.documents",
        any_ending=is_format_set,
        unknown_ending_hint="set corpus.format",
        last_resort=_RARELY_DOCUMENTS,
        folder_in_name=True,
        packaged="documents",
        exclude=settings.exclude,
    )


def parts(sources: Iterable[SourceFile], settings: CorpusSettings) -> list[tuple[SourceFile, ...]]:
    """The sources in parts of at most about `part_mib` of stored bytes, each to be read by one worker.

    Small files come together, in their order; big ones are split where their format allows to begin in the middle. Of a
    small corpus the parts are smaller, so that it gives work to many workers too. Parts do not depend on the machine.
    """
    sources = list(sources)
    share = sum(source.size for source in sources) // _MANY
    most = min(settings.part_mib * _MIB, max(_LEAST, share))
    complete: list[tuple[SourceFile, ...]] = []
    group: list[SourceFile] = []
    size = 0
    for source in sources:
        if group and (size + source.size > most or len(group) == _MOST_FILES):
            complete.append(tuple(group))
            group, size = [], 0
        if source.size > most and _can_be_split(source):
            complete += [(span,) for span in _spans(source, -(-source.size // most))]
        else:
            group.append(source)
            size += source.size
    return [*complete, tuple(group)] if group else complete


def _can_be_split(source: SourceFile) -> bool:
    if (source.ending, source.compression) not in _SPLIT:
        return False
    # A name may hide that the content is compressed; of archives their own reader sees to that.
    return source.ending in ARCHIVES or not source.compressed


def _spans(source: SourceFile, count: int) -> Iterator[SourceFile]:
    bounds = [source.size * number // count for number in range(count)]
    for begin, end in zip(bounds, [*bounds[1:], 0], strict=True):
        yield replace(source, begin=begin, end=end)


def _key(source: SourceFile) -> str:
    """The same for two ways to name one file."""
    if source.distribution:
        return source.name
    return source.path if source.remote or source.ending == ROWS else os.path.realpath(source.path)


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
    # By path, so that the numbers do not depend on the order in which the entries are named.
    counts: Counter[str] = Counter()
    numbered = []
    for source in sorted(sources, key=lambda source: source.path):
        counts[source.name] += 1
        count = counts[source.name]
        numbered.append(source if count == 1 else replace(source, name=f"{source.name}~{count}"))
    return numbered


def _longer(path: str, depth: int) -> str:
    return "/".join((*Path(path).resolve().parent.parts[-depth:], Path(path).name))
