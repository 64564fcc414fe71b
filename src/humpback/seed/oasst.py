"""Open Assistant's conversation trees, as flat message rows or as nested trees: first turn with its best reply.

The paper takes the English first turns with the reply that people ranked best, rank 0 (section 3.1). A prompt or reply
that was deleted, failed review or was written by a machine is not taken, nor a tree that was not finished.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

FLAT_COLUMNS = frozenset({"message_id", "parent_id", "role", "text"})
_FINISHED = "ready_for_export"


@dataclass(frozen=True, slots=True)
class Thread:
    """The first turn of one tree."""

    source: str
    language: str
    prompt: str
    reply: str | None
    """The best reply; None where there is no approved one of rank 0."""
    rejected: str
    """Why the prompt may not be used; empty where it may."""


def is_flat(columns: Iterable[str]) -> bool:
    """Whether these are the columns of message rows."""
    return set(columns) >= FLAT_COLUMNS


def is_tree(values: Mapping[str, object]) -> bool:
    """Whether a row is a whole tree."""
    prompt = values.get("prompt")
    return isinstance(prompt, Mapping) and "text" in prompt


def oasst_threads(rows: Iterable[tuple[str, Mapping[str, object]]]) -> Iterator[Thread]:
    """Reads trees, or message rows in any order.

    Of message rows it keeps the prompts and one reply for each in memory: a reply may stand before its prompt.

    Args:
        rows: Where each row stands, and its values.

    Yields:
        A thread for every tree, in the order of the prompts.
    """
    prompts: dict[str, tuple[str, Mapping[str, object]]] = {}
    replies: dict[str, str] = {}
    for source, values in rows:
        if is_tree(values):
            yield _nested_thread(source, values)
        elif not values.get("parent_id"):
            prompts[str(values.get("message_id"))] = source, values
        elif _is_best(values):
            replies.setdefault(str(values["parent_id"]), _text(values))
    for message_id, (source, values) in prompts.items():
        yield _thread(source, values, str(values.get("tree_state") or ""), replies.get(message_id))


def _nested_thread(source: str, tree: Mapping[str, object]) -> Thread:
    prompt = tree["prompt"]
    assert isinstance(prompt, Mapping)
    replies = (reply for reply in prompt.get("replies") or () if isinstance(reply, Mapping))
    best = next((_text(reply) for reply in replies if _is_best(reply)), None)
    return _thread(source, prompt, str(tree.get("tree_state") or ""), best)


def _thread(source: str, prompt: Mapping[str, object], state: str, reply: str | None) -> Thread:
    rejected = _rejected(prompt) or (state if state not in ("", _FINISHED) else "")
    return Thread(source, str(prompt.get("lang") or ""), _text(prompt), reply, rejected)


def _is_best(message: Mapping[str, object]) -> bool:
    rank = message.get("rank")
    return (
        message.get("role") == "assistant"
        and isinstance(rank, (int, float, str))
        and str(rank) in ("0", "0.0")  # CSV gives a string, and Parquet a float where some ranks are missing
        and not _rejected(message)
    )


def _rejected(message: Mapping[str, object]) -> str:
    if _flag(message.get("deleted")):
        return "deleted"
    review = message.get("review_result")
    if review not in (None, "") and not _flag(review):
        return "failed review"
    return "synthetic" if _flag(message.get("synthetic")) else ""


def _flag(value: object) -> bool:
    """CSV files write truth as a word."""
    return value.casefold() == "true" if isinstance(value, str) else bool(value)


def _text(message: Mapping[str, object]) -> str:
    text = message.get("text")
    return text if isinstance(text, str) else ""
