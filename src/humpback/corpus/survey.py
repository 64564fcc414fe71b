"""Which files of a corpus are read and which are not, and why: known before any work, and counted for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypedDict

from humpback.corpus.office.conversion import INSTALL, can_read
from humpback.data_access.source_file import SourceFile, ending_and_compression
from humpback.data_access.sources import WITHOUT_ENDING, kinds_in_words

_MB = 1_000_000


class FileCounts(TypedDict):
    """How many files are read, and how many are not, by the reason."""

    read: int
    passed_over: dict[str, int]


def file_counts(files: Sequence[SourceFile]) -> FileCounts:
    """Counts the files of a corpus; descriptions of installed distributions are none."""
    reasons = [_refusal(file) for file in files if not file.distribution]
    return {"read": reasons.count(""), "passed_over": dict(Counter(filter(None, reasons)))}


def counts_in_words(counts: FileCounts) -> str:
    """Such as 'read 32 of 38 files; passed over: 4 .doc, 2 .ppt'; empty where there are no files."""
    read, total = counts["read"], counts["read"] + sum(counts["passed_over"].values())
    if read == total:
        return f"read {total:,} file{'s' * (total != 1)}" if total else ""
    return f"read {read:,} of {total:,} files; passed over: {kinds_in_words(counts['passed_over'])}"


def file_line(facts: Mapping[str, Any]) -> str:
    """The counts that a stage keeps of its files, in words; empty where it keeps none."""
    return counts_in_words(facts["files"]) if "files" in facts else ""


def lacking(files: Sequence[SourceFile]) -> Mapping[str, int]:
    """How many files of each ending are not read because an extra is not installed."""
    return Counter(file.ending for file in files if not file.passed_over and not can_read(file.ending))


def lacking_in_words(endings: Mapping[str, int]) -> str:
    """What is not read for want of an extra, and how to install it; empty where there is nothing."""
    return f"not read without an extra: {kinds_in_words(endings)} ({INSTALL})" if endings else ""


def preview(files: Sequence[SourceFile]) -> Iterator[str]:
    """The files by kind, as lines: how many, how large, and whether they are read."""
    yield f"{'kind':<18}{'files':>9}{'MB':>14}"
    for (refusal, kind), group in groupby(sorted(files, key=_group), _group):
        members = list(group)
        size = sum(file.size for file in members) / _MB
        why = refusal.removeprefix(kind).strip() or "not a kind that is read"
        yield f"{kind:<18}{len(members):>9,}{size:>14,.3f}  {f'passed over: {why}' if refusal else 'read'}"
    yield from filter(None, (counts_in_words(file_counts(files)), lacking_in_words(lacking(files))))


def _group(file: SourceFile) -> tuple[str, str]:
    kind = "installed" if file.distribution else file.ending or ending_and_compression(file.name)[0]
    return _refusal(file), kind or WITHOUT_ENDING


def _refusal(file: SourceFile) -> str:
    """Why a file is not read, in words that follow a number; empty where it is."""
    return file.passed_over or ("" if can_read(file.ending) else f"{file.ending} without the extra 'office'")
