"""From rows to exchanges: an instruction with its response, whatever the columns are called.

Layouts: plain pairs (Alpaca among them), conversations (`messages` with role and content, ShareGPT with from and
value), and Open Assistant (`humpback.seed.oasst`). Texts are given as they stand in the source.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import TypeAlias

from humpback.config import SeedSettings
from humpback.data_access.rows import Row
from humpback.data_access.urls import public
from humpback.errors import InputError
from humpback.records import Dropped, content_id
from humpback.seed.oasst import is_flat, is_tree, oasst_threads

INSTRUCTION_NAMES = ("instruction", "prompt", "question")
CONTEXT_NAMES = ("input", "context")
RESPONSE_NAMES = ("response", "output", "completion", "answer")
MESSAGES_NAMES = ("messages", "conversations")
_ROLES = {"human": "user", "prompter": "user", "gpt": "assistant", "model": "assistant", "bot": "assistant"}
_ROWS_LOOKED_AT = 1000
_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Exchange:
    """The first instruction and response of one record, not yet normalised."""

    source: str
    instruction: str
    context: str
    response: str


Exchanges: TypeAlias = Iterator[Exchange | Dropped]


def left_out(source: str, reason: str, detail: str, text: str) -> Dropped:
    """The ledger entry of a record that never became a pair; where it stands is part of its identity."""
    return Dropped(content_id(source, text), reason, detail, source, text[:_EXCERPT])


def exchanges(rows: Iterable[Row], settings: SeedSettings) -> Exchanges:
    """Finds the layout by the columns of the first rows, unless it is set, and reads every record.

    Raises:
        InputError: There are no rows, no layout fits, or a column that is set is not there.
    """
    stream = iter(rows)
    first = list(islice(stream, _ROWS_LOOKED_AT))
    if not first:
        raise InputError(
            f"the seed data {public(settings.source)} holds no rows", "set seed.source to data that has some"
        )
    read = _layout(first, settings)
    return read(chain(first, stream))


def _layout(first: list[Row], settings: SeedSettings) -> Callable[[Iterable[Row]], Exchanges]:
    # In JSONL a row may lack columns, so the first row alone does not tell.
    columns = tuple(dict.fromkeys(name for row in first for name in row.values))
    by_setting = settings.columns
    _check_named(columns, settings)
    oasst = is_flat(columns) or any(is_tree(row.values) for row in first)
    if settings.format == "oasst" or (settings.format == "auto" and oasst):
        if not oasst:
            raise _no_fit(
                "Open Assistant's (message_id, parent_id, role, text; or prompt with replies)", columns, settings
            )
        return partial(_read_oasst, language=settings.language)
    instruction = by_setting.instruction or _find(columns, INSTRUCTION_NAMES)
    response = by_setting.response or _find(columns, RESPONSE_NAMES)
    messages = by_setting.messages or _find(columns, MESSAGES_NAMES)
    pairs_fit = bool(instruction and response) and not (settings.format == "auto" and by_setting.messages)
    if settings.format in ("auto", "pairs") and pairs_fit:
        used = (instruction, response)
        contexts = (by_setting.input,) if by_setting.input else _contexts(columns, used)
        return partial(_read_pairs, instruction=instruction, contexts=contexts, response=response)
    if settings.format in ("auto", "messages", "sharegpt") and messages:
        return partial(_read_messages, column=messages)
    if settings.format in ("messages", "sharegpt"):
        raise _no_fit("a conversation (usual names: messages, conversations)", columns, settings)
    missing = "a response" if instruction else "an instruction"
    names = RESPONSE_NAMES if instruction else INSTRUCTION_NAMES
    raise _no_fit(f"{missing} (usual names: {', '.join(names)})", columns, settings)


def _no_fit(missing_column: str, columns: tuple[str, ...], settings: SeedSettings) -> InputError:
    return InputError(
        f"the seed data {public(settings.source)} has no column for {missing_column}; "
        f"its columns are {', '.join(columns) or 'none'}",
        "name the columns in seed.columns, or set seed.format",
    )


def _check_named(columns: tuple[str, ...], settings: SeedSettings) -> None:
    for setting in ("instruction", "input", "response", "messages"):
        name = getattr(settings.columns, setting)
        if name and name not in columns:
            listed = ", ".join(columns)
            raise InputError(
                f"seed.columns.{setting} is {name!r}, but the columns of {public(settings.source)} are {listed}",
                "set it to one of these",
            )


def _find_all(columns: tuple[str, ...], names: tuple[str, ...], used: tuple[str, ...] = ()) -> tuple[str, ...]:
    # Of columns that differ in case only the first counts, so it is put in last.
    by_name = {column.casefold(): column for column in reversed(columns) if column not in used}
    return tuple(by_name[name] for name in names if name in by_name)


def _contexts(columns: tuple[str, ...], used: tuple[str, ...]) -> tuple[str, ...]:
    """Columns to look for in every row: JSONL often leaves the input out where it is empty, so they may come late."""
    usual = (name for name in CONTEXT_NAMES if name not in used)
    return tuple(dict.fromkeys((*_find_all(columns, CONTEXT_NAMES, used), *usual)))


def _find(columns: tuple[str, ...], names: tuple[str, ...]) -> str:
    return next(iter(_find_all(columns, names)), "")


def _read_pairs(rows: Iterable[Row], instruction: str, contexts: tuple[str, ...], response: str) -> Exchanges:
    for row in rows:
        cells = (_cell(row, name) for name in contexts)
        context = next((text for text in cells if text.strip()), "")
        yield Exchange(row.name, _cell(row, instruction), context, _cell(row, response))


def _cell(row: Row, column: str) -> str:
    value = row.values.get(column)
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (int, float)):
        return str(value)
    raise InputError(
        f"the column {column!r} of {row.name} holds a {type(value).__name__}, not text",
        "name another column in seed.columns, or set seed.columns.messages where it is a conversation",
    )


def _read_messages(rows: Iterable[Row], column: str) -> Exchanges:
    for row in rows:
        turns = [turn for turn in _turns(row, column) if turn[0] not in ("system", "developer")]
        if turns and turns[0][0] == "assistant":
            # What the user would have said is not there, and later turns lean on it.
            yield left_out(row.name, "no instruction", "the conversation begins with the assistant", turns[0][1])
            continue
        user = turns[0][1] if turns else ""
        answered = len(turns) > 1 and turns[1][0] == "assistant"
        yield Exchange(row.name, user, "", turns[1][1] if answered else "")


def _turns(row: Row, column: str) -> list[tuple[str, str]]:
    """Role and text of every turn, in one vocabulary."""
    value = row.values.get(column)
    if isinstance(value, str):  # CSV and some Parquet files hold a conversation as JSON
        with suppress(json.JSONDecodeError):
            value = json.loads(value)
    turns = [] if value is None else value
    if not isinstance(turns, list) or not all(isinstance(turn, Mapping) for turn in turns):
        raise InputError(
            f"the column {column!r} of {row.name} holds no list of turns with role and content",
            "name another column in seed.columns.messages, or set seed.format",
        )
    return [_turn(turn) for turn in turns]


def _turn(turn: Mapping[str, object]) -> tuple[str, str]:
    role = str(turn.get("role") or turn.get("from") or "").casefold()
    content = turn.get("content") or turn.get("value") or ""
    if isinstance(content, list):  # parts; those that are not text (pictures) cannot be trained on here
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return _ROLES.get(role, role), str(content)


def _read_oasst(rows: Iterable[Row], language: str) -> Exchanges:
    for thread in oasst_threads((row.name, row.values) for row in rows):
        if language and thread.language and thread.language.casefold() != language.casefold():
            yield left_out(thread.source, "other language", thread.language, thread.prompt)
        elif thread.rejected:
            yield left_out(thread.source, "not approved", thread.rejected, thread.prompt)
        elif thread.reply is None:
            yield left_out(thread.source, "no response", "no approved reply of rank 0", thread.prompt)
        else:
            yield Exchange(thread.source, thread.prompt, "", thread.reply)
