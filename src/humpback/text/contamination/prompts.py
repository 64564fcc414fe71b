"""Evaluation prompts in tables or text files, whatever the columns are called.

A row's prompt is what a model is asked: its question, with the input or passage that belongs to it behind. Of a
conversation each turn of the user is a prompt. Answers and choices are no prompts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from humpback.config import DecontaminateSettings
from humpback.data_access.rows import PROMPT_FILES, Values, names_and_digests, resolve, rows_of_file
from humpback.data_access.source_file import SourceFile
from humpback.data_access.sources import Selection
from humpback.errors import InputError
from humpback.records import content_id

_TURNS = ("turns", "messages", "conversations", "conversation", "conversation_input", "dialog")
_ASKED = ("prompt", "instruction", "question", "goal", "query", "problem", "ctx", "sentence", "premise", "text")
_WITH = ("input", "context", "passage")
_NESTED = ("stem", "text", "content", "value")
_USER = {"user", "human", "prompter", ""}
_SELECTION = Selection(PROMPT_FILES, "prompts", setting="decontaminate.against", outside_links=True)
_ALTERNATING = {"conversations", "conversation", "dialog"}
"""Where a conversation is a list of plain texts, the user has every other one; all of `turns` are the user's."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One evaluation prompt and where it stands."""

    source: str
    """Name of the file, then `#` and the row, counted from 1."""
    text: str


def read_prompts(settings: DecontaminateSettings) -> Iterator[Prompt]:
    """Reads the prompts of the sources in `against`, one after the other.

    Raises:
        InputError: A source is missing, damaged, of no known kind, or holds no prompt.
    """
    for file in _files(settings):
        is_empty = True
        for row in rows_of_file(file):
            for text in prompt_texts(row.values):
                is_empty = False
                yield Prompt(row.name, text)
        if is_empty:
            raise _without_prompts(file)


def prompts_digest(settings: DecontaminateSettings) -> str:
    """What the sources in `against` hold, for recipes: of their bytes, so that a plan need not read the prompts.

    Raises:
        InputError: A file is missing or cannot be read.
    """
    return content_id(*names_and_digests(_files(settings)))


def _files(settings: DecontaminateSettings) -> list[SourceFile]:
    return [file for source in settings.against for file in resolve(source, _SELECTION).files]


def _without_prompts(file: SourceFile) -> InputError:
    names = next((list(row.values) for row in rows_of_file(file)), [])
    columns = f"; its columns are {', '.join(map(str, names))}" if names else ""
    return InputError(f"the file {file.name} holds no prompts{columns}", f"call the column one of {', '.join(_ASKED)}")


def prompt_texts(row: Values) -> list[str]:
    """The prompts of one row: one, or each turn of the user of a conversation; none where nothing is asked."""
    columns = {str(name).casefold(): value for name, value in row.items()}
    for name in _ASKED:
        if text := _text(columns.get(name)):
            return ["\n\n".join([text, *filter(None, (_text(columns.get(column)) for column in _WITH))])]
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
