"""All that is known of one record: its texts, its document, what raters said, what became of it, what is like it."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import dataclass
from typing import Any

from humpback.curate.findings import finding
from humpback.errors import InputError
from humpback.records import Candidate, Pair, Rating, Rewritten, Segment
from humpback.view.index import KINDS, Index, spaced

_PIECES = 60
"""Segments of its document that a story shows."""
_RECORDS: dict[str, type] = {"candidate": Candidate, "segment": Segment, "seed": Pair}
_ROW = "SELECT r.*, t.title, t.instruction, t.response, NULL AS verdict, NULL AS edited, NULL AS tags FROM"


@dataclass(frozen=True, slots=True)
class Story:
    """One record with all that belongs to it; rows are those of the index, with the beginnings of texts."""

    row: sqlite3.Row
    instruction: str
    response: str
    title_path: tuple[str, ...]
    kept: dict[str, bool]
    """Whether each iteration kept it."""
    ratings: list[tuple[str, Rating, str]]
    """Stage, rating, and what it says in words."""
    rewritten: Rewritten | None
    """What became of its response; None where it was not rewritten."""
    siblings: list[sqlite3.Row]
    """Other candidates for the same segment."""
    nearest: list[sqlite3.Row]
    """Candidates that share its rarest words."""
    pieces: list[tuple[sqlite3.Row, str]]
    """Segments of its document, in order, with their whole texts."""
    hidden_pieces: int
    """Segments of its document that are too far away."""
    dropped_pieces: int
    """What was dropped of its document before there was a candidate."""


def story(index: Index, kind: str, record_id: str) -> Story:
    """Reads all of one record.

    Raises:
        InputError: The run has no such record.
    """
    row = find(index, kind, record_id)
    record = _record(index, row)
    instruction, response = texts(index, row)
    is_candidate = row["kind"] == "candidate"
    siblings = "r.kind = 'candidate' AND r.id <> ? AND r.segment = ? LIMIT 20"
    pieces = _rows(index, "r.kind = 'segment' AND r.document = ?", row["document"]) if row["document"] else []
    marked = next((position for position, piece in enumerate(pieces) if piece["id"] == row["segment"]), 0)
    first = max(0, min(marked - _PIECES // 2, len(pieces) - _PIECES))
    return Story(
        row, instruction, response, tuple(getattr(record, "title_path", ())),
        {name: bool(row[f"k{number}"]) for number, name in enumerate(index.curated)} if is_candidate else {},
        _ratings(index, row) if is_candidate else [], _rewritten(index, row) if is_candidate else None,
        _rows(index, siblings, record_id, row["segment"]) if row["segment"] else [],
        _nearest(index, record_id, f"{instruction}\n{response}"),
        _with_whole_texts(index, pieces[first : first + _PIECES]), max(0, len(pieces) - _PIECES),
        index.database.execute("SELECT count(*) FROM records WHERE kind = 'dropped' AND source = ?", [row["source"]])
        .fetchone()[0] if pieces else 0,
    )  # fmt: skip


def _with_whole_texts(index: Index, pieces: list[sqlite3.Row]) -> list[tuple[sqlite3.Row, str]]:
    """Segments with their whole texts, shard by shard: those of a document mostly lie in one."""
    stage = index.run.stage(index.plan.segments)
    shards = {shard: stage.shard(shard, Segment) for shard in {piece["shard"] for piece in pieces} if stage.has(shard)}
    return [(piece, shards[piece["shard"]][piece["place"]].text if piece["shard"] in shards else piece["response"])
            for piece in pieces]  # fmt: skip


def find(index: Index, kind: str, record_id: str) -> sqlite3.Row:
    """A record with the beginning of its texts, of one kind or, where that is empty, of any.

    Raises:
        InputError: The run has no such record.
    """
    for name in [kind] if kind else reversed(KINDS):
        if rows := _rows(index, "r.kind = ? AND r.id = ? LIMIT 1", name, record_id):
            return rows[0]
    raise InputError(f"{index.name} has no {kind or 'record'} {record_id[:60]!r}", "search for its text")


def texts(index: Index, row: sqlite3.Row) -> tuple[str, str]:
    """Instruction and response of a record, whole where the run has them."""
    record = _record(index, row)
    response = getattr(record, "response", getattr(record, "text", row["response"]))
    return str(getattr(record, "instruction", row["instruction"])), str(response)


def _record(index: Index, row: sqlite3.Row) -> Any:
    if row["kind"] not in _RECORDS:
        return None
    return index.run.stage(row["stage"]).record(row["shard"], row["place"], _RECORDS[row["kind"]])


def _ratings(index: Index, row: sqlite3.Row) -> list[tuple[str, Rating, str]]:
    # Ratings stand in the order of their candidates.
    ratings = ((name, index.run.stage(name).record(row["shard"], row["place"], Rating)) for name in index.scores)
    return [
        (name, rating, finding(rating)) for name, rating in ratings if rating is not None and rating.id == row["id"]
    ]


def _rewritten(index: Index, row: sqlite3.Row) -> Rewritten | None:
    stage = index.run.stage(index.plan.rewritten) if index.plan.rewritten else None
    rows = stage.shard(row["shard"], Rewritten) if stage and stage.has(row["shard"]) else []
    return next((rewritten for rewritten in rows if rewritten.id == row["id"]), None)


def _nearest(index: Index, record_id: str, text: str) -> list[sqlite3.Row]:
    words = sorted(set(re.findall(r"\w+", spaced(text).casefold())))
    terms = "SELECT term FROM rare WHERE term IN (SELECT value FROM json_each(?)) ORDER BY records, term LIMIT 8"
    rare = [row["term"] for row in index.database.execute(terms, [json.dumps(words)])]
    sql = f"""{_ROW} (SELECT rowid AS row, rank FROM words WHERE words MATCH ? ORDER BY rank LIMIT 60)
        JOIN records r ON r.rowid = row JOIN texts t ON t.rowid = row
        WHERE r.kind = 'candidate' AND r.id <> ? ORDER BY rank LIMIT 5"""  # noqa: S608
    match = " OR ".join(f'"{term}"' for term in rare)
    return list(index.database.execute(sql, [match, record_id])) if rare else []


def _rows(index: Index, condition: str, *values: str) -> list[sqlite3.Row]:
    sql = f"{_ROW} records r JOIN texts t ON t.rowid = r.rowid WHERE {condition}"
    return list(index.database.execute(sql, values))
