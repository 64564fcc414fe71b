"""From rows to conversations, whatever the columns are called.

Layouts: plain pairs (Alpaca among them), conversations and preferences (`humpback.seed.turns` says in which forms), and
Open Assistant (`humpback.seed.oasst`). Columns are looked for in each row, since rows of one table may differ. Texts
are given as they stand in the source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import TypeAlias

from humpback.config import SeedSettings
from humpback.data_access.rows import Row, Values
from humpback.data_access.urls import public
from humpback.errors import InputError
from humpback.records import Dropped
from humpback.seed.oasst import is_flat, is_tree, oasst_conversations
from humpback.seed.turns import (
    Conversation,
    Turn,
    Unusable,
    filled,
    is_turns,
    left_out,
    plain_text,
    text_turn,
    turns_of,
    unlearnt_key,
)  # fmt: skip

INSTRUCTION_NAMES = ("instruction", "prompt", "question", "query", "problem", "inputs")
CONTEXT_NAMES = (
    "input", "context", "contexts", "passage", "passages", "paragraph", "article", "documents", "background",
)  # fmt: skip
RESPONSE_NAMES = (
    "response", "output", "completion", "solution", "answer", "answers", "chosen", "targets", "target", "reply",
)  # fmt: skip
MESSAGES_NAMES = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "contents", "data")
_TRANSCRIPT_NAMES = ("chosen", "completion")
"""Hold a whole conversation where no column holds the instruction."""
_SYSTEM_NAMES = ("system", "system_prompt", "system_message", "systeminstruction", "preamble")
_HISTORY_NAMES = ("history", "chat_history", "conversation_history")
_NEEDED = {
    "has a picture or file": re.compile("(?:image|img|picture|photo|video|audio)s?(?:_?(?:path|url|file|id|bytes)s?)?"),
    "uses tools": re.compile("(?:available_)?(?:tools|functions)|tool_calls|function_call"),
    "has choices": re.compile("choices|options"),
}
"""Columns on which the answer depends and that a pair cannot hold, by the reason."""
_OTHER_SPLITS = ("test", "validation", "valid", "val", "dev", "eval", "evaluation", "heldout", "held_out")
_LABELS = ("label", "kto_tag")
"""Say of a whole answer whether people liked it."""
_SAID = re.compile(r"(?!\s*(?:<\s*no\s?output\s*>\s*)?\Z)", re.IGNORECASE)
_HUMAN_FIRST = re.compile(r"\s*Human:.*\n\nAssistant:", re.DOTALL)
_ROWS_LOOKED_AT = 1000


Conversations: TypeAlias = Iterator[Conversation | Dropped]


def conversations(rows: Iterable[Row], settings: SeedSettings, *, to_learn: bool = True) -> Conversations:
    """Finds the layout by the columns of the first rows, unless it is set, and reads every record.

    Args:
        rows: All rows of the source.
        settings: Its layout and the names of its columns.
        to_learn: Leave out the rows that are marked as not to be learnt.

    Raises:
        InputError: There are no rows, no layout fits, or a column that is set is not there.
    """
    stream = iter(rows)
    first = list(islice(stream, _ROWS_LOOKED_AT))
    if not first:
        raise InputError(
            f"the seed data {public(settings.source)} holds no rows", "set seed.source to data that has some"
        )
    read = _layout(first, settings, to_learn)
    return read(chain(first, stream))


@dataclass(frozen=True, slots=True)
class _Names:
    """Which columns to look for in every row, in this order."""

    instruction: Sequence[str]
    contexts: Sequence[str]
    response: Sequence[str]
    messages: Sequence[str]


def _layout(first: list[Row], settings: SeedSettings, to_learn: bool) -> Callable[[Iterable[Row]], Conversations]:
    # In JSONL a row may lack columns, so the first row alone does not tell.
    columns = tuple(dict.fromkeys(name for row in first for name in row.values))
    _check_named(columns, settings)
    oasst = is_flat(columns) or any(is_tree(row.values) for row in first)
    if settings.format == "oasst" or (settings.format == "auto" and oasst):
        if not oasst:
            raise _no_fit(
                "Open Assistant's (message_id, parent_id, role, text; or prompt with replies)", columns, settings
            )
        return partial(oasst_conversations, language=settings.language)
    column_names = {*columns, *map(_key, columns)}
    setting = settings.columns
    usual = INSTRUCTION_NAMES if column_names.intersection(INSTRUCTION_NAMES) else ("input",)
    instruction: Sequence[str] = (setting.instruction,) if setting.instruction else usual
    response: Sequence[str] = (setting.response,) if setting.response else RESPONSE_NAMES
    messages: Sequence[str] = (setting.messages,) if setting.messages else MESSAGES_NAMES
    contexts = (setting.input,) if setting.input else [n for n in CONTEXT_NAMES if n not in (*instruction, *response)]
    pairs_fit = bool(column_names.intersection(instruction) and column_names.intersection(response))
    if not pairs_fit and not column_names.intersection(messages):
        messages = _TRANSCRIPT_NAMES
    messages_fit = bool(column_names.intersection(messages))
    if settings.format == "pairs" or not messages_fit:
        messages = ()
    if settings.format in ("messages", "sharegpt") or setting.messages or not pairs_fit:
        instruction = ()
    if not messages and not instruction:
        if settings.format in ("messages", "sharegpt"):
            raise _no_fit("a conversation (usual names: messages, conversations)", columns, settings)
        has_instruction = bool(setting.instruction or column_names.intersection(INSTRUCTION_NAMES))
        missing, names = ("a response", RESPONSE_NAMES) if has_instruction else ("an instruction", INSTRUCTION_NAMES)
        raise _no_fit(f"{missing} (usual names: {', '.join(names)})", columns, settings)
    return partial(_read_rows, names=_Names(instruction, contexts, response, messages), to_learn=to_learn)


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


def _key(column: object) -> str:
    return str(column).strip().casefold()


def _read_rows(rows: Iterable[Row], names: _Names, to_learn: bool) -> Conversations:
    for row in rows:
        # Of columns that differ in case the first counts.
        cells = {_key(column): value for column, value in reversed(row.values.items())} | row.values
        try:
            if to_learn:
                _refuse_marked(cells)
            yield _conversation(row.name, cells, names)
        except Unusable as error:
            excerpt = _first(cells, (*names.instruction, *names.messages, *names.response))
            reason, detail = error.args
            yield left_out(row.name, reason, detail, str(excerpt or ""))


def _refuse_marked(cells: Values) -> None:
    """Refuses a row that says itself that nobody should learn it: raises `Unusable`."""
    marked = unlearnt_key(cells) or next((name for name in _LABELS if _key(cells.get(name)) == "false"), "")
    if marked:
        raise Unusable("not to be learnt", f"{marked}: {cells[marked]}")
    if rejected := next((name for name in ("deleted", "rejected") if _key(cells.get(name)) in ("true", "1")), ""):
        raise Unusable("not approved", rejected)
    if (split := _key(cells.get("split"))) in _OTHER_SPLITS:
        raise Unusable("another split", split)


def _conversation(source: str, cells: Values, names: _Names) -> Conversation:
    used = {*names.instruction, *names.response, *names.messages}
    for reason, pattern in _NEEDED.items():
        if needed := _filled_columns(cells, (name for name in cells if pattern.fullmatch(name) and name not in used)):
            raise Unusable(reason, f"the column {next(iter(needed))}")
    omitted = [
        left_out(source, "rejected answer", "", str(text)) for text in _filled_columns(cells, ("rejected",)).values()
    ]
    instruction, response = _first(cells, names.instruction), _first(cells, names.response)
    talk = _first(cells, names.messages)
    context = _joined_texts(_filled_columns(cells, names.contexts).values())
    if is_pair := talk is None or None not in (instruction, response):
        turns = [turn for history in _filled_columns(cells, _HISTORY_NAMES).values() for turn in turns_of(history)]
        turns += _prompt_turns(instruction, context)
    else:
        turns = turns_of(talk)
        context = "" if any(context in turn.text for turn in turns) else context
    if is_pair or (response is not None and (not turns or turns[-1].role != "assistant")):
        answer = _answer(source, response, omitted)
        # A completion that does not begin with the assistant is the whole conversation.
        turns = turns + answer if answer[0].role == "assistant" else answer
    system = _joined_texts(_filled_columns(cells, _SYSTEM_NAMES).values())
    for text in (context, system):  # what the turns do not say yet
        if text and not any(text in turn.text for turn in turns):
            turns = [Turn("system", text), *turns]
    return Conversation(source, tuple(turns), context, tuple(omitted))


def _first(cells: Values, names: Iterable[str]) -> object:
    """The first of these columns that is not empty in this row: one may be filled in some rows, another in others."""
    values = (cells.get(name) for name in names)
    return next((v for v in values if (_SAID.match(v) if isinstance(v, str) else v is False or filled(v))), None)


def _filled_columns(cells: Values, names: Iterable[str]) -> Values:
    """Those of these columns that hold anything in this row."""
    return {name: cells[name] for name in names if filled(cells.get(name))}


def _joined_texts(values: Iterable[object]) -> str:
    texts: list[str] = []
    for value in values:
        texts += map(plain_text, value) if isinstance(value, list) and not is_turns(value) else [plain_text(value)]
    return "\n\n".join(dict.fromkeys(text.strip() for text in texts))


def _prompt_turns(instruction: object, context: str) -> list[Turn]:
    """The instruction with its context; answers in a prompt of turns are read and not learnt."""
    if not _is_conversation(instruction):
        turn = text_turn("user", instruction)
        return [replace(turn, text=f"{turn.text.strip()}\n\n{context}") if context and turn.text.strip() else turn]
    prompt = turns_of(instruction)
    if prompt[-1].role == "assistant" and not prompt[-1].text:  # 'Human: ... Assistant:' ends where the answer begins
        prompt.pop()
    return [replace(turn, learn=False) for turn in prompt]


def _answer(source: str, response: object, omitted: list[Dropped]) -> list[Turn]:
    """The answer as a turn, or the whole conversation where it holds one. Of several answers the first."""
    if _is_conversation(response):
        return turns_of(response)
    if isinstance(response, Mapping) and isinstance(response.get("text"), list):  # SQuAD's answers
        response = response["text"]
    if isinstance(response, list) and not any(isinstance(answer, (Mapping, list)) for answer in response):
        response, *other_answers = dict.fromkeys(map(plain_text, response)) or [""]
        if other_answers:
            omitted.append(left_out(source, "other answers", f"{len(other_answers)} more", "\n".join(other_answers)))
    return [text_turn("assistant", response)]


def _is_conversation(value: object) -> bool:
    return is_turns(value) or (isinstance(value, str) and bool(_HUMAN_FIRST.match(value)))
