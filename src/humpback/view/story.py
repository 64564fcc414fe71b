"""All that is known of one record: its texts, its document, what raters said, what became of it, what is like it."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from humpback.curate.findings import finding
from humpback.errors import InputError
from humpback.records import Candidate, Pair, Rating, Segment
from humpback.view.index import Index, spaced

_PIECES = 60
"""Segments of its document that a story shows."""
_RECORDS: dict[str, type] = {"candidate": Candidate, "segment": Segment, "seed": Pair}


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment of the same document."""

    row: sqlite3.Row
    text: str
    is_this: bool


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one rater said."""

    stage: str
    rating: Rating
    words: str


@dataclass(frozen=True, slots=True)
class Story:
    """One record with all that belongs to it."""

    row: sqlite3.Row
    instruction: str
    response: str
    title_path: tuple[str, ...]
    model: str
    pieces: tuple[Piece, ...]
    """Segments of its document, in order."""
    hidden_pieces: int
    ratings: tuple[Opinion, ...]
    nearest: tuple[sqlite3.Row, ...]
    """Candidates that share its rarest words."""
    siblings: tuple[sqlite3.Row, ...]
    """Candidates for the same segment, itself left out."""


def story(index: Index, kind: str, record_id: str) -> Story:
    """Reads all of one record.

    Raises:
        InputError: The run has no such record.
    """
    row = find(index, kind, record_id)
    record = _full(index, row)
    instruction = str(getattr(record, "instruction", row["instruction"]))
    response = str(getattr(record, "response", getattr(record, "text", row["response"])))
    pieces, hidden = _document(index, row)
    candidates = "kind = 'candidate' AND id <> ?"
    siblings = _rows(index, f"{candidates} AND segment = ?", [record_id, row["segment"]]) if row["segment"] else []
    return Story(
        row, instruction, response, tuple(getattr(record, "title_path", ())), str(getattr(record, "model", "")),
        pieces, hidden, tuple(_ratings(index, row)), tuple(_nearest(index, record_id, f"{instruction}\n{response}")),
        tuple(siblings),
    )  # fmt: skip


def find(index: Index, kind: str, record_id: str) -> sqlite3.Row:
    """A record with the beginning of its texts.

    Args:
        index: The run's.
        kind: Of the record; empty for any.
        record_id: Its id.

    Raises:
        InputError: The run has no such record.
    """
    kinds = [kind] if kind else ["candidate", "segment", "seed", "dropped", "answer", "document"]
    for name in kinds:
        if rows := _rows(index, "kind = ? AND id = ?", [name, record_id]):
            return rows[0]
    raise InputError(f"{index.name} has no {kind or 'record'} {record_id[:60]!r}", "search for its text")


def texts(index: Index, record_id: str) -> tuple[str, str]:
    """Instruction and response of a candidate, whole."""
    candidate = _full(index, find(index, "candidate", record_id))
    return candidate.instruction, candidate.response


def _full(index: Index, row: sqlite3.Row) -> Any:
    if row["shard"] is None or row["shard"] < 0 or row["kind"] not in _RECORDS:
        return None
    return index.run.stage(row["stage"]).record(row["shard"], row["place"], _RECORDS[row["kind"]])


def _document(index: Index, row: sqlite3.Row) -> tuple[tuple[Piece, ...], int]:
    if not row["document"]:
        return (), 0
    rows = _rows(index, "kind = 'segment' AND document = ?", [row["document"]], limit=100_000)
    marked = next((place for place, item in enumerate(rows) if item["id"] == row["segment"]), 0)
    first = max(0, min(marked - _PIECES // 2, len(rows) - _PIECES))
    part = rows[first : first + _PIECES]
    pieces = (
        Piece(
            item,
            _full(index, item).text if item["id"] == row["segment"] else item["response"],
            item["id"] == row["segment"],
        )
        for item in part
    )
    return tuple(pieces), len(rows) - len(part)


def _ratings(index: Index, row: sqlite3.Row) -> list[Opinion]:
    if row["kind"] != "candidate":
        return []
    opinions = []
    for name in index.scores:
        # Ratings stand in the order of their candidates.
        rating = index.run.stage(name).record(row["shard"], row["place"], Rating)
        if rating is not None and rating.id == row["id"]:
            opinions.append(Opinion(name, rating, finding(rating)))
    return opinions


def _nearest(index: Index, record_id: str, text: str, count: int = 5) -> list[sqlite3.Row]:
    words = sorted(
        {word for word in re.findall(r"\w+", spaced(text[:4000]).casefold()) if len(word) > 1 or word > "\u0e00"}
    )
    frequency = "SELECT term, doc FROM vocabulary WHERE term = ?"
    known = [row for word in words[:400] if (row := index.database.execute(frequency, [word]).fetchone())]
    rare = sorted((row for row in known if row["doc"] > 1), key=lambda row: row["doc"])[:8]
    if not rare:
        return []
    match = " OR ".join(f'"{row["term"]}"' for row in rare)
    sql = """SELECT r.*, t.title, t.instruction, t.response, NULL AS verdict, NULL AS edited, NULL AS tags FROM
        (SELECT rowid AS row, rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT 60) JOIN records r ON r.rowid = row
        JOIN texts t ON t.rowid = row WHERE r.kind = 'candidate' AND r.id <> ? ORDER BY rank LIMIT ?"""
    return list(index.database.execute(sql, [match, record_id, count]))


def _rows(index: Index, condition: str, values: list[Any], limit: int = 20) -> list[sqlite3.Row]:
    sql = f"""SELECT r.*, t.title, t.instruction, t.response, NULL AS verdict, NULL AS edited, NULL AS tags FROM records r JOIN texts t ON t.rowid = r.rowid
        WHERE {condition} ORDER BY r.rowid
        LIMIT {limit}"""  # noqa: S608
    return list(index.database.execute(sql, values))
