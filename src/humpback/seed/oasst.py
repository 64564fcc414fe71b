"""Open Assistant's conversation trees, as flat message rows or as nested trees, to the conversation of best replies.

The paper takes the English first turns with the reply that people ranked best, rank 0 (section 3.1). A prompt or reply
that was deleted, failed review or was written by a machine is not taken, nor a tree that was not finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from humpback.data_access.rows import Row
from humpback.records import Dropped
from humpback.seed.turns import Conversation, left_out, text_turn

Message: TypeAlias = Mapping[str, object]

FLAT_COLUMNS = frozenset({"message_id", "parent_id", "role", "text"})
_FINISHED = "ready_for_export"


def is_flat(columns: Iterable[str]) -> bool:
    """Whether these are the columns of message rows."""
    return set(columns) >= FLAT_COLUMNS


def is_tree(values: Message) -> bool:
    """Whether a row is a whole tree."""
    prompt = values.get("prompt")
    return isinstance(prompt, Mapping) and "text" in prompt


def oasst_conversations(rows: Iterable[Row], language: str) -> Iterator[Conversation | Dropped]:
    """Reads trees, or message rows in any order.

    Of message rows it keeps the prompts and one reply to each message in memory: a reply may stand before its prompt.

    Args:
        rows: The rows.
        language: Of the trees to take; empty takes all.

    Yields:
        The conversation of every tree, or why there is none, in the order of the prompts.
    """
    prompts: dict[str, Row] = {}
    replies: dict[str, Message] = {}
    for row in rows:
        if is_tree(row.values):
            prompt = row.values["prompt"]
            assert isinstance(prompt, Mapping)
            yield _conversation(row.name, prompt, row.values.get("tree_state"), _best_reply, language)
        elif not row.values.get("parent_id"):
            prompts[str(row.values.get("message_id"))] = row
        elif _is_best(row.values):
            reply = {name: row.values[name] for name in FLAT_COLUMNS}
            replies.setdefault(str(row.values["parent_id"]), reply)
    for name, prompt in prompts.values():
        state = prompt.get("tree_state")
        yield _conversation(name, prompt, state, lambda message: replies.get(str(message["message_id"])), language)


def _conversation(
    source: str, prompt: Message, state: object, reply_to: Callable[[Message], Message | None], language: str
) -> Conversation | Dropped:
    question = text_turn("user", prompt.get("text"))
    spoken = str(prompt.get("lang") or "")
    if language and spoken and spoken.casefold() != language.casefold():
        return left_out(source, "other language", spoken, question.text)
    if rejected := _rejected(prompt) or (str(state) if state not in (None, "", _FINISHED) else ""):
        return left_out(source, "not approved", rejected, question.text)
    turns, message = [question], reply_to(prompt)
    while message:
        turns.append(text_turn("assistant" if message["role"] == "assistant" else "user", message.get("text")))
        message = reply_to(message)
    if not turns[1:]:
        return left_out(source, "no response", "no approved reply of rank 0", question.text)
    return Conversation(source, tuple(turns))


def _best_reply(message: Message) -> Message | None:
    replies = message.get("replies")
    return next((reply for reply in replies if _is_best(reply)), None) if isinstance(replies, list) else None


def _is_best(message: Message) -> bool:
    # CSV gives a rank as a string, and Parquet as a float where some ranks are missing.
    best = message.get("role") == "prompter" or str(message.get("rank")) in ("0", "0.0")
    return best and not _rejected(message)


def _rejected(message: Message) -> str:
    if _flag(message.get("deleted")):
        return "deleted"
    review = message.get("review_result")
    if review not in (None, "") and not _flag(review):
        return "failed review"
    return "synthetic" if _flag(message.get("synthetic")) else ""


def _flag(value: object) -> bool:
    """CSV files write truth as a word."""
    return value.casefold() == "true" if isinstance(value, str) else bool(value)
