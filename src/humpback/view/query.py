"""From the fields of a form to records: what is shown, in which order, and all that an action is about."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from humpback.errors import InputError
from humpback.view.index import FACETS, KINDS, Index, spaced

PAGE = 50
"""Records on a page."""
COUNTED = 20_000
"""Results are counted up to here; whoever acts on all of them is told the number itself."""
DECIDED = ("approve", "reject", "any", "none", "edited", "others")
_WORD = re.compile(r'"([^"]*)"|(\S+)')


class Query:
    """What the fields of a form ask for; by decisions of others an annotator cannot ask."""

    def __init__(self, index: Index, annotator: str, fields: Mapping[str, str]) -> None:
        self.index = index
        self.annotator = annotator
        self.fields = fields
        self._rowids: list[int] | None = None

    @property
    def kind(self) -> str:
        """Kind of the records."""
        kind = self.fields.get("kind", "candidate")
        if kind not in KINDS:
            raise InputError(f"there are no records of kind {kind[:40]!r}", f"ask for {', '.join(KINDS)}")
        return kind

    @property
    def sorts(self) -> dict[str, str]:
        """What this kind can be sorted by, in words."""
        names = dict(self.ranges)
        if self.kind == "document":
            names["parts"] = "Segments"
        if self.kind == "candidate":
            names |= {"doubt": "Most useful next", "log_probability": "Log-probability", "gain": "Gain"}
        return names

    @property
    def ranges(self) -> dict[str, str]:
        """What this kind can be bounded by, in words."""
        names = {"length": "Characters of the text"}
        if self.kind == "candidate":
            names |= {"asks": "Characters of the instruction"}
            names |= {f"s{number}": f"Score: {name}" for number, name in enumerate(self.index.scores)}
        return names

    @property
    def narrowed(self) -> bool:
        """Whether more is asked for than words and decisions."""
        bounds = [f"{name}_{side}" for name in self.ranges for side in ("min", "max")]
        return any(self.fields.get(name) for name in (*FACETS, *bounds, "tag"))

    @property
    def link(self) -> str:
        """The fields as the end of an address."""
        return urlencode({name: value for name, value in self.fields.items() if value and name != "page"})

    def where(self, *, at_once: bool = True) -> tuple[str, list[Any]]:
        """The condition in SQL with its values; `at_once` if all results are gone through, not only the first."""
        # As text, not as values: so SQLite knows that it may use an index of this kind alone.
        parts, values = [f"kind = '{self.kind}'"], list[Any]()
        for name in (*FACETS, "document"):
            if value := self.fields.get(name):
                parts.append(f"{name} = ?")
                values.append(value)
        for name in self.ranges:
            for side, sign in (("min", ">="), ("max", "<=")):
                if value := self.fields.get(f"{name}_{side}"):
                    parts.append(f"{name} {sign} ?")
                    values.append(_number(value, f"{name}_{side}"))
        for number in range(len(self.index.curated)):
            if self.fields.get(f"k{number}") in ("0", "1"):
                parts.append(f"k{number} = ?")
                values.append(int(self.fields[f"k{number}"]))
        if words := full_text(self.fields.get("q", "")):
            condition, condition_values = self._matching(words, at_once=at_once)
            parts.append(condition)
            values += condition_values
        conditions, condition_values = self._decided()
        return " AND ".join([*parts, *conditions]), [*values, *condition_values]

    def order(self) -> str:
        """The order in SQL; that of the run where none is asked for."""
        name = self.fields.get("sort") or ("" if self.kind != "candidate" else self.index.decided_score)
        if not name or name not in self.sorts:
            return "rowid"
        up = self.fields.get("order") == "up"
        return f"{name} {'ASC' if up else 'DESC'}, rowid {'ASC' if up else 'DESC'}"

    def count(self, limit: int = COUNTED) -> int:
        """How many there are; `limit` + 1 where there are more."""
        condition, values = self.where()
        sql = f"SELECT count(*) FROM (SELECT 1 FROM records WHERE {condition} LIMIT ?)"  # noqa: S608
        return int(self.index.database.execute(sql, [*values, limit + 1]).fetchone()[0])

    def ids(self, limit: int = -1) -> list[str]:
        """The ids of all, in order, or of the first so many."""
        condition, values = self.where(at_once=limit < 0)
        sql = f"SELECT id FROM records WHERE {condition} ORDER BY {self.order()} LIMIT ?"  # noqa: S608
        return [row[0] for row in self.index.database.execute(sql, [*values, limit])]

    def page(self, number: int = 1, size: int = PAGE) -> list[sqlite3.Row]:
        """The records of a page, counted from 1, with what the annotator decided of each."""
        condition, values = self.where(at_once=False)
        sql = f"""SELECT r.*, t.title, t.instruction, t.response, d.verdict, d.edited, d.tags, d.note FROM
            (SELECT rowid AS row FROM records WHERE {condition} ORDER BY {self.order()} LIMIT ? OFFSET ?)
            JOIN records r ON r.rowid = row JOIN texts t ON t.rowid = row
            LEFT JOIN decisions d ON d.id = r.id AND d.annotator = ? ORDER BY {self.order().replace("rowid", "row")}"""  # noqa: S608
        offset = (max(1, number) - 1) * size
        return list(self.index.database.execute(sql, [*values, size, offset, self.annotator]))

    def _matching(self, words: str, *, at_once: bool) -> tuple[str, list[Any]]:
        """The condition for a full-text search. Few results are listed; in many, SQLite looks row by row or at once."""
        first, last = self.index.rowids[self.kind]
        match = "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?"
        arguments = [words, first, last]
        if self._rowids is None:
            rows = self.index.database.execute(f"{match} LIMIT ?", [*arguments, COUNTED + 1])
            self._rowids = [row[0] for row in rows]
        if len(self._rowids) <= COUNTED:
            return "rowid IN (SELECT value FROM json_each(?))", [str(self._rowids)]
        if at_once:
            return f"+rowid IN ({match})", arguments
        return "EXISTS (SELECT 1 FROM words WHERE words MATCH ? AND rowid = records.rowid)", [words]

    def _decided(self) -> tuple[list[str], list[Any]]:
        decided, tag = self.fields.get("decided", ""), self.fields.get("tag", "")
        mine = "SELECT id FROM decisions WHERE annotator = ?"
        conditions = {
            "": [],
            "approve": [f"id IN ({mine} AND verdict = 'approve')"],
            "reject": [f"id IN ({mine} AND verdict = 'reject')"],
            "any": [f"id IN ({mine} AND verdict <> '')"],
            "none": [f"id NOT IN ({mine} AND verdict <> '')"],
            "edited": [f"id IN ({mine} AND edited)"],
            # Others' verdicts are not shown, only that there are some: these are the records to agree on.
            "others": [f"id NOT IN ({mine} AND verdict <> '')",
                       "id IN (SELECT id FROM decisions WHERE annotator <> ? AND verdict <> '')"],
        }  # fmt: skip
        if decided not in conditions:
            raise InputError(f"decided cannot be {decided[:40]!r}", f"ask for {', '.join(DECIDED)}")
        parts = conditions[decided]
        values: list[Any] = [self.annotator] * len(parts)
        if tag:
            parts = [*parts, f"id IN ({mine} AND instr(tags, ?))"]
            values += [self.annotator, f"\n{tag}\n"]
        return parts, values


def full_text(text: str) -> str:
    """What people type as a query of FTS5: every word and "phrase" must occur; `bee*` is what begins with bee."""
    terms = []
    for phrase, word in _WORD.findall(text):
        term = " ".join(spaced(phrase or word).replace('"', " ").split())
        if any(sign.isalnum() for sign in term):
            terms.append(f'"{term}"' + ("*" if word.endswith("*") else ""))
    return " ".join(terms)


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{name} is {text[:40]!r}, which is no number", "give a number such as 4.5") from None
