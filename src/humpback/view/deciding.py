"""Deciding: one record, all results of a filter, a queue that stays as it was when it was made; undo and redo."""

from __future__ import annotations

import secrets
from collections import Counter
from itertools import combinations
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from humpback.data_access.decisions import Opinion
from humpback.errors import InputError
from humpback.statistics.agreement import cohens_kappa, krippendorffs_alpha
from humpback.view.index import Index
from humpback.view.query import Query
from humpback.view.site import Site, back, form, said_of
from humpback.view.story import find, story, texts

QUEUED = 10_000
"""Records that a queue holds at most."""
_DONE = {"approve": "approved", "reject": "rejected", "": "left open"}


class Deciding:
    """The pages by which people decide."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def decide(self, request: Request) -> Response:
        """Writes down what an annotator thinks of one record."""
        number, index = self._site.index(request)
        fields, annotator = await form(request), self._site.who(request)
        row, decisions = find(index, "candidate", fields.get("id", "")), self._site.decisions[number]
        if changes := _changes(fields, decisions.opinion(annotator, row["id"]), *texts(index, row)):
            decisions.record(annotator, [row["id"]], changes)
            self._site.notices[annotator] = _DONE.get(changes.get("verdict", "?"), "saved").capitalize() + "."
        return back({"back": fields.get("next", "/")} if "verdict" in changes else fields)

    async def bulk(self, request: Request) -> Response:
        """Approves or rejects all results of a filter."""
        number, index = self._site.index(request)
        fields, annotator = await form(request), self._site.who(request)
        ids = Query(index, annotator, {**fields, "kind": "candidate"}).ids()
        verdict = fields.get("verdict", "")
        if ids:
            self._site.decisions[number].record(annotator, ids, {"verdict": verdict})
        self._site.notices[annotator] = f"{len(ids):,} {_DONE.get(verdict, verdict)}."
        return back(fields)

    async def undo(self, request: Request) -> Response:
        """Takes the last action back, or does it again."""
        number, _ = self._site.index(request)
        fields, annotator = await form(request), self._site.who(request)
        decisions, action = self._site.decisions[number], request.url.path.rpartition("/")[2]
        happened = decisions.undo(annotator) if action == "undo" else decisions.redo(annotator)
        self._site.notices[annotator] = said_of(action, happened=happened)
        return back(fields)

    async def new_queue(self, request: Request) -> Response:
        """Makes a queue of the results of a filter, as they are now; of very many the first."""
        number, index = self._site.index(request)
        ids = Query(index, self._site.who(request), {**await form(request), "kind": "candidate"}).ids(QUEUED)
        if not ids:
            raise InputError("no candidate is like this", "ask for others, then label them")
        queue = secrets.token_hex(6)
        rows = ((queue, position, id_) for position, id_ in enumerate(ids, 1))
        index.database.executemany("INSERT INTO queues VALUES (?, ?, ?)", rows)
        index.database.commit()
        return RedirectResponse(f"/{number}/queue/{queue}/1", 303)

    async def queue(self, request: Request) -> Response:
        """One record of a queue."""
        number, index = self._site.index(request)
        queue, position = request.path_params["queue"], int(request.path_params["position"])
        database, annotator = index.database, self._site.who(request)
        size = database.execute("SELECT count(*) FROM queues WHERE queue = ?", [queue]).fetchone()[0]
        if not size:
            raise InputError("this queue is gone: the run has changed since", "make another one")
        decided = database.execute("SELECT count(*) FROM queues JOIN decisions USING (id) WHERE queue = ? "
                                   "AND annotator = ? AND verdict <> ''", [queue, annotator]).fetchone()[0]  # fmt: skip
        start = f"/{number}/queue/{queue}/"
        if not 1 <= position <= size:
            message = f"{decided:,} of {size:,} are decided."
            return self._site.message(request, "The end of the queue", message, start=f"{start}{size}")
        row = database.execute("SELECT id FROM queues WHERE queue = ? AND position = ?", [queue, position]).fetchone()
        return self.record(request, number, index, "candidate", row["id"], (start, position, size, decided))

    def record(
        self, request: Request, number: int, index: Index, kind: str, record_id: str, queue: tuple[Any, ...] = ()
    ) -> Response:
        """The story of a record, with the form to decide on it."""
        record_story, annotator = story(index, kind, record_id), self._site.who(request)
        opinions = self._site.decisions[number].opinions(record_story.row["id"])
        return self._site.page(
            request, "record.html", number=number, index=index, story=record_story,
            mine=opinions.pop(annotator, Opinion()), others=opinions, queue=queue,
        )  # fmt: skip

    async def agreement(self, request: Request) -> Response:
        """How far annotators are, and how far they agree; others' verdicts on single records are not shown."""
        number, index = self._site.index(request)
        decisions = self._site.decisions[number]
        verdicts = {name: dict[str, str](decisions.decided(name)) for name in decisions.annotators}
        units: dict[str, list[str]] = {}
        for by_id in verdicts.values():
            for id_, verdict in by_id.items():
                units.setdefault(id_, []).append(verdict)
        pairs = [(a, b, cohens_kappa(verdicts[a], verdicts[b])) for a, b in combinations(sorted(verdicts), 2)]
        progress = {name: Counter(by_id.values()) for name, by_id in sorted(verdicts.items())}
        rulings = Counter(ruling.verdict for ruling in decisions.rulings().values())
        return self._site.page(
            request, "agreement.html", number=number, index=index, progress=progress, pairs=pairs, rulings=rulings,
            alpha=krippendorffs_alpha(list(units.values())), total=index.counts().get("candidate", 0),
        )  # fmt: skip


def _changes(fields: dict[str, str], opinion: Opinion, instruction: str, response: str) -> dict[str, Any]:
    """What a form changes of an opinion."""
    changes: dict[str, Any] = {}
    if fields.get("verdict") in ("approve", "reject", "open"):
        changes["verdict"] = "" if fields["verdict"] == "open" else fields["verdict"]
    for name, original in (("instruction", instruction), ("response", response)):
        if name in fields:
            same = fields[name].strip() == original.replace("\r\n", "\n").strip()
            changes[name] = None if same else fields[name]
    if "tags" in fields:
        changes["tags"] = tuple(dict.fromkeys(filter(None, map(str.strip, fields["tags"].split(",")))))
    if "note" in fields:
        changes["note"] = fields["note"].strip()
    return {name: value for name, value in changes.items() if name == "verdict" or value != getattr(opinion, name)}
