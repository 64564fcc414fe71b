"""Lines that recur across a site, removed from its segments: boilerplate that the markup did not show.

A line is boilerplate if it occurs in segments from more than `max_documents` documents of one site, and from at least
`min_share` of the site's documents, because a large site repeats many sentences. Segments that are copies of each other
count once: a page that was fetched twelve times is no boilerplate. Only prose counts, in paragraphs and bullets: not
code, tables, headers, numbered steps or short lines. Case and white space make no difference. Nor do numbers, except in
bullets, where they carry the meaning ('200 g of flour').

A site is a host. Documents without an address form a site if they are in one file or in one folder.

Shards must hold whole documents, as `cut` makes them: the documents of a site are counted shard by shard.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from humpback.config import LineSettings, SegmentSettings
from humpback.corpus.cutting.piece import length, segment_id
from humpback.corpus.parsing.sections import excerpt
from humpback.records import Dropped, Outcome, Segment
from humpback.text.shingles import Hashes

REASON = "recurring lines"
_MOST = 0.5
"""A segment that would lose more than this part is dropped."""
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_HEADER = re.compile(r"#{1,6}\s")
_LEVELS = 6
_NO_PROSE = re.compile(r"#{1,6}\s|\s*\||\s*\d+[.)]\s|(?: {4}|\t)\s*(?![-*+]\s)")
"""Headers, table rows, numbered steps, indented code."""
_BULLET = re.compile(r"\s*[-*+]\s")
_FIGURES = re.compile(r"\d+")
_PLACE = re.compile(r"[#@]")
_MAPPED = pa.schema(
    {
        "key": pa.uint64(),
        "place": pa.uint64(),
        "document": pa.uint64(),
        "segment": pa.uint64(),
        "documents": pa.uint32(),
    }
)
_REDUCED = pa.schema({"place": pa.uint64(), "key": pa.uint64(), "documents": pa.uint64()})


def map_shard(segments: Sequence[Segment], first_place: int, settings: LineSettings) -> pa.Table:
    """Rows for some segments: one for each line of each segment, and one for each of their sites.

    Returns:
        `key` of the line or the site; `place` of the segment, or of the first one of a site; `document` and `segment`,
        which tell those apart; `documents`, the number of a site's documents here, 0 for a line.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    documents: dict[str, set[int]] = defaultdict(set)
    first_positions: dict[str, int] = {}
    for position, segment in enumerate(segments if settings.max_documents else (), start=first_place):
        site, document = site_of(segment.source), int(segment.document_id[:16], 16)
        documents[site].add(document)
        first_positions.setdefault(site, position)
        keys = {key for _, key in _lines(segment.text, site, settings)}
        rows += [(key, position, document, int(segment.id[:16], 16), 0) for key in sorted(keys)]
    rows += [(_key(site), first_positions[site], 0, 0, len(mapped)) for site, mapped in documents.items()]
    columns = list(zip(*rows, strict=True)) or [()] * len(_MAPPED)
    return pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, _MAPPED.types, strict=True)], schema=_MAPPED
    )


def reduce_keys(table: pa.Table, settings: LineSettings) -> pa.Table:
    """The number of documents of each recurring line and of each site.

    Args:
        table: All rows of some keys, sorted by key and place.
        settings: The number of documents in which a line may occur.

    Returns:
        `place`, `key` of the line or site, and its `documents`: lines of too few documents are left out.
    """
    names = ("key", "place", "document", "segment")
    key, position, document, segment = (table.column(name).to_numpy() for name in names)
    sites = table.column("documents").to_numpy()
    number = np.cumsum(np.concatenate(([0], key[1:] != key[:-1])))[: len(key)]
    counts = np.bincount(number, weights=sites).astype(np.int64)
    first = _first_of_each(number, segment)
    lines = first[_first_of_each(number[first], document[first])]
    counts += np.bincount(number[lines[sites[lines] == 0]], minlength=len(counts))
    reported = (sites > 0) | (counts[number] > settings.max_documents)
    columns = [position[reported], key[reported], counts[number[reported]].astype(np.uint64)]
    return pa.table([pa.array(column) for column in columns], schema=_REDUCED)


def apply(
    segments: Sequence[Segment],
    first_place: int,
    reduced: pa.Table,
    settings: LineSettings,
    lengths: SegmentSettings,
) -> Outcome[Segment]:
    """Removes the recurring lines. A segment that is mostly such lines, or too short without them, is dropped."""
    rows: dict[int, dict[int, int]] = defaultdict(dict)
    documents: dict[int, int] = {}
    for position, key, count in zip(*(column.to_pylist() for column in reduced.columns), strict=True):
        rows[position - first_place][key] = documents[key] = count
    remaining: list[Segment] = []
    dropped: list[Dropped] = []
    for at, segment in enumerate(segments):
        site = site_of(segment.source)
        site_key = _key(site)
        least = settings.min_share * documents.get(site_key, 0)
        furniture = {key: count for key, count in rows.get(at, {}).items() if count >= least and key != site_key}
        outcome = _without(segment, site, furniture, settings, lengths) if furniture else segment
        (remaining if isinstance(outcome, Segment) else dropped).append(outcome)  # type: ignore[arg-type]
    return Outcome(tuple(remaining), tuple(dropped), len(segments))


@lru_cache(maxsize=4096)
def site_of(source: str) -> str:
    """The site that a document belongs to.

    It is the host of a web address, or the file that holds several documents ('dump.jsonl.gz#12'), or the first folder
    that is named like a host ('mirror/www.example.org/a/b.html'), or the first folder.
    """
    scheme, _, address = source.partition("://")
    if address and scheme.lower() in ("http", "https"):
        try:
            return (urlsplit(source).hostname or "").removeprefix("www.")
        except ValueError:  # brackets around something that is no IPv6 address
            return re.split(r"[/?#]", address, maxsplit=1)[0].lower()
    file, *inside = _PLACE.split(address or source, maxsplit=1)
    if inside:
        return file
    folders = file.split("/")[:-1]
    return next((folder for folder in folders if "." in folder.strip(".")), folders[0] if folders else "")


def _without(
    segment: Segment, site: str, furniture: Mapping[int, int], settings: LineSettings, lengths: SegmentSettings
) -> Segment | Dropped:
    lines = segment.text.split("\n")
    recurring = {at: furniture[key] for at, key in _lines(segment.text, site, settings) if key in furniture}
    removed_chars = sum(len(lines[at]) for at in recurring)
    text = _tidy([None if at in recurring else line for at, line in enumerate(lines)])
    if removed_chars <= _MOST * len(segment.text) and length(text, lengths.dense_chars) >= lengths.min_chars:
        return replace(segment, id=segment_id(text), text=text)
    first = min(recurring)
    example = f"{lines[first][:80]!r} in {recurring[first]} documents"
    detail = f"{removed_chars} of {len(segment.text)} characters, such as {example}"
    return Dropped(segment.id, REASON, detail, segment.source, excerpt(segment.text), len(segment.text))


def _tidy(lines: Sequence[str | None]) -> str:
    """The lines that stay. Blank lines and headers go if all the text below them was removed (None)."""
    remaining: list[str] = []
    removed = False
    for line in [*lines, ""]:
        if line is None:
            removed = True
        elif line.strip():
            if removed:
                _close(remaining, _level(line))
                removed = False
            remaining.append(line)
        elif not removed or (remaining and remaining[-1].strip()):
            remaining.append(line)
    if removed:
        _close(remaining, 0)
    return "\n".join(remaining).strip("\n")


def _close(remaining: list[str], level: int) -> None:
    """Removes headers at the end that have no text left, if a header of this level follows."""
    blank = bool(remaining) and not remaining[-1].strip()
    while remaining and (not remaining[-1].strip() or level <= _level(remaining[-1]) <= _LEVELS):
        remaining.pop()
    if blank and remaining:
        remaining.append("")


def _level(line: str) -> int:
    """The level of a header. Any other line is one level below the lowest header."""
    match = _HEADER.match(line)
    return match.end() - 1 if match else _LEVELS + 1


def _lines(text: str, site: str, settings: LineSettings) -> Iterator[tuple[int, int]]:
    """The lines of a text that count, each with its index and its key."""
    fence = ""
    for at, line in enumerate(text.split("\n")):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence):
                fence = ""
        elif mark:
            fence = mark.group(1)
        elif len(line) >= settings.min_chars and not _NO_PROSE.match(line):
            normalised = " ".join((line if _BULLET.match(line) else _FIGURES.sub("0", line)).lower().split())
            if len(normalised) >= settings.min_chars:
                yield at, _key(site, normalised)


def _key(*parts: str) -> int:
    data = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def _first_of_each(groups: NDArray[np.int64], values: Hashes) -> NDArray[np.int64]:
    """The first rows of each pair of values, in order."""
    order = np.lexsort((values, groups))
    new = np.ones(len(order), bool)
    new[1:] = (groups[order[1:]] != groups[order[:-1]]) | (values[order[1:]] != values[order[:-1]])
    return np.sort(order[new])
