"""Blind comparison by people: pairs go to a sheet in random order and without names, answers come back as figures.

The sheet shows each prompt with two answers, A and B. The key says which model wrote which one: a separate file that
the people who answer do not see. Each model is A in half of the pairs.
"""

from __future__ import annotations

import csv
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from humpback.data_access.atomic import output_file
from humpback.data_access.rows import Values, file_rows
from humpback.errors import InputError
from humpback.evaluation.comparisons import Comparison, comparison_of, write_json
from humpback.evaluation.winrate import WinRate, win_rate
from humpback.records import content_id, record_rng_seed
from humpback.statistics.intervals import Interval, wilson

_STAGE = "blind"
_COLUMNS = ("id", "instruction", "answer_a", "answer_b", "choice", "annotator")
_CHOICES = {
    "a": "a", "1": "a", "left": "a", "answer_a": "a",
    "b": "b", "2": "b", "right": "b", "answer_b": "b",
    "both bad": "tie", "neither": "tie", "tie": "tie", "draw": "tie", "same": "tie", "equal": "tie", "0": "tie",
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
        baseline, model = self.comparison.output_1, self.comparison.output_2
        return (model, baseline) if self.model_is_a else (baseline, model)


@dataclass(frozen=True, slots=True)
class BlindResult:
    """What people prefer."""

    rate: WinRate
    """Its `unjudged` are the questions that nobody answered."""
    shares: tuple[tuple[str, float, Interval], ...]
    """Of win, tie and loss, from 0 to 1, with Wilson's 95 % interval; nan where nothing was answered."""


def blind(comparisons: Sequence[Comparison], rng_seed: int = 0, count: int | None = None) -> list[Question]:
    """Pairs in random order, sides drawn so that each model has A in half of them.

    Args:
        comparisons: Of one model with one baseline; pairs whose answers are the same are left out.
        rng_seed: Decides the order and the sides.
        count: How many to draw; all where it is None.
    """
    generator = random.Random(record_rng_seed(rng_seed, _STAGE, "order"))  # noqa: S311
    selected = [comparison for comparison in comparisons if comparison.output_1 != comparison.output_2]
    generator.shuffle(selected)
    selected = selected[:count]
    # Half and half, then shuffled: drawn one by one, the sides of a few pairs would seldom be even.
    sides = [index % 2 == 0 for index in range(len(selected))]
    generator.shuffle(sides)
    return [
        Question(content_id(str(rng_seed), _STAGE, str(index), comparison.id)[:12], comparison, side)
        for index, (comparison, side) in enumerate(zip(selected, sides, strict=True))
    ]


def write_sheet(path: Path, questions: Iterable[Question]) -> None:
    """Writes what people see: CSV for a spreadsheet, or JSONL. They fill in `choice`: A, B or tie.

    In CSV a text that a spreadsheet would run as a formula gets an apostrophe in front.

    Raises:
        InputError: The file name ends in neither, or the file cannot be written.
    """
    rows = [dict(zip(_COLUMNS, (q.id, q.comparison.instruction, *q.answers, "", ""), strict=True)) for q in questions]
    if path.suffix not in (".csv", ".jsonl"):
        raise InputError(f"cannot tell how to write {path}", "end its name with .csv or .jsonl")
    with output_file(path, "w") as file:
        if path.suffix == ".csv":
            file.write("\ufeff")  # without this mark Excel reads UTF-8 as another charset
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows([_harmless(value) for value in row.values()] for row in rows)
        else:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_key(path: Path, questions: Iterable[Question]) -> None:
    """Writes which model wrote which answer, with all that the result is computed from."""
    write_json(path, [{"id": q.id, "model_is_a": q.model_is_a, **q.comparison.row()} for q in questions])


def read_key(path: Path) -> dict[str, Question]:
    """Reads a key.

    Raises:
        InputError: The file is no key.
    """
    questions = {}
    for number, row in file_rows(path):
        side, name = row.get("model_is_a"), row.get("id")
        if not isinstance(side, bool) or not isinstance(name, str):
            raise InputError(f"{path} row {number} is not of a key", "give the key that was written with the sheet")
        questions[name] = Question(name, comparison_of(row, path, number), side)
    return questions


def unblind(key: Mapping[str, Question], answers: Path) -> list[Comparison]:
    """What people chose, as annotations: one for each answer, and one without a preference for each open question.

    Raises:
        InputError: An answer belongs to no question of the key, or is none of A, B and tie.
    """
    annotations: dict[tuple[str, object], Comparison] = {}
    for number, row in file_rows(answers):
        question = key.get(str(row.get("id") or "").strip())
        if question is None:
            raise InputError(f"{answers} row {number} has no id of the key", "give the sheet that belongs to the key")
        choice, annotator = _choice(row, answers, number), str(row.get("annotator") or "").strip()
        # Of somebody with a name the last answer counts, and an empty one takes it back.
        answer_key = (question.id, annotator or number)
        annotations.pop(answer_key, None)
        if choice:
            annotations[answer_key] = _annotation(question, choice, annotator or "human")
    answered = {id_ for id_, _ in annotations}
    return [*annotations.values()] + [
        replace(question.comparison, annotator="human", preference=None)
        for question in key.values()
        if question.id not in answered
    ]


def blind_result(comparisons: Sequence[Comparison], rng_seed: int = 0) -> BlindResult:
    """How often people prefer the model, neither, or the baseline."""
    rate = win_rate(comparisons, rng_seed)
    total = rate.n_total
    counts = (("win", rate.n_wins), ("tie", rate.n_draws), ("loss", rate.n_wins_base))
    return BlindResult(rate, tuple((n, c / total if total else math.nan, wilson(c, total)) for n, c in counts))


def _annotation(question: Question, choice: str, annotator: str) -> Comparison:
    verdict = "tie" if choice == "tie" else "2" if (choice == "a") == question.model_is_a else "1"
    preference = {"1": 1.0, "2": 2.0, "tie": 1.5}[verdict]
    return replace(question.comparison, annotator=annotator, preference=preference, verdicts=(), replies=())


def _choice(row: Values, path: Path, number: int) -> str:
    choice = str(row.get("choice") or "").strip().casefold()
    if choice and choice not in _CHOICES:
        raise InputError(f"{path} row {number} says {choice!r}", "write A, B or tie in the column choice")
    return _CHOICES.get(choice, "")


def _harmless(value: str) -> str:
    # A spreadsheet runs what begins like this as a formula, which can start programs and send data.
    return "'" + value if value.lstrip()[:1] in set("=+-@") else value
