"""Evaluation prompts in files: JSONL, JSON, CSV, Parquet or text, whatever the columns are called.

A row's prompt is what a model is asked: its question, with the input or passage that belongs to it behind. Of a
conversation each turn of the user is a prompt. Answers and choices are no prompts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from humpback.config import DecontaminateSettings
from humpback.data_access.rows import ENDINGS, Values, file_lines, file_rows, table_ending
from humpback.errors import InputError
from humpback.records import content_id

_TURNS = ("turns", "messages", "conversations", "conversation", "conversation_input", "dialog")
_ASKED = ("prompt", "instruction", "question", "goal", "query", "problem", "ctx", "sentence", "premise", "text")
_WITH = ("input", "context", "passage")
_NESTED = ("stem", "text", "content", "value")
_USER = {"user", "human", "prompter", ""}
_ALTERNATING = {"conversations", "conversation", "dialog"}
"""Where a conversation is a list of plain texts, the user has every other one; all of `turns` are the user's."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One evaluation prompt and where it stands."""

    place: str
    """File name, then `#` and the row, counted from 1."""
    text: str


def read_prompts(settings: DecontaminateSettings) -> Iterator[Prompt]:
    """Reads the prompts of the files in `against`, one after the other.

    Raises:
        InputError: A file is missing, damaged, of no known kind, or holds no prompt.
    """
    for path in _paths(settings):
        found = False
        for prompt in _lines(path) if _is_text(path) else _rows(path):
            found = True
            yield prompt
        if not found:
            raise _without_prompts(path)


def prompts_digest(settings: DecontaminateSettings) -> str:
    """What the files in `against` hold, for fingerprints: of their bytes, so that a plan need not read the prompts.

    Raises:
        InputError: A file is missing or cannot be read.
    """
    parts = []
    for path in _paths(settings):
        try:
            with path.open("rb") as stream:
                parts += [path.name, hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()]
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot read the prompts in {path} ({reason})", "check decontaminate.against") from None
    return content_id(*parts)


def _paths(settings: DecontaminateSettings) -> list[Path]:
    """The files that are named, and of folders those that can be read."""
    found: list[Path] = []
    for path in (Path(file).expanduser() for file in settings.against):
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(one for one in path.iterdir() if table_ending(one) or _is_text(one))
        if not inside:
            raise InputError(f"no file of prompts in the folder {path}", "check decontaminate.against")
        found += inside
    return found


def _is_text(path: Path) -> bool:
    return ".txt" in path.suffixes[-2:] and not table_ending(path)


def _lines(path: Path) -> Iterator[Prompt]:
    for number, line in file_lines(path):
        yield Prompt(f"{path.name}#{number}", line)


def _rows(path: Path) -> Iterator[Prompt]:
    if not table_ending(path):
        raise InputError(
            f"cannot tell how to read the prompts in {path}", f"use one of {', '.join((*ENDINGS, '.txt'))} (.gz, .zst)"
        )
    for number, row in file_rows(path):
        for text in prompt_texts(row):
            yield Prompt(f"{path.name}#{number}", text)


def _without_prompts(path: Path) -> InputError:
    names = [] if _is_text(path) else list(next((row for _, row in file_rows(path)), {}))
    columns = f"; its columns are {', '.join(map(str, names))}" if names else ""
    return InputError(f"the file {path} holds no prompts{columns}", f"call the column one of {', '.join(_ASKED)}")


def prompt_texts(row: Values) -> list[str]:
    """The prompts of one row: one, or each turn of the user of a conversation; none where nothing is asked."""
    columns = {str(name).casefold(): value for name, value in row.items()}
    for name in _ASKED:
        if text := _text(columns.get(name)):
            return ["\n\n".join([text, *filter(None, (_text(columns.get(other)) for other in _WITH))])]
    for name in (*_TURNS, *_ASKED):
        if turns := _turns(columns.get(name), alternating=name in _ALTERNATING):
            return turns
    return [text for name in _WITH if (text := _text(columns.get(name)))][:1]


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        value = next((value[name] for name in _NESTED if name in value), "")
    return value.strip() if isinstance(value, str) else ""


def _turns(value: object, *, alternating: bool) -> list[str]:
    if isinstance(value, str) and value.lstrip().startswith("["):  # CSV and some Parquet files hold lists as JSON
        with suppress(json.JSONDecodeError):
            value = json.loads(value)
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if not isinstance(value, Sequence):
        return []
    if value and isinstance(value[0], str):
        return [text for turn in value[:: 2 if alternating else 1] if (text := _text(turn))]
    return [text for turn in value if _role(turn) in _USER and (text := _text(turn))]


def _role(turn: object) -> str:
    if not isinstance(turn, Mapping):
        return "unknown"
    return str(turn.get("role") or turn.get("from") or "").casefold()
