"""An index of a run's records in SQLite, made once: what is filtered and sorted by, the beginning of texts, full text.

The shards stay where they are; the whole text of a record is read from its shard when it is asked for. Reading goes
shard by shard and column by column, so memory does not grow with the run.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import fields
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from humpback.data_access.rows import input_digest
from humpback.data_access.storable import storable
from humpback.evaluation.comparisons import read_outputs
from humpback.method.record import PlanRecord, read_record
from humpback.records import Candidate, Pair, Segment, content_id
from humpback.runs.store import Run, StageFolder
from humpback.statistics.ranks import mean_ranks

VERSION = 3
"""Raised when the tables change, so that an index of an earlier version is made anew."""
KINDS = ("document", "segment", "candidate", "dropped", "seed", "answer")
RARE = 1000
"""Records that a word may stand in so that records are alike by it."""
EXCERPT = 280
"""Characters of a text that lists show."""

# Scripts without spaces: each sign is a word of its own.
_UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
_TABLES = """
CREATE TABLE about (content TEXT);
CREATE TABLE records (
  rowid INTEGER PRIMARY KEY, kind TEXT, id TEXT, segment TEXT, source TEXT, document TEXT, cluster INTEGER,
  language TEXT, state TEXT, reason TEXT, detail TEXT, stage TEXT, shard INTEGER, place INTEGER, length INTEGER,
  asks INTEGER, parts INTEGER, log_probability REAL, gain REAL, doubt REAL {columns});
CREATE TABLE texts (rowid INTEGER PRIMARY KEY, title TEXT, instruction TEXT, response TEXT);
CREATE VIRTUAL TABLE words USING fts5(text, content='', detail='full');
CREATE TABLE columns (name TEXT PRIMARY KEY, content BLOB);
INSERT INTO words (words, rank) VALUES ('hashsize', 16777216), ('automerge', 0), ('crisismerge', 1000);
"""
_CANDIDATE = "kind = 'candidate'"
_ORDERED = {"length": "1", "parts": "kind = 'document'",
            **dict.fromkeys(("asks", "log_probability", "gain", "doubt"), _CANDIDATE)}  # fmt: skip
"""What records are sorted by, with the condition for those that have it."""
FACETS = ("source", "cluster", "language", "state", "reason", "stage")
_ROW = ("kind", "id", "segment", "source", "document", "language", "state", "reason", "detail", "stage", "shard",
        "place", "length", "asks", "log_probability", "gain")  # fmt: skip


class Index:
    """The records of one run, finished or not, and of files of answers beside it, findable."""

    def __init__(self, run: Run, outputs: Sequence[Path] = ()) -> None:
        self.run = run
        self.outputs = outputs
        self.name = run.path.name or str(run.path)
        self.plan: PlanRecord = read_record(run)
        self.scores = tuple(
            name
            for iteration, ratings in enumerate(self.plan.ratings, 1)
            for name in self.plan.stages
            if (name == ratings or name.startswith(f"scores-{iteration}-")) and run.stage(name).committed()
        )
        """Stages that rate candidates; the scores of the first are in the column s0."""
        self.curated = tuple(name for name in self.plan.curated if run.stage(name).committed())
        """What each iteration kept; of the first, in the column k0."""
        self.database = self._open()
        self.database.row_factory = sqlite3.Row
        # Records of one kind follow one another.
        rows = self.database.execute("SELECT kind, min(rowid), max(rowid) FROM records GROUP BY kind").fetchall()
        self.rowids = dict.fromkeys(KINDS, (0, 0)) | {kind: (first, last) for kind, first, last in rows}
        self.database.execute("CREATE TEMP TABLE decisions (annotator TEXT, id TEXT, verdict TEXT, edited INTEGER, "
                              "tags TEXT, note TEXT, PRIMARY KEY (annotator, id)) WITHOUT ROWID")  # fmt: skip
        self.database.execute("CREATE TABLE IF NOT EXISTS queues (queue TEXT, position INTEGER, id TEXT, "
                              "PRIMARY KEY (queue, position)) WITHOUT ROWID")  # fmt: skip

    @property
    def decided_score(self) -> str:
        """The column of the scores that the last selection was made by; empty where nothing is rated."""
        last = next((name for name in reversed(self.plan.ratings) if name in self.scores), None)
        return f"s{self.scores.index(last)}" if last else ""

    def counts(self) -> dict[str, int]:
        """Records of each kind."""
        return {kind: last - first + 1 for kind, (first, last) in self.rowids.items() if last}

    def numbers(self, name: str) -> np.ndarray[Any, Any]:
        """One column of all candidates in order: scores (nan where there is none), what was kept, ids as `key`."""
        row = self.database.execute("SELECT content FROM columns WHERE name = ?", [name]).fetchone()
        kind = {"k": np.bool_, "s": np.float64}.get(name.rstrip("0123456789"), np.uint64)
        return np.frombuffer(row[0] if row else b"", kind)

    def kept(self) -> list[tuple[str, int]]:
        """How many candidates each iteration kept."""
        count = "SELECT count(*) FROM records WHERE kind = 'candidate' AND k{} = 1"
        counts = (self.database.execute(count.format(number)).fetchone()[0] for number in range(len(self.curated)))
        return list(zip(self.curated, counts, strict=True))

    def facets(self, kind: str) -> dict[str, list[tuple[str, int]]]:
        """The most frequent values of each column that records are filtered by, with their numbers."""
        rows = self.database.execute("SELECT name, value, count FROM facets WHERE kind = ? ORDER BY count DESC", [kind])
        values: dict[str, list[tuple[str, int]]] = {}
        for name, value, count in rows:
            values.setdefault(name, []).append((value, count))
        return {name: values[name] for name in FACETS if name in values}

    def _identity(self) -> str:
        """What the index was made of: it is made anew when a stage has gone on."""
        stages = [
            (name, stage.committed()[-1:], len(stage.committed()), (stage.recipe() or {}).get("fingerprint"))
            for name in self.plan.stages
            for stage in [self.run.stage(name)]
        ]
        return json.dumps([VERSION, stages, [(str(path), input_digest(str(path))) for path in self.outputs]])

    def _open(self) -> sqlite3.Connection:
        folder, identity = self.run.view_path, self._identity()
        if not isinstance(folder, Path) or not os.access(self.run.path, os.W_OK):
            folder = Path(tempfile.mkdtemp(prefix="humpback-view-"))
        folder.mkdir(exist_ok=True)
        path = folder / f"index-{content_id(*map(str, self.outputs))[:8]}.sqlite"
        if path.exists():
            database = sqlite3.connect(path, check_same_thread=False)
            try:
                if database.execute("SELECT content FROM about").fetchone() == (identity,):
                    return database
            except sqlite3.DatabaseError:
                pass
            database.close()
        new = path.with_suffix(f".{os.getpid()}.tmp")
        new.unlink(missing_ok=True)
        with closing(sqlite3.connect(new)) as database:
            self._build(database)
            database.execute("INSERT INTO about VALUES (?)", [identity])
            database.commit()
        new.replace(path)
        return sqlite3.connect(path, check_same_thread=False)

    def _build(self, database: sqlite3.Connection) -> None:
        scores = [f"s{number}" for number in range(len(self.scores))]
        selections = [f"k{number}" for number in range(len(self.curated))]
        columns = [f", {name} REAL" for name in scores] + [f", {name} INTEGER DEFAULT 0" for name in selections]
        # Whoever is killed here begins again, so nothing need be safe before the end.
        database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32768;")
        database.executescript(_TABLES.format(columns="".join(columns)))
        rows = self._rows()
        while batch := list(islice(rows, 2000)):
            _insert(database, batch, (*_ROW, *scores, *selections))
        database.execute("CREATE INDEX by_id ON records (kind, id)")
        database.execute("CREATE INDEX by_document ON records (document, kind)")
        database.execute(f"CREATE INDEX by_segment ON records (segment) WHERE {_CANDIDATE}")
        self._join(database)
        _count_documents(database)
        database.execute("INSERT INTO words (words) VALUES ('optimize')")
        _store_columns(database, scores, selections)
        _measure_doubt(database, scores, self.decided_score)
        for name, condition in {**_ORDERED, **dict.fromkeys([*scores, *selections], _CANDIDATE)}.items():
            # Ties go by rowid, which every index of SQLite ends with, so that pages are in one order.
            key = f"kind, {name}" if condition == "1" else name
            database.execute(f"CREATE INDEX by_{name} ON records ({key}) WHERE {condition}")
        database.execute("CREATE TABLE facets (kind TEXT, name TEXT, value TEXT, count INTEGER)")
        for name in FACETS:
            database.execute(f"CREATE INDEX by_{name} ON records (kind, {name}) WHERE {name} IS NOT NULL")
            database.execute(
                f"INSERT INTO facets SELECT kind, '{name}', value, count FROM (SELECT kind, {name} AS value, "  # noqa: S608
                f"count(*) AS count, row_number() OVER (PARTITION BY kind ORDER BY count(*) DESC) AS rank FROM records "
                f"WHERE {name} IS NOT NULL AND {name} <> '' GROUP BY kind, {name}) WHERE rank <= 200"
            )
        database.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, 'row')")
        database.execute("CREATE TABLE rare (term TEXT PRIMARY KEY, records INTEGER) WITHOUT ROWID")
        database.execute(f"INSERT INTO rare SELECT term, doc FROM vocabulary WHERE doc BETWEEN 2 AND {RARE}")  # noqa: S608
        database.execute("ANALYZE")

    def _rows(self) -> Iterator[dict[str, Any]]:
        run, plan = self.run, self.plan
        yield from _records(run.stage(plan.seed), "seed", Pair)
        for item in chain(_records(run.stage(plan.segments), "segment", Segment), self._candidates()):
            text = {"title": " › ".join(item["title_path"]), "document": item["document_id"]}
            segment, response = item.get("segment_id", item["id"]), item.get("response", item.get("text"))
            yield item | text | {"segment": segment, "response": response}
        for name in dict.fromkeys((plan.seed, *plan.filters, plan.segments, "drafts", plan.candidates)):
            for dropped in run.stage(name).dropped():
                yield {"kind": "dropped", "stage": name, "response": dropped.excerpt, "length": dropped.chars,
                       "id": dropped.id, "source": dropped.source, "reason": dropped.reason,
                       "detail": dropped.detail}  # fmt: skip
        for path in self.outputs:
            for answer in read_outputs(path):
                yield {"kind": "answer", "stage": path.name, "source": answer.generator, "response": answer.output,
                       "instruction": answer.instruction, "shard": -1,
                       "id": content_id(answer.instruction, answer.output, answer.generator)}  # fmt: skip

    def _candidates(self) -> Iterator[dict[str, Any]]:
        """Candidates with what was said of them by other stages, whose shards have the same numbers."""
        stage = self.run.stage(self.plan.candidates)
        unkept = {f"k{number}": 0 for number in range(len(self.curated))}
        for shard in stage.committed():
            findings = defaultdict[str, dict[str, Any]](dict)
            for number, name in enumerate(self.scores):
                for id_, score, state in self._columns(name, shard, "id", "score", "state"):
                    findings[id_] |= {f"s{number}": score, "state": state}
            for number, name in enumerate(self.curated):
                for (id_,) in self._columns(name, shard, "id"):
                    findings[id_][f"k{number}"] = 1
            for dropped in self.run.stage(self.curated[-1]).dropped(shard) if self.curated else ():
                findings[dropped.id] |= {"reason": dropped.reason, "detail": dropped.detail}
            languages = dict(self._columns(self.plan.segments, shard, "id", "language"))
            for item in _records(stage, "candidate", Candidate, [shard]):
                yield {**item, **unkept, **findings[item["id"]], "language": languages.get(item["segment_id"])}

    def _columns(self, stage: str, shard: int, *names: str) -> Iterator[tuple[Any, ...]]:
        folder = self.run.stage(stage)
        return zip(*(folder.column(name, shard) for name in names), strict=True) if folder.has(shard) else iter(())

    def _join(self, database: sqlite3.Connection) -> None:
        """Groups of like texts, and the language of candidates that stand in another shard than their segments."""
        for name in ("likeness", "vectors"):
            if self.run.stage(name).committed():
                for condition in ("kind = 'segment' AND id = ?", f"{_CANDIDATE} AND segment = ?"):
                    groups = zip(*(self.run.stage(name).column(column) for column in ("cluster", "id")), strict=True)
                    rows = (row for row in groups if row[0] >= 0)
                    database.executemany(f"UPDATE records SET cluster = ? WHERE {condition}", rows)  # noqa: S608
        database.execute(
            "UPDATE records SET language = (SELECT language FROM records s WHERE s.kind = 'segment' AND "  # noqa: S608
            f"s.id = records.segment) WHERE {_CANDIDATE} AND language IS NULL"
        )


def spaced(text: str) -> str:
    """A text as full-text search takes it: signs of scripts without spaces stand alone."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def _records(stage: StageFolder, kind: str, record: Any, shards: Sequence[int] = ()) -> Iterator[dict[str, Any]]:
    names = [field.name for field in fields(record)]
    for shard in shards or stage.committed():
        for position, row in enumerate(stage.shard(shard, record)):
            values = {name: getattr(row, name) for name in names}
            yield {"kind": kind, "stage": stage.name, "shard": shard, "place": position, **values}


def _insert(database: sqlite3.Connection, batch: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    first = database.execute("SELECT coalesce(max(rowid), 0) + 1 FROM records").fetchone()[0]
    records, texts, words = [], [], []
    for rowid, row in enumerate(batch, first):
        title, instruction, response = (row.get(side) or "" for side in ("title", "instruction", "response"))
        values = row | {"length": row.get("length") or len(response), "asks": len(instruction)}
        records.append((rowid, *(storable(values.get(name)) for name in columns)))
        end = None if row["kind"] == "answer" else EXCERPT  # answers are in no shard
        texts.append((rowid, *(storable(side[:end]) for side in (title, instruction, response))))
        words.append((rowid, storable(spaced("\n".join((title, instruction, response, row["source"]))))))
    marks = ", ".join("?" * (len(columns) + 1))
    database.executemany(f"INSERT INTO records (rowid, {', '.join(columns)}) VALUES ({marks})", records)  # noqa: S608
    database.executemany("INSERT INTO texts VALUES (?, ?, ?, ?)", texts)
    database.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", words)


def _count_documents(database: sqlite3.Connection) -> None:
    """A record for each document, with how many segments it has and how much text."""
    database.execute(
        "INSERT INTO records (kind, id, document, source, stage, length, parts, language) "
        "SELECT 'document', document, document, min(source), min(stage), sum(length), count(*), min(language) "
        "FROM records WHERE kind = 'segment' GROUP BY document"
    )
    database.execute(
        "INSERT INTO texts SELECT d.rowid, substr(t.title, 1, instr(t.title || ' › ', ' › ') - 1), '', t.response "
        "FROM records d JOIN texts t ON t.rowid = "
        "(SELECT min(s.rowid) FROM records s WHERE s.document = d.document AND s.kind = 'segment') "
        "WHERE d.kind = 'document'"
    )
    database.execute(
        "INSERT INTO words (rowid, text) SELECT rowid, title || ' ' || source FROM records JOIN texts USING (rowid) "
        "WHERE kind = 'document'"
    )


def _store_columns(database: sqlite3.Connection, scores: Sequence[str], selections: Sequence[str]) -> None:
    """Scores, what was kept and ids of all candidates as arrays, so that two of them are compared in milliseconds."""
    for names, kind in ((scores, np.float64), (selections, np.bool_)):
        for name in names:
            rows = database.execute(f"SELECT {name} FROM records WHERE {_CANDIDATE} ORDER BY rowid")  # noqa: S608
            values = np.fromiter((np.nan if row[0] is None else row[0] for row in rows), kind)
            database.execute("INSERT INTO columns VALUES (?, ?)", [name, values.tobytes()])
    ids = database.execute(f"SELECT id FROM records WHERE {_CANDIDATE} ORDER BY rowid")  # noqa: S608
    keys = np.fromiter((int(content_id(row[0])[:16], 16) for row in ids), np.uint64)
    database.execute("INSERT INTO columns VALUES ('key', ?)", [keys.tobytes()])


def _measure_doubt(database: sqlite3.Connection, scores: Sequence[str], decided: str) -> None:
    """Where a decision helps most: how far scorers disagree in their ranks; with one of them, how near its cut is."""
    first = database.execute(f"SELECT min(rowid) FROM records WHERE {_CANDIDATE}").fetchone()[0]  # noqa: S608
    columns = dict(database.execute("SELECT name, content FROM columns"))
    ranks = [_shares_below(np.frombuffer(columns[name])) for name in scores]
    if not ranks or first is None:
        return
    if len(ranks) > 1:
        doubt = np.nanmax(ranks, axis=0, initial=0) - np.nanmin(ranks, axis=0, initial=1)
    else:
        cut = database.execute(
            f"SELECT avg({decided} < (SELECT min({decided}) FROM records WHERE {_CANDIDATE} AND reason IS NULL)) "  # noqa: S608
            f"FROM records WHERE {_CANDIDATE}"
        ).fetchone()[0]
        doubt = 1 - np.abs(ranks[0] - (0.5 if cut is None else cut))
    values = zip(np.nan_to_num(doubt).tolist(), range(first, first + len(doubt)), strict=True)
    database.executemany("UPDATE records SET doubt = ? WHERE rowid = ?", values)


def _shares_below(scores: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The part of all scores below each, ties in the middle; nan where there is none."""
    shares, has_score = scores.copy(), ~np.isnan(scores)
    shares[has_score] = (mean_ranks(scores[has_score]) - 0.5) / max(1, has_score.sum())
    return shares
