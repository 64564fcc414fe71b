"""Blind comparisons in a run folder: the sheet and the key of `humpback evaluate blind`, and answers of each annotator.

    decisions/blind/NAME.jsonl  NAME.key.json  NAME.answers/ANNOTATOR.jsonl

Answers are only added; `humpback evaluate unblind` reads them, and of one annotator's answers to one question the last.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from humpback.data_access.decisions import append_rows
from humpback.data_access.rows import file_rows
from humpback.errors import InputError
from humpback.evaluation.blind import (
    BlindResult,
    Question,
    blind,
    blind_result,
    read_key,
    unblind,
    write_key,
    write_sheet,
)
from humpback.evaluation.comparisons import Comparison, Output, pair_up, read_outputs
from humpback.records import Candidate, content_id, record_rng_seed
from humpback.view.index import Index

MOST = 200
"""Questions of one comparison."""
_SAMPLED = 5000
"""Segments whose instructions are compared at most: a seeded sample, the same in every run of the same corpus."""


@dataclass(frozen=True, slots=True)
class BlindFiles:
    """One comparison on the disk."""

    folder: Path
    name: str

    def key(self) -> Mapping[str, Question]:
        """Its questions, by id, in order."""
        return read_key(self.folder / f"{self.name}.key.json")

    def answers(self, annotator: str) -> dict[str, str]:
        """What an annotator chose for each question; the last choice counts."""
        choices = {str(row["id"]): str(row["choice"]) for row in self._rows(annotator)}
        return {id_: choice for id_, choice in choices.items() if choice}

    def answer(self, annotator: str, question: str, choice: str) -> None:
        """Writes a choice down: a, b, tie, both bad, or nothing to take one back."""
        if choice not in ("a", "b", "tie", "both bad", "") or question not in self.key():
            raise InputError("this is no answer to a question here", "choose A, B, a tie or both bad")
        append_rows(self._path(annotator), [{"id": question, "choice": choice, "annotator": annotator}])

    def undo(self, annotator: str, *, redo: bool = False) -> str:
        """Takes an annotator's last answer back, or gives it again; the question, empty where there is none."""
        answered: list[Mapping[str, Any]] = []
        undone: list[Mapping[str, Any]] = []
        for row in self._rows(annotator):
            source, target = (answered, undone) if row.get("action") == "undo" else (undone, answered)
            if not row.get("action"):
                answered, undone = [*answered, row], []
            elif source:
                target.append(source.pop())
        if not (undone if redo else answered):
            return ""
        last = undone[-1] if redo else answered[-1]
        before = next((row["choice"] for row in reversed(answered[:-1]) if row["id"] == last["id"]), "")
        row = {"id": last["id"], "choice": last["choice"] if redo else before, "annotator": annotator}
        append_rows(self._path(annotator), [row | {"action": "redo" if redo else "undo"}])
        return str(last["id"])

    def standing(self) -> BlindResult:
        """How often each side wins so far, by all annotators."""
        answered = (comparison for name in self.annotators() for comparison in unblind(self.key(), self._path(name)))
        return blind_result([comparison for comparison in answered if comparison.preference is not None])

    def annotators(self) -> dict[str, int]:
        """How many questions each has answered."""
        paths = sorted(self._path("any").parent.glob("*.jsonl"))
        return {path.stem: len(self.answers(path.stem)) for path in paths}

    def _rows(self, annotator: str) -> list[Mapping[str, Any]]:
        path = self._path(annotator)
        return [row for _, row in file_rows(path)] if path.exists() else []

    def _path(self, annotator: str) -> Path:
        return self.folder / f"{self.name}.answers" / f"{annotator}.jsonl"


def all_blind(folder: Path) -> list[BlindFiles]:
    """The comparisons in a folder."""
    return [BlindFiles(folder, path.name.removesuffix(".key.json")) for path in sorted(folder.glob("*.key.json"))]


def sources(indexes: list[Index], outputs: tuple[Path, ...]) -> dict[str, Index | Path]:
    """What can be compared: the models of files of answers, and the instructions that runs wrote."""
    return {f"answers: {path.name}": path for path in outputs} | {
        f"instructions: {index.name}" + (f" ({number})" if number else ""): index
        for number, index in enumerate(indexes)
    }


def begin(folder: Path, first: tuple[str, Index | Path], second: tuple[str, Index | Path]) -> BlindFiles:
    """Draws questions and writes sheet and key.

    Raises:
        InputError: The two have nothing in common, or differ nowhere.
    """
    if first[0] == second[0] and isinstance(first[1], Path):
        raise InputError(
            "these are the same answers", "choose another file: 'humpback view RUN --answers FILE' takes several"
        )
    if first[0] == second[0] and isinstance(first[1], Index):
        pairs = list(_siblings(first[1]))
    else:
        baseline, model = (_outputs(name, source) for name, source in (first, second))
        pairs, _ = pair_up(baseline, model)
    questions = blind(pairs, 0, MOST)
    if not questions:
        raise InputError(f"{first[0]} and {second[0]} differ on no common prompt", "choose two on the same prompts")
    names = (questions[0].comparison.generator_1, questions[0].comparison.generator_2)
    files = BlindFiles(folder, "-vs-".join(re.sub(r"[^\w.-]+", "-", name)[-60:].strip("-.") or "x" for name in names))
    folder.mkdir(parents=True, exist_ok=True)
    ids = [question.id for question in questions]
    if (folder / f"{files.name}.key.json").exists() and list(files.key()) != ids:
        files = BlindFiles(folder, f"{files.name}-{content_id(*ids)[:6]}")
    if not (folder / f"{files.name}.key.json").exists():  # one that is there goes on: people may have answered
        write_sheet(folder / f"{files.name}.jsonl", questions)
        write_key(folder / f"{files.name}.key.json", questions)
    return files


def _outputs(name: str, source: Index | Path) -> list[Output]:
    if isinstance(source, Path):
        return read_outputs(source)
    rows = source.run.stage(source.plan.candidates).records(Candidate)
    return [Output(row.response, row.instruction, name) for row in _sampled(rows)]


def _sampled(rows: Iterator[Candidate]) -> list[Candidate]:
    return heapq.nsmallest(_SAMPLED, rows, key=lambda row: (record_rng_seed(0, "blind", row.segment_id), row.id))


def _siblings(index: Index) -> Iterator[Comparison]:
    """Of one run: for each segment the instruction with the better score against another one."""
    stage = "drafts" if index.run.stage("drafts").committed() else index.plan.candidates
    by_segment: dict[str, list[Candidate]] = {}
    for row in _sampled(index.run.stage(stage).records(Candidate)):
        by_segment.setdefault(row.segment_id, []).append(row)
    for number, rows in enumerate(by_segment.values()):
        if len(rows) > 1:
            best, worst = (pick(rows, key=_likelihood) for pick in (max, min))
            yield Comparison(
                best.response, worst.instruction, best.instruction, "least likely", "most likely", index=number
            )


def _likelihood(row: Candidate) -> tuple[float, str]:
    return row.log_probability if row.gain is None else row.gain, row.id
