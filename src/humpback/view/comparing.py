"""Comparing: what moved between two iterations or runs, and two models' answers blind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from humpback.data_access.decisions import Decisions
from humpback.errors import InputError
from humpback.evaluation.blind import Question
from humpback.view.blind import BlindFiles, all_blind, begin, sources
from humpback.view.index import Index
from humpback.view.query import PAGE
from humpback.view.site import Site, form, said_of

MOVES = {
    "": "all that moved",
    "up": "rated higher",
    "down": "rated lower",
    "gained": "kept only by the second",
    "lost": "kept only by the first",
}


@dataclass(frozen=True, slots=True)
class Scores:
    """The ratings of one iteration of one run."""

    run: int
    stage: str
    column: str
    selection: str
    """The column of what the iteration kept; empty where it has not selected yet."""
    label: str


class Comparing:
    """The pages by which people compare."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def _folder(self) -> Path:
        if (folder := self._site.decisions[0].path) is None:
            raise InputError("this run is not on this machine, and answers can be written to a local folder only",
                             "copy the run folder to this machine and open the copy")  # fmt: skip
        return folder / "blind"

    async def moved(self, request: Request) -> Response:
        """What moved between two iterations, or two runs."""
        choices = {f"{scores.run}:{scores.stage}": scores for scores in _all_scores(self._site.indexes)}
        if len(choices) < 2:
            raise InputError("there are no two ratings to compare", "open a run of two iterations, or two runs")
        fields, names = request.query_params, list(choices)
        # What candidates were selected by, not what a member of an ensemble said of them.
        deciding = next((name for name in names if choices[name].stage.startswith("ratings-")), names[0])
        left, right, move = fields.get("left", deciding), fields.get("right", names[-1]), fields.get("move", "")
        if left not in choices or right not in choices or move not in MOVES:
            raise InputError("there are no such ratings to compare", "choose two on the page 'What moved'")
        first, second = choices[left], choices[right]
        counts, rows = _moved(self._site.indexes, first, second, move)
        return self._site.page(request, "moved.html", choices=choices, left=left, right=right, move=move, moves=MOVES,
                               counts=counts, rows=rows, first=first, second=second)  # fmt: skip

    async def overview(self, request: Request) -> Response:
        """The comparisons there are, and what a new one can be made of."""
        comparisons = [(files, len(files.key()), files.annotators()) for files in all_blind(self._folder)]
        names = sources(self._site.indexes, tuple(self._site.outputs))
        return self._site.page(request, "compare.html", comparisons=comparisons, names=list(names))

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
        question_id = request.query_params.get("id") or (open_ids[0] if open_ids else "")
        question: Question | None = key.get(question_id)
        ids = list(key)
        return self._site.page(
            request, "question.html", files=files, question=question, choice=answers.get(question_id, ""),
            position=ids.index(question_id) + 1 if question else len(ids) + 1, ids=ids, answered=len(answers),
            standing=files.standing(), progress=files.annotators(), undoes=f"/compare/{files.name}",
            pair=next(iter(key.values())).comparison,
        )  # fmt: skip

    async def choose(self, request: Request) -> Response:
        """Writes a choice down."""
        files, fields, annotator = self._files(request), await form(request), self._site.who(request)
        Decisions.check_name(annotator)
        files.answer(annotator, fields.get("id", ""), fields.get("choice", ""))
        taken_back = "" if fields.get("choice") else f"?id={fields['id']}"
        return RedirectResponse(f"/compare/{files.name}{taken_back}", 303)

    async def undo(self, request: Request) -> Response:
        """Takes the last answer back, or gives it again."""
        files, annotator = self._files(request), self._site.who(request)
        await form(request)
        action = request.url.path.rpartition("/")[2]
        Decisions.check_name(annotator)
        question = files.undo(annotator, redo=action == "redo")
        self._site.notices[annotator] = said_of(action, happened=bool(question))
        return RedirectResponse(f"/compare/{files.name}" + (f"?id={question}" if question else ""), 303)

    def _files(self, request: Request) -> BlindFiles:
        comparisons = {files.name: files for files in all_blind(self._folder)}
        if request.path_params["name"] not in comparisons:
            raise InputError("there is no such comparison", "make one on the page 'Compare'")
        return comparisons[request.path_params["name"]]


def _all_scores(indexes: list[Index]) -> list[Scores]:
    scores = []
    for run, index in enumerate(indexes):
        for number, stage in enumerate(index.scores):
            iteration = int(stage.split("-")[1])
            selection = f"k{iteration - 1}" if iteration <= len(index.curated) else ""
            scores.append(Scores(run, stage, f"s{number}", selection, f"{index.name}: {stage}"))
    return scores


def _moved(
    indexes: list[Index], first: Scores, second: Scores, move: str
) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """How many candidates moved in each way, and those that moved most."""
    left, right = indexes[first.run], indexes[second.run]
    before, after = np.arange(len(left.numbers("key"))), np.arange(len(right.numbers("key")))
    if left is not right:
        _, before, after = np.intersect1d(left.numbers("key"), right.numbers("key"), True, True)
        order = np.argsort(before)
        before, after = before[order], after[order]
    x, y = left.numbers(first.column)[before], right.numbers(second.column)[after]
    nothing = np.zeros(len(x), bool)
    was = left.numbers(first.selection)[before] if first.selection else nothing
    is_now = right.numbers(second.selection)[after] if second.selection else nothing
    # A comparison with nan, where there is no score, is false.
    moves = {"up": y > x, "down": y < x, "gained": ~was & is_now, "lost": was & ~is_now}
    moves[""] = moves["up"] | moves["down"]
    counts = {name or "moved": int(mask.sum()) for name, mask in moves.items()}
    counts |= {"common": len(x), "rated": int((x + y == x + y).sum())}
    among = np.flatnonzero(moves[move])
    nearness = -np.nan_to_num(np.abs(y - x)[among])
    if len(among) > PAGE:
        among = among[first_ones := np.sort(np.argpartition(nearness, PAGE)[:PAGE])]
        nearness = nearness[first_ones]
    most = among[np.argsort(nearness, kind="stable")]
    rows = left.database.execute(
        "SELECT rowid, id, instruction FROM records JOIN texts USING (rowid) WHERE rowid IN "
        "(SELECT value FROM json_each(?))", [str((before[most] + left.rowids["candidate"][0]).tolist())],
    ).fetchall()  # fmt: skip
    by_place = {row["rowid"] - left.rowids["candidate"][0]: row for row in rows}
    return counts, [
        {"id": (row := by_place[int(before[at])])["id"], "instruction": row["instruction"],
         "x": float(x[at]), "y": float(y[at]), "was": was[at], "is_now": is_now[at]}
        for at in most
    ]  # fmt: skip
