"""Exact and near duplicates among all segments of the corpus: MinHash with locality-sensitive hashing (Broder 1997).

The rule: **a segment is dropped if an earlier one is similar to it in one of their common buckets.** Two segments share
a bucket for each band of their MinHash signatures that agrees in all its rows. In a bucket a segment is compared with
the first one and with the nearest `WINDOW` before it, not counting copies; sketches of both estimate the similarity.
Earlier means earlier in the corpus, so workers, shards and the order of the work do not change the result, and the
earliest of all similar segments always stays. A dropped segment can be the reason for another: of a chain a ~ b ~ c in
which a and c are not similar, a drops b, and b drops c. Nothing is grouped and no pair is compared twice, so a text
that occurs a million times costs a million steps.

Copies, equal but for case and white space, share all buckets. They are recognised by their ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rensa import RMinHash

from humpback.config import DeduplicateSettings
from humpback.records import Dropped, Outcome, Segment
from humpback.text.shingles import Hashes, Shingles, mixed, words

SKETCH_BYTES = 64
"""A sketch is the lowest bit of so many times 8 MinHashes (Li and König 2010): of two texts of Jaccard similarity J
the part of bits that agree is (1 + J) / 2, and with 512 bits J is known to .026 at .8."""
WINDOW = 8
"""Earlier segments of a bucket that a segment is compared with, besides the first. More would hardly find more: similar
segments usually share other buckets too."""

_BITS = 8 * SKETCH_BYTES
_SEED = 20230811
_BATCH_CHARS = 1 << 15
"""Characters that are hashed at a time. They fit in the processor's cache, and they are too few for rensa to start
threads, which would disturb the other workers."""
_COMPARED = 1 << 14
"""Rows that are compared at a time, so that the sketches of a whole pass are not copied."""
_EXCERPT = 200
_MAPPED = pa.schema(
    {
        "key": pa.uint64(),
        "place": pa.uint64(),
        "band": pa.uint16(),
        "exact": pa.uint64(),
        "sketch": pa.binary(SKETCH_BYTES),
    }
)
_REDUCED = pa.schema({"place": pa.uint64(), "of": pa.uint64(), "similarity": pa.float32(), "exact": pa.bool_()})

Rows = NDArray[np.int64]
Sketches = NDArray[np.uint64]


def map_shard(segments: Sequence[Segment], first_place: int, settings: DeduplicateSettings) -> pa.Table:
    """Rows for some segments: one for each segment and band, or one for each segment if only copies are dropped.

    Returns:
        `key`, the bucket; `place`; `band`; `exact`, the beginning of the segment's id; `sketch`, for comparing.
    """
    exact = np.array([int(segment.id[:16], 16) for segment in segments], np.uint64)
    position = np.arange(first_place, first_place + len(segments), dtype=np.uint64)
    bands = settings.bands if settings.near else 1
    if settings.near:
        keys, sketches = _signatures([segment.text for segment in segments], exact, settings)
    else:
        keys, sketches = mixed(exact), np.zeros((len(segments), SKETCH_BYTES), np.uint8)
    columns = [
        keys,
        np.repeat(position, bands),
        np.tile(np.arange(bands, dtype=np.uint16), len(segments)),
        np.repeat(exact, bands),
        _fixed_width(np.repeat(sketches, bands, axis=0)),
    ]
    return pa.table([pa.array(column) for column in columns], schema=_MAPPED)


def reduce_keys(table: pa.Table, settings: DeduplicateSettings) -> pa.Table:
    """Segments that are similar to an earlier one.

    Args:
        table: All rows of some keys, sorted by key and place.
        settings: The threshold, and the kinds of duplicates.

    Returns:
        `place` of the segment; `of`, the `exact` of the earlier one; the estimated `similarity`; whether it is `exact`.
        A segment with similar ones in several buckets has several rows.
    """
    shared = np.flatnonzero(_has_neighbour(table.column("key").to_numpy()))
    key, position, band, exact = (table.column(name).to_numpy()[shared] for name in ("key", "place", "band", "exact"))
    order = np.lexsort((exact, key))  # stable: by place among the copies in a bucket
    is_copy = np.zeros(len(order), bool)
    is_copy[order[1:]] = (key[order[1:]] == key[order[:-1]]) & (exact[order[1:]] == exact[order[:-1]])
    # Copies share all bands, so one band is enough. If only near duplicates are dropped, copies are near duplicates.
    copies = np.flatnonzero(is_copy & (band == 0) & (settings.exact or settings.near))
    tables = [_verdicts(position[copies], exact[copies], np.ones(len(copies), np.float32), exact=settings.exact)]
    if settings.near:
        firsts = np.flatnonzero(~is_copy)
        like = _like(key[firsts], _sketches(table, shared[firsts]), _least_estimate(settings.threshold))
        rows, earlier = firsts[like.rows], firsts[like.earlier]
        tables.append(_verdicts(position[rows], exact[earlier], like.similarity, exact=False))
    return pa.concat_tables(tables)


def apply(segments: Sequence[Segment], first_place: int, reduced: pa.Table) -> Outcome[Segment]:
    """Drops each segment that has a row. An exact match is the reason before the most similar segment."""
    why: dict[int, tuple[bool, float, int]] = {}
    for position, original, similarity, exact in zip(*(column.to_pylist() for column in reduced.columns), strict=True):
        at, reason = position - first_place, (exact, similarity, original)
        why[at] = max(why.get(at, reason), reason)
    remaining = tuple(segment for at, segment in enumerate(segments) if at not in why)
    dropped = tuple(_dropped(segments[at], *why[at]) for at in sorted(why))
    return Outcome(remaining, dropped, len(segments))


@dataclass(frozen=True, slots=True)
class _Likes:
    """Rows that are similar to an earlier row of their bucket, and the most similar of these."""

    rows: Rows
    earlier: Rows
    similarity: NDArray[np.float32]


def _signatures(texts: Sequence[str], exact: Hashes, settings: DeduplicateSettings) -> tuple[Hashes, Sketches]:
    """The buckets of each text, one for each band, all in one array; and the sketches, which use other hashes."""
    size = settings.bands * settings.rows
    keys = [np.empty((0, settings.bands), np.uint64)]
    sketches = [np.empty((0, SKETCH_BYTES), np.uint8)]
    for start, end in _batches(texts):
        shingles = _shingles(texts[start:end], exact[start:end], settings.ngram)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            shingles.hashes, shingles.ends.astype(np.uint64), size + _BITS, _SEED
        )
        hashes = np.array(matrix.to_rows(), np.uint32)
        sketches.append(np.packbits(hashes[:, size:] & 1, axis=1))
        bands = hashes[:, :size].astype(np.uint64).reshape(-1, settings.rows)
        folded = np.zeros(len(bands), np.uint64)
        for row in range(settings.rows):
            folded = mixed(folded + bands[:, row])
        keys.append(mixed(folded.reshape(-1, settings.bands) + np.arange(settings.bands).astype(np.uint64)))
    return np.concatenate(keys).ravel(), np.concatenate(sketches)


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    start = size = 0
    for at, text in enumerate(texts):
        if at > start and size + len(text) > _BATCH_CHARS:
            yield start, at
            start, size = at, 0
        size += len(text)
    if start < len(texts):
        yield start, len(texts)


def _shingles(texts: Sequence[str], exact: Hashes, n: int) -> Shingles:
    """The n-grams of each text. A shorter text has one of all its words, and a text without words has its id."""
    text_words = words(texts)
    ngrams = text_words.ngrams(n)
    short = np.flatnonzero(np.diff(ngrams.ends) == 0)
    if not len(short):
        return ngrams
    hashes = ((text_words.of(at), exact[at]) for at in short.tolist())
    single = [
        mixed(np.sum(word_hashes, keepdims=True))[0] if len(word_hashes) else identity
        for word_hashes, identity in hashes
    ]
    added = np.cumsum([0, *(np.diff(ngrams.ends) == 0)])
    return Shingles(np.insert(ngrams.hashes, ngrams.ends[short], single), ngrams.ends + added)


def _has_neighbour(key: Hashes) -> NDArray[np.bool_]:
    """Whether each row has a neighbour with the same key."""
    same = key[1:] == key[:-1]
    return np.concatenate((same, [False])) | np.concatenate(([False], same))


def _like(key: Hashes, sketches: Sketches, bound: float) -> _Likes:
    """Compares each row with the first of its bucket and with the nearest before it. Rows are sorted by bucket."""
    positions = np.arange(len(key))
    first = np.maximum.accumulate(np.where(np.append(True, key[1:] != key[:-1])[: len(key)], positions, 0))
    best, earlier = np.full(len(key), -1.0, np.float32), positions.copy()
    for back in range(WINDOW + 1):
        partner = first if back == 0 else positions - back
        rows = np.flatnonzero((positions > first) & (partner >= first))
        similarity = _similarity(sketches, rows, partner[rows])
        better = similarity > best[rows]
        best[rows[better]], earlier[rows[better]] = similarity[better], partner[rows][better]
    rows = np.flatnonzero(best >= bound)
    return _Likes(rows, earlier[rows], best[rows])


def _similarity(sketches: Sketches, rows: Rows, partners: Rows) -> NDArray[np.float32]:
    differing = np.empty(len(rows), np.int64)
    for at in range(0, len(rows), _COMPARED):
        now = slice(at, at + _COMPARED)
        differing[now] = np.bitwise_count(sketches[rows[now]] ^ sketches[partners[now]]).sum(axis=1, dtype=np.int64)
    return (1 - 2 * differing / _BITS).astype(np.float32)


def _least_estimate(threshold: float) -> float:
    """The least estimate for two similar texts: one standard deviation below the threshold."""
    return threshold - float(np.sqrt((1 - threshold**2) / _BITS))


def _sketches(table: pa.Table, rows: Rows) -> Sketches:
    column = table.column("sketch").take(pa.array(rows)).combine_chunks()
    size = len(column) * SKETCH_BYTES
    data = np.frombuffer(column.buffers()[1], np.uint8, size, column.offset * SKETCH_BYTES) if size else b""
    return np.frombuffer(data, np.uint64).reshape(-1, SKETCH_BYTES // 8)


def _fixed_width(rows: NDArray[np.uint8]) -> pa.Array:
    """Rows of bytes as a column of fixed width."""
    data = pa.py_buffer(np.ascontiguousarray(rows))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(SKETCH_BYTES), len(rows), [None, data])


def _verdicts(position: Hashes, original: Hashes, similarity: NDArray[np.float32], *, exact: bool) -> pa.Table:
    columns = [pa.array(position), pa.array(original), pa.array(similarity), pa.array(np.full(len(position), exact))]
    return pa.table(columns, schema=_REDUCED)


def _dropped(segment: Segment, exact: bool, similarity: float, original: int) -> Dropped:
    reason = "duplicate" if exact else "near duplicate"
    detail = f"of segment {original:016x}..." if exact else f"similarity {similarity:.2f} to segment {original:016x}..."
    return Dropped(segment.id, reason, detail, segment.source, segment.text[:_EXCERPT], len(segment.text))
