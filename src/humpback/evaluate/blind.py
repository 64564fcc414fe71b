"""Blind comparison by people: pairs in random order and without names to a sheet, answers back to figures.

The sheet shows each prompt with two answers, A and B; which model stands where is in the key, a file of its own that
the people who answer do not see. Each side has either model in half of the pairs.
"""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from humpback.data_access.rows import Values, file_rows
from humpback.errors import InputError
from humpback.evaluate.comparisons import Comparison, comparison_of, write_json
from humpback.evaluate.winrate import WinRate, win_rate
from humpback.records import content_id, record_rng_seed
from humpback.statistics.intervals import Interval, wilson

_STAGE = "blind"
_COLUMNS = ("id", "instruction", "answer_a", "answer_b", "choice", "annotator")
_CHOICES = {
    "a": "a", "1": "a", "left": "a", "answer_a": "a",
    "b": "b", "2": "b", "right": "b", "answer_b": "b",
    "tie": "tie", "draw": "tie", "same": "tie", "equal": "tie", "0": "tie",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """One pair as people see it, and what they do not see."""

    id: str
    comparison: Comparison
    model_is_a: bool

    @property
    def answers(self) -> tuple[str, str]:
        """Answers A and B."""
        one = self.comparison
        return (one.output_2, one.output_1) if self.model_is_a else (one.output_1, one.output_2)


@dataclass(frozen=True, slots=True)
class BlindResult:
    """What people prefer."""

    rate: WinRate
    """Its `unjudged` are the questions that nobody answered."""
    shares: tuple[tuple[str, float, Interval], ...]
    """Of win, tie and loss, from 0 to 1, with Wilson's 95 % interval; nan where nothing was answered."""


def blind(comparisons: Sequence[Comparison], seed: int = 0, count: int | None = None) -> list[Question]:
    """Pairs in random order, sides drawn so that each model has A in half of them.

    Args:
        comparisons: Of one model with one baseline; pairs whose answers are the same are left out.
        seed: Of the order and the sides.
        count: How many to draw; all where it is None.
    """
    draw = random.Random(record_rng_seed(seed, _STAGE, "order"))  # noqa: S311
    chosen = [one for one in comparisons if one.output_1 != one.output_2]
    draw.shuffle(chosen)
    chosen = chosen[:count]
    sides = [place % 2 == 0 for place in range(len(chosen))]
    draw.shuffle(sides)
    ids = [content_id(str(seed), _STAGE, str(place), one.id)[:12] for place, one in enumerate(chosen)]
    return [Question(name, one, side) for name, one, side in zip(ids, chosen, sides, strict=True)]


def write_sheet(path: Path, questions: Iterable[Question]) -> None:
    """Writes what people see: CSV for a spreadsheet, or JSONL. `choice` is theirs to fill in: A, B or tie.

    In CSV a text that a spreadsheet would run as a formula gets an apostrophe in front.

    Raises:
        InputError: The ending is neither, or the place cannot be written.
    """
    rows = [dict(zip(_COLUMNS, (q.id, q.comparison.instruction, *q.answers, "", ""), strict=True)) for q in questions]
    if path.suffix not in (".csv", ".jsonl"):
        raise InputError(f"cannot tell how to write {path}", "end its name with .csv or .jsonl")
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("w", encoding="utf-8-sig" if path.suffix == ".csv" else "utf-8", newline="") as file:
            if path.suffix == ".csv":
                writer = csv.writer(file)
                writer.writerow(_COLUMNS)
                writer.writerows([_harmless(value) for value in row.values()] for row in rows)
            else:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror or error})", "choose another place") from None


def write_key(path: Path, questions: Iterable[Question]) -> None:
    """Writes which model stands where, with all that the result is made from."""
    write_json(path, [{"id": q.id, "model_is_a": q.model_is_a, **q.comparison.row()} for q in questions])


def read_key(path: Path) -> dict[str, Question]:
    """Reads a key.

    Raises:
        InputError: The file is no key.
    """
    found = {}
    for number, row in file_rows(path):
        side, name = row.get("model_is_a"), row.get("id")
        if not isinstance(side, bool) or not isinstance(name, str):
            raise InputError(f"{path} row {number} is not of a key", "give the key that was written with the sheet")
        found[name] = Question(name, comparison_of(row, path, number), side)
    return found


def unblind(key: Mapping[str, Question], answers: Path) -> list[Comparison]:
    """What people chose, as annotations: one for each answer, and one without a preference for a question without any.

    Raises:
        InputError: An answer is to no question of the key, or is none of A, B and tie.
    """
    found: list[Comparison] = []
    answered = set()
    for number, row in file_rows(answers):
        question = key.get(str(row.get("id") or "").strip())
        if question is None:
            raise InputError(f"{answers} row {number} has no id of the key", "give the sheet that belongs to the key")
        choice = _choice(row, answers, number)
        if choice:
            answered.add(question.id)
            found.append(_chosen(question, choice, str(row.get("annotator") or "").strip() or "human"))
    open_ones = [
        replace(q.comparison, annotator="human", preference=None) for q in key.values() if q.id not in answered
    ]
    return found + open_ones


def blind_result(comparisons: Sequence[Comparison], seed: int = 0) -> BlindResult:
    """Win, tie and loss of the model in people's eyes."""
    rate = win_rate(comparisons, seed)
    total = rate.n_total
    counts = (("win", rate.n_wins), ("tie", rate.n_draws), ("loss", rate.n_wins_base))
    return BlindResult(rate, tuple((n, c / total if total else math.nan, wilson(c, total)) for n, c in counts))


def _chosen(question: Question, choice: str, annotator: str) -> Comparison:
    verdict = "tie" if choice == "tie" else "2" if (choice == "a") == question.model_is_a else "1"
    preference = {"1": 1.0, "2": 2.0, "tie": 1.5}[verdict]
    return replace(question.comparison, annotator=annotator, preference=preference, verdicts=(), replies=())


def _choice(row: Values, path: Path, number: int) -> str:
    said = str(row.get("choice") or "").strip().casefold()
    if said and said not in _CHOICES:
        raise InputError(f"{path} row {number} says {said!r}", "write A, B or tie in the column choice")
    return _CHOICES.get(said, "")


def _harmless(value: str) -> str:
    return "'" + value if value.lstrip()[:1] in set("=+-@") else value
