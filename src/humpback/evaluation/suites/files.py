"""The rows of a suite, from a file or a folder of files on this machine."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from humpback.data_access.rows import NumberedRow, Values, file_lines, file_rows, table_ending
from humpback.errors import InputError
from humpback.evaluation.suites.catalogue import Suite
from humpback.evaluation.suites.layouts import question_of

_SPLIT = re.compile(r"(?<![a-z])(train|dev|val|valid|validation|test)(?![a-z])")
_SUBJECT = re.compile(r"(\w+)_(?:dev|val|test)\.csv", re.IGNORECASE)


def read_suite(suite: Suite, path: Path) -> list[Values]:
    """The rows of a suite as documents of the harness.

    Args:
        suite: Which one.
        path: A file; or a folder: then the files of the suite's split, or all where no file is named after a split.

    Raises:
        InputError: There is no file, or a row does not belong to this suite, or has no answer.
    """
    documents = [
        _document(suite, row, file, number)
        for file in _files(suite, path)
        for number, row in _labelled(_rows(file), file)
    ]
    if not documents:
        raise InputError(f"{path} holds no rows", f"give a file with the rows of {suite.name}")
    return documents


def _files(suite: Suite, path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file() and table_ending(file))
    if not files:
        raise InputError(f"{path} holds no table", "give a folder with .jsonl, .json, .csv or .parquet files")
    splits = {file: set(_SPLIT.findall(file.relative_to(path).as_posix().lower())) for file in files}
    # PIQA's 'valid' and Social IQa's 'dev' are the same split.
    names = {"test"} if suite.split == "test" else {"dev", "val", "valid", "validation"}
    if not any(splits.values()):
        return files
    selected = [file for file in files if splits[file] & names]
    if not selected:
        raise InputError(f"{path} holds no file of the {suite.split} split", "name the file itself")
    return selected


def _rows(path: Path) -> Iterator[NumberedRow]:
    """The rows of a file. MMLU's CSV files as first published have no header, and the subject in the file name."""
    subject = _SUBJECT.fullmatch(path.name)
    if subject is None or not path.is_file():
        yield from file_rows(path)
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read the file {path} ({error})", "check the file or fetch it again") from None
    if lines and "question" in lines[0]:
        yield from file_rows(path)
        return
    for number, line in enumerate(lines, start=1):
        if len(line) != 6:
            raise InputError(f"{path} row {number} has {len(line)} fields, not 6", "write question, A, B, C, D, answer")
        yield number, {"question": line[0], "choices": line[1:5], "answer": line[5], "subject": subject[1]}


def _labelled(rows: Iterator[NumberedRow], path: Path) -> Iterator[NumberedRow]:
    """The rows, with the labels of a file `NAME-labels.lst` where there is one, as for PIQA and Social IQa."""
    labels = path.with_name(f"{path.name.split('.')[0]}-labels.lst")
    if not labels.exists():
        yield from rows
        return
    answers = [line for _, line in file_lines(labels)]
    unlabelled = list(rows)
    if len(answers) != len(unlabelled):
        raise InputError(f"{labels} has {len(answers)} labels for {len(unlabelled)} rows",
                         "give the file that belongs to it")  # fmt: skip
    for (number, row), label in zip(unlabelled, answers, strict=True):
        yield number, {"label": label} | row


def _document(suite: Suite, row: Values, path: Path, number: int) -> Values:
    if suite.document is None:
        if missing := [name for name in suite.columns if not isinstance(row.get(name), str) or not row[name]]:
            raise InputError(f"{path} row {number} has no {', '.join(missing)}", f"give the rows of {suite.name}")
        return {name: row[name] for name in suite.columns}
    question = question_of(row)
    if question is None:
        raise InputError(
            f"{path} row {number} is no question with choices and an answer (columns: {', '.join(map(str, row))})",
            f"give rows in {suite.name}'s own layout, or as instruction and answer",
        )
    if len(question.choices) not in suite.choices:
        counts = " or ".join(map(str, suite.choices))
        raise InputError(f"{path} row {number} has {len(question.choices)} choices, {suite.name} has {counts}",
                         "give the file of this suite")  # fmt: skip
    return suite.document(question)
