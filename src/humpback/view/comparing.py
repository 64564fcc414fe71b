"""Comparing: what moved between two iterations or runs, and two models' answers blind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from humpback.data_access.decisions import Decisions
from humpback.errors import InputError
from humpback.evaluation.blind import Question
from humpback.view.blind import BlindFiles, all_blind, begin, sources
from humpback.view.index import Index
from humpback.view.query import PAGE
from humpback.view.site import Site, form

MOVES = {
    "": ("all that moved", "{x} <> {y}"),
    "up": ("rated higher", "{y} > {x}"),
    "down": ("rated lower", "{y} < {x}"),
    "gained": ("kept only by the second", "NOT {j} AND {k}"),
    "lost": ("kept only by the first", "{j} AND NOT {k}"),
}


@dataclass(frozen=True, slots=True)
class Scores:
    """The ratings of one iteration of one run."""

    run: int
    stage: str
    column: str
    selection: str
    """SQL that says what the iteration kept."""
    label: str


class Comparing:
    """The pages by which people compare."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def _folder(self) -> Path:
        return Path(self._site.indexes[0].run.decisions_path) / "blind"

    async def moved(self, request: Request) -> Response:
        """What moved between two iterations, or two runs."""
        choices = {f"{scores.run}:{scores.stage}": scores for scores in _all_scores(self._site.indexes)}
        if len(choices) < 2:
            raise InputError("there are no two ratings to compare", "open a run of two iterations, or two runs")
        fields, names = request.query_params, list(choices)
        left, right, move = fields.get("left", names[0]), fields.get("right", names[-1]), fields.get("move", "")
        if left not in choices or right not in choices or move not in MOVES:
            raise InputError("there are no such ratings to compare", "choose two on the page 'What moved'")
        first, second = choices[left], choices[right]
        counts, rows = _moved(self._site.indexes, first, second, MOVES[move][1])
        return self._site.page(request, "moved.html", choices=choices, left=left, right=right, move=move, moves=MOVES,
                               counts=counts, rows=rows, first=first, second=second)  # fmt: skip

    async def overview(self, request: Request) -> Response:
        """The comparisons there are, and what a new one can be made of."""
        made = [(files, len(files.key()), files.annotators()) for files in all_blind(self._folder)]
        names = sources(self._site.indexes, tuple(self._site.outputs))
        return self._site.page(request, "compare.html", comparisons=made, names=list(names))

    async def begin(self, request: Request) -> Response:
        """Makes a comparison."""
        fields = await form(request)
        available = sources(self._site.indexes, tuple(self._site.outputs))
        names = fields.get("first", ""), fields.get("second", "")
        if not all(name in available for name in names):
            raise InputError("choose two of those that are listed", "open more answers with --answers FILE")
        first, second = ((name, available[name]) for name in names)
        return RedirectResponse(f"/compare/{begin(self._folder, first, second).name}", 303)

    async def question(self, request: Request) -> Response:
        """One question, and how it stands."""
        files = self._files(request)
        key, annotator = files.key(), self._site.who(request)
        answers = files.answers(annotator)
        open_ids = [id_ for id_ in key if id_ not in answers]
        asked = request.query_params.get("id") or (open_ids[0] if open_ids else "")
        question: Question | None = key.get(asked)
        ids = list(key)
        return self._site.page(
            request, "question.html", files=files, question=question, choice=answers.get(asked, ""),
            position=ids.index(asked) + 1 if question else len(ids) + 1, ids=ids, answered=len(answers),
            standing=files.standing(), progress=files.annotators(),
            pair=next(iter(key.values())).comparison,
        )  # fmt: skip

    async def choose(self, request: Request) -> Response:
        """Writes a choice down."""
        files, fields, annotator = self._files(request), await form(request), self._site.who(request)
        Decisions.check_name(annotator)
        files.answer(annotator, fields.get("id", ""), fields.get("choice", ""))
        taken_back = "" if fields.get("choice") else f"?id={fields['id']}"
        return RedirectResponse(f"/compare/{files.name}{taken_back}", 303)

    def _files(self, request: Request) -> BlindFiles:
        made = {files.name: files for files in all_blind(self._folder)}
        if request.path_params["name"] not in made:
            raise InputError("there is no such comparison", "make one on the page 'Compare'")
        return made[request.path_params["name"]]


def _all_scores(indexes: list[Index]) -> list[Scores]:
    found = []
    for run, index in enumerate(indexes):
        for number, stage in enumerate(index.scores):
            iteration = int(stage.split("-")[1])
            selection = f"k{iteration - 1}" if iteration <= len(index.curated) else "rowid < 0"
            found.append(Scores(run, stage, f"s{number}", selection, f"{index.name}: {stage}"))
    return found


def _moved(indexes: list[Index], first: Scores, second: Scores, condition: str) -> tuple[dict[str, int], list[Any]]:
    """How many candidates moved in each way, and those that moved most."""
    database, records = indexes[first.run].database, "main.records a WHERE a.kind = 'candidate'"
    after = "a"
    if first.run != second.run:
        after, path = "b", indexes[second.run].database.execute("PRAGMA database_list").fetchone()["file"]
        database.execute("ATTACH ? AS second", [path])
        records = (
            "main.records a JOIN second.records b ON b.kind = 'candidate' AND b.id = a.id WHERE a.kind = 'candidate'"
        )
    columns = {"x": f"a.{first.column}", "j": f"a.{first.selection}",
               "y": f"{after}.{second.column}", "k": f"{after}.{second.selection}"}  # fmt: skip
    moves = {name or "moved": sql.format(**columns) for name, (_, sql) in MOVES.items()}
    sums = "".join(f", total({sql}) AS {name}" for name, sql in moves.items())
    moving = condition.format(**columns)
    x, y, j, k = columns["x"], columns["y"], columns["j"], columns["k"]
    most = f"""SELECT id, x, y, was, is_now, instruction FROM (SELECT a.rowid AS row, {x} AS x, {y} AS y, {j} AS was,
        {k} AS is_now FROM {records} AND {moving} ORDER BY abs({y} - {x}) DESC, a.rowid LIMIT {PAGE})
        JOIN main.records r ON r.rowid = row JOIN main.texts t ON t.rowid = row ORDER BY abs(y - x) DESC, row"""  # noqa: S608
    try:
        sql = f"SELECT count(*) AS common, count({x} + {y}) AS rated{sums} FROM {records}"  # noqa: S608
        counts = {name: int(count) for name, count in dict(database.execute(sql).fetchone()).items()}
        return counts, database.execute(most).fetchall()
    finally:
        if after == "b":
            database.execute("DETACH second")
