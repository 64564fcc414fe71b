"""Conversations in the usual layouts: the value of a cell to turns of system, user and assistant.

Takes lists of turns under any of their usual names, turns as columns, exchanges, plain texts in turn, transcripts, and
each of these as JSON in a text. What cannot be read as text (a picture, a tool call) stands in its turn as a problem:
it costs the pair only where the pair needs that turn.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from humpback.data_access.storable import storable
from humpback.prompts.reasoning import split_reasoning
from humpback.records import Dropped, content_id
from humpback.requests import Role

_NAMES: tuple[tuple[Role, str], ...] = (
    ("system", "system developer system_prompt preamble"),
    ("user", "user human prompter customer usr"),
    ("assistant", "assistant gpt ai bot model chatbot claude bard bing gemini llm agent"),
)
_ROLES = {name: role for role, names in _NAMES for name in names.split()}
_SIDES: dict[str, Role] = {
    **_ROLES,
    **dict.fromkeys(("instruction", "prompt", "question", "query", "input"), "user"),
    **dict.fromkeys(("response", "output", "completion", "answer", "reply"), "assistant"),
}
"""Speakers, and the keys of an exchange in one object."""
_ROLE_KEYS = ("role", "from", "speaker", "author")
_TEXT_KEYS = ("content", "value", "text", "message", "parts", "utterance", "thinking")
_NOT_TEXT = {
    **dict.fromkeys(("tool_calls", "function_call", "tool_call_id", "tool_use", "tool_result"), "uses tools"),
    **dict.fromkeys(
        ("image", "images", "image_url", "video", "videos", "audio", "audios", "input_audio", "file", "files",
         "file_data", "inline_data", "attachments"), "has a picture or file",
    ),
}  # fmt: skip
_LOSS_KEYS = ("weight", "train", "trainable", "loss", "loss_weight", "loss_mask", "learn")
_TOOL = re.compile("(tool|function|observation|ipython|environment).*")
_THOUGHT = re.compile(".*(thinking|thought|reasoning)")
_MEDIUM = r"<\|?(?:image|img|picture|video|audio|vision_start)(?:_?\d+)?\|?>"
_PLACED = re.compile(rf"(?:\A|\n)\s*{_MEDIUM}|{_MEDIUM}\s*\Z", re.IGNORECASE)
_EMPTY = re.compile(
    r"|nan|none|null|nil|n/a|(?-i:NA)|not applicable|\[\]|\{\}|-+"
    r"|<?\s*no[\s_-]?(?:input|context|output)(?: needed| required| given)?\s*>?",
    re.IGNORECASE,
)
_PACKED = re.compile(rf"""\s*(?:\[\s*)?\{{\s*(["'])(?:{"|".join((*_ROLE_KEYS, *_TEXT_KEYS, "type", *_ROLES))})\1\s*:""")
_SPEAKER = re.compile(r"(?:\A\s*(?:### ?)?|\n\n\s*|\n?### ?)([A-Za-z]{2,12}) ?:[ \t]*")


_EXCERPT = 200


class Unusable(Exception):
    """A row or a turn that no pair can be made of. Its arguments: a reason of the ledger, and what was seen."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation, its text as it stands in the source."""

    role: Role
    text: str
    learn: bool = True
    """Whether the source lets it be learnt."""
    reasoning: str = ""
    """What stood before the answer or beside it."""
    problem: Unusable | None = None
    """Why the text is not all there is."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of one record, not yet normalised."""

    source: str
    turns: tuple[Turn, ...]
    context: str = ""
    """What was put behind an instruction."""
    omitted: tuple[Dropped, ...] = ()
    """What else the row holds and no pair is made of."""


Exchange = tuple[Turn, Turn]
"""A turn of the user, and its answer."""


def left_out(source: str, reason: str, detail: str, text: str) -> Dropped:
    """The ledger entry of what never became a pair; where it stands is part of its identity."""
    storable_detail, excerpt = storable((detail, text[:_EXCERPT]))
    return Dropped(content_id(source, text), reason, storable_detail, source, excerpt)


def turns_of(value: object) -> list[Turn]:
    """The turns of a conversation.

    Raises:
        Unusable: It is no conversation of a layout that is known.
    """
    value = unpacked(value)
    if isinstance(value, str):
        value = _transcript(value)
    if isinstance(value, Mapping):
        columns = list(value.values())
        as_columns = all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns)
        value = (
            [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)] if as_columns else [value]
        )
    if not isinstance(value, list):
        raise Unusable("unreadable turns", f"a {type(value).__name__}")
    return [turn for number, item in enumerate(value) for turn in _turns(item, number)]


def is_turns(value: object) -> bool:
    """Whether a value is turns with their roles, and no plain text or list of its parts."""
    value = unpacked(value)
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, Mapping) and any(key in first for key in _ROLE_KEYS)


def unpacked(value: object) -> object:
    """Turns or parts of a text that stand in a cell as JSON, or as Python writes them; anything else as it is."""
    if isinstance(value, str) and (match := _PACKED.match(value)):
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            content = json.loads(value) if match[1] == '"' else ast.literal_eval(value)
            items = content if isinstance(content, list) else [content]
            if all(isinstance(item, dict) and _is_turn_or_part(item) for item in items):
                return content
    return value


def _is_turn_or_part(item: Mapping[str, object]) -> bool:
    has_text = any(key in item for key in _TEXT_KEYS)
    return (has_text and any(key in item for key in (*_ROLE_KEYS, "type"))) or len(_ROLES.keys() & item.keys()) > 1


def plain_text(value: object) -> str:
    """The text of a value: a text, a number, or parts that are text.

    Raises:
        Unusable: It holds anything else.
    """
    value = unpacked(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, list) and (len(value) < 2 or all(isinstance(part, Mapping) for part in value)):
        return "".join(map(plain_text, value))
    if not isinstance(value, Mapping):
        raise Unusable("not text", f"a {type(value).__name__}")
    _refuse_beside(value)
    kind = str(value.get("type") or "text")
    text = next((value[key] for key in _TEXT_KEYS if value.get(key) is not None), None)
    if not kind.endswith(("text", "thinking", "thought", "reasoning")):
        raise Unusable("uses tools" if _TOOL.match(kind) else "has a picture or file", kind)
    if text is None:
        raise Unusable("not text", f"an object of {', '.join(map(str, value))}")
    return plain_text(text)


def filled(value: object) -> bool:
    """Whether a cell holds anything; words such as 'N/A' and '<noinput>' are nothing."""
    if value is None:
        return False
    if isinstance(value, str):
        return not _EMPTY.fullmatch(value.strip().rstrip("."))
    if isinstance(value, (Mapping, list)):
        return any(map(filled, value.values() if isinstance(value, Mapping) else value))
    return not (value is False or value != value)  # NaN differs from itself


def unlearnt_key(marks: Mapping[str, object]) -> str:
    """The key by which a row or a turn says that it is not to be learnt; empty where none does."""
    no = ("false", "no", "0", "0.0")
    return next((key for key in _LOSS_KEYS if key in marks and str(marks[key]).strip().casefold() in no), "")


def exchanges_of(turns: Iterable[Turn]) -> tuple[str, list[Exchange]]:
    """The system's text, and each turn of the user with its answer, which is empty where there is none.

    Turns of one speaker that follow one another are one. A later turn of the system belongs to the user's next one.

    Raises:
        Unusable: The assistant begins.
    """
    merged: list[Turn] = []
    for turn in turns:
        before = merged[-1] if merged else None
        if before and (before.role == turn.role or (before.role == "system" and turn.role == "user" and merged[1:])):
            texts = [text for text in (before.text.strip(), turn.text.strip()) if text]
            problem, reasoning = before.problem or turn.problem, before.reasoning + turn.reasoning
            merged[-1] = Turn(turn.role, "\n\n".join(texts), before.learn and turn.learn, reasoning, problem)
        else:
            merged.append(turn)
    system = merged.pop(0).text if merged and merged[0].role == "system" else ""
    dialogue = [turn for turn in merged if turn.role != "system"]
    if dialogue and dialogue[0].role == "assistant":
        raise Unusable("no instruction", "the conversation begins with the assistant")
    answers = dialogue[1::2] if dialogue[1:] else [Turn("assistant", "")]
    return system, list(zip(dialogue[::2], answers, strict=False))


def text_turn(role: Role, text: object) -> Turn:
    """A turn that is a cell of its own."""
    return _turn(role, {"content": text})


def _turns(item: object, number: int) -> list[Turn]:
    if isinstance(item, str):  # a list of texts: user and assistant in turn
        return [_turn("assistant" if number % 2 else "user", {"content": item})]
    if isinstance(item, list) and len(item) == 2:
        item = {"role": item[0], "content": item[1]} if _name(item[0]) in _ROLES else {"user": item[0], "ai": item[1]}
    if not isinstance(item, Mapping):
        raise Unusable("unreadable turns", f"a turn that is a {type(item).__name__}")
    name = next((_name(item[key]) for key in _ROLE_KEYS if item.get(key) is not None), None)
    if name is not None:
        return [_turn(name, item)]
    sides = {_SIDES[_name(key)]: key for key in item if _name(key) in _SIDES}
    if not sides:
        raise Unusable("unreadable turns", f"a turn of {', '.join(map(str, item)) or 'nothing'}")
    marks = {key: value for key, value in item.items() if key not in sides.values()}
    return [_turn(role, {**marks, "content": item[sides[role]]}) for role, _ in _NAMES if role in sides]


def _name(value: object) -> str:
    """A speaker, in the usual letters; 'GPT-4o' and 'ChatGPT:' are the same."""
    name = str(value).strip(" \t\n:").casefold()
    return "gpt" if re.match(r"(?:chat-?)?gpt\b", name) else name


def _turn(name: str, item: Mapping[str, object]) -> Turn:
    role: Role = _SIDES.get(name, "assistant" if _TOOL.match(name) else "user")
    turn = Turn(role, "", not unlearnt_key(item))
    try:
        if name not in _SIDES:
            raise Unusable("uses tools" if _TOOL.match(name) else "unknown role", name)
        _refuse_beside(item)
        content = unpacked(next((item[key] for key in _TEXT_KEYS if item.get(key) is not None), None))
        parts = content if isinstance(content, list) else [content]
        thoughts = [part for part in parts if isinstance(part, Mapping) and _THOUGHT.match(str(part.get("type")))]
        text = plain_text([part for part in parts if part not in thoughts])
        thoughts += [{"text": value} for key, value in item.items() if value and _THOUGHT.match(key)]
        if role != "assistant":
            placed = _PLACED.search(text)
            problem = Unusable("has a picture or file", placed.group().strip()) if placed else None
            return replace(turn, text=text, problem=problem)
        inside, text = split_reasoning(text)
        return replace(turn, text=text, reasoning="\n".join(filter(None, (*map(plain_text, thoughts), inside))))
    except Unusable as error:
        return replace(turn, problem=error)


def _refuse_beside(item: Mapping[str, object]) -> None:
    if key := next((key for key in item if key in _NOT_TEXT and filled(item[key])), ""):
        raise Unusable(_NOT_TEXT[key], key)


def _transcript(text: str) -> object:
    r"""The turns of a text such as '\n\nHuman: Hi\n\nAssistant: Hello'; the text itself where it is none."""
    marks = [mark for mark in _SPEAKER.finditer(text) if _name(mark[1]) in _ROLES]
    if not marks or text[: marks[0].start()].strip():
        return text
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return [[mark[1], text[mark.end() : end].strip()] for mark, end in zip(marks, ends, strict=True)]
