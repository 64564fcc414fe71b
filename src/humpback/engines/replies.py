"""What servers of the OpenAI protocol answer, read with suspicion; pure functions.

A reply that cannot be right raises ValueError, KeyError, TypeError or IndexError: it counts as damaged, and the request
is sent again.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from humpback.records import FinishReason
from humpback.requests import LikelihoodRequest, Message

Out = TypeVar("Out")
Json = dict[str, object]
Reader = Callable[[Json], Out]

TOP = 20
"""Likeliest tokens to ask for: the most that the protocol allows."""

_SHORT_ANSWER_CHARS = 12
_MAX_TOKENS = 10_000_000
_MIN_PROBABILITY = 1e-12
_ERROR_CHARS = 1200
_LENGTH = {"length", "max_tokens", "max_output_tokens", "max_length", "model_length"}
_FAILED = {"error", "abort", "aborted", "cancelled", "timeout"}
_THINKING = ("reasoning_content", "reasoning", "thinking")
_TOO_LONG = re.compile(r"context.?(?:length|size|window)|too (?:long|large)|exceed\w*.*tokens|maximum.*tokens", re.I)
_LIMIT = re.compile(r"context.?(?:length|size|window)\D{0,20}(\d+)", re.I)


@dataclass(frozen=True, slots=True)
class TokenChoice:
    """One generated token, and the likeliest tokens at its position."""

    token: str
    log_probability: float
    top: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A chat completion."""

    text: str
    finish: FinishReason
    prompt_tokens: int
    completion_tokens: int
    positions: tuple[TokenChoice, ...]
    error: str = ""
    reasoning: str = ""
    """What the server gives apart from the text as what the model thought."""

    @property
    def log_probability(self) -> float:
        """Of all that was written; 0 where the server does not say."""
        return min(0.0, sum(position.log_probability for position in self.positions))


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens of a conversation as the server rendered it, and the log-probability of each; empty if not given."""

    ids: tuple[str, ...]
    log_probabilities: tuple[float, ...]
    tokens: int


def read_completion(reply: Json) -> ChatReply:
    """Reads a chat completion, or a text completion. Of several choices, which nobody asked for, the first counts."""
    choice = _first_choice(reply)
    message = _object(choice["message"] if "message" in choice else {"content": choice["text"]})
    logprobs = choice.get("logprobs")
    content = _object(logprobs).get("content") if logprobs is not None else None
    positions = tuple(_token_choice(_object(item)) for item in content or ())
    read, written = _count(reply, "prompt_tokens"), _count(reply, "completion_tokens")
    text, thought = _text_and_thought(message.get("content"))
    apart = (
        _text_and_thought(message.get(name), thinking=True)[1] for name in _THINKING
    )  # some servers fill two alike
    reasoning = "\n\n".join(filter(None, (next(filter(None, apart), ""), thought)))
    ending, error = choice.get("finish_reason"), ""
    finish: FinishReason = "length" if str(ending).casefold() in _LENGTH else "stop"
    if message.get("refusal"):
        error = f"the model refuses: {str(message['refusal'])[:200]}"
    elif ending == "content_filter" or (ending in ("tool_calls", "function_call") and not text):
        error = f"the server ended the answer with '{ending}'"
    elif str(ending).casefold() in _FAILED or (ending is None and not text and not reasoning):
        raise ValueError(f"it ended with {ending!r}")
    return ChatReply(
        text, "error" if error else finish, read, written or len(positions), positions, error, reasoning.strip()
    )


def _text_and_thought(content: object, *, thinking: bool = False) -> tuple[str, str]:
    """The text of a message and what the model thought, where its content is a text, a part or a list of parts."""
    if content is None:
        return "", ""
    if isinstance(content, str):
        return ("", content) if thinking else (content, "")
    if isinstance(content, list):
        both = [_text_and_thought(part, thinking=thinking) for part in content]
        return "".join(text for text, _ in both), "".join(thought for _, thought in both)
    part = _object(content)
    kind = str(part.get("type"))
    thinking = thinking or "think" in kind or "reason" in kind
    names = ("thinking", "reasoning", "summary", "text", "content") if thinking else ("text", "value", "content")
    return _text_and_thought(next((part[name] for name in names if part.get(name)), None), thinking=thinking)


def read_body(body: bytes) -> Json:
    """The JSON of an answer; of one that is streamed though nobody asked for that, its pieces put together."""
    if not body.lstrip(b"\xef\xbb\xbf \r\n").startswith((b"data:", b"event:", b":")):
        return _object(json.loads(body))
    pieces = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    chunks = [_object(json.loads(piece)) for piece in pieces if piece not in (b"", b"[DONE]")]
    joined: Json = {name: value for chunk in chunks for name, value in chunk.items() if value is not None}
    choices = [_first_choice(chunk) for chunk in chunks if chunk.get("choices")]
    ending = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    if not ending and b"[DONE]" not in pieces:
        raise ValueError("the stream breaks off")
    deltas = [
        _object(choice.get("delta") or choice.get("message") or {"content": choice.get("text")}) for choice in choices
    ]
    both = [_text_and_thought(delta.get("content")) for delta in deltas]
    message = {name: "".join(str(delta.get(name) or "") for delta in deltas) for name in (*_THINKING, "refusal")}
    message |= {"content": "".join(text for text, _ in both)}
    message["reasoning"] = message["reasoning"] or "".join(thought for _, thought in both)
    return joined | {"choices": [{"message": message, "finish_reason": (ending or [None])[-1]}]}


def read_prompt(reply: Json) -> Prompt:
    """Reads vLLM's log-probabilities of a prompt: for each token its own first, the likeliest behind it."""
    tokens = _count(reply, "prompt_tokens")
    entries = reply.get("prompt_logprobs")
    if not entries:
        _first_choice(reply)
        return Prompt((), (), tokens)
    ids, values = [""], [0.0]  # the first token has no probability: nothing precedes it
    for entry in _array(entries)[1:]:
        token, described = next(iter(_object(entry).items()))
        ids.append(token)
        values.append(_log_probability(_object(described)["logprob"]))
    return Prompt(tuple(ids), tuple(values), tokens or len(ids))


def read_models(reply: Json) -> dict[str, Json]:
    """Reads the list of models, by name."""
    return {str(item["id"]): item for item in map(_object, _array(reply["data"]))}


def error_text(body: bytes) -> str:
    """The server's own message of an error, whatever object it is wrapped in."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return body[:_ERROR_CHARS].decode(errors="replace")
    for key in ("error", "message", "detail"):
        if isinstance(content, dict) and content.get(key):
            content = content[key]
    return content if isinstance(content, str) else json.dumps(content)


def retry_after(header: str) -> float:
    """Seconds that a server asks for, as a number or as a date; 0 where it does not, or not readably."""
    try:
        wait = float(header.strip())
    except ValueError:
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return 0.0
        wait = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return wait if 0 <= wait < float("inf") else 0.0


def has_text(messages: Sequence[Message]) -> bool:
    """Whether a conversation says anything."""
    return any(message.text.strip() for message in messages)


def are_short(request: LikelihoodRequest) -> bool:
    """Whether the continuations are answers that can each be one token."""
    texts = [text.strip() for text in request.continuations]
    short = all(0 < len(text) <= _SHORT_ANSWER_CHARS and len(text.split()) == 1 for text in texts)
    return short and len(set(texts)) == len(texts) > 1 and not request.ends


def score_answers(
    positions: Sequence[TokenChoice], request: LikelihoodRequest, *, continued: bool
) -> tuple[tuple[float, ...], str]:
    """The log-probability of each short answer, and what is wrong.

    Args:
        positions: The tokens of the reply.
        request: What the answers are.
        continued: Whether the server continued `answer_prefix`, so that the answer stands at the first place; else it
            stands where one of the answers was generated, with nothing or the prefix before it.
    """
    answers = [text.strip() for text in request.continuations]
    before = ""
    for position in positions:
        if continued or (position.token.strip() in answers and before.strip() in ("", request.answer_prefix.strip())):
            return _among(position.top, answers)
        before += position.token
    return (), f"the reply does not come to an answer: '{before.strip()[:80]}'"


def _among(top: Sequence[tuple[str, float]], answers: Sequence[str]) -> tuple[tuple[float, ...], str]:
    shares = dict.fromkeys(answers, 0.0)
    for token, value in dict(top).items():
        if token.strip() in shares:
            shares[token.strip()] += math.exp(value)
    missing = [answer for answer, share in shares.items() if not share]
    if len(missing) == len(answers):
        return (), f"no answer is among the {len(top)} likeliest tokens"
    remainder = max(0.0, 1.0 - sum(math.exp(value) for value in dict(top).values()))
    bound = min(remainder, math.exp(min(value for _, value in top))) / max(len(missing), 1)
    return tuple(min(0.0, math.log(max(shares[answer] or bound, _MIN_PROBABILITY))) for answer in answers), ""


def shared_tokens(left: Sequence[str], right: Sequence[str]) -> int:
    """How many tokens two prompts begin with together."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def cut_longest(messages: tuple[Message, ...], reason: str) -> tuple[Message, ...] | None:
    """A conversation with less of the longest text that may be cut.

    Args:
        messages: What was refused.
        reason: What the server said.

    Returns:
        None where it was not refused for its length, or nothing is left to cut.
    """
    parts = [(len(p.text), i, k) for i, m in enumerate(messages) for k, p in enumerate(m.parts) if p.cut]
    length, index, part_index = max(parts, default=(0, 0, 0))
    if length < 2 or not _TOO_LONG.search(reason):
        return None
    keep = max(1, int(length * _share_to_keep(reason)))
    message = messages[index]
    part = replace(message.parts[part_index], text=message.parts[part_index].text[:keep])
    shorter = replace(message, parts=(*message.parts[:part_index], part, *message.parts[part_index + 1 :]))
    return (*messages[:index], shorter, *messages[index + 1 :])


def _share_to_keep(reason: str) -> float:
    """How much to keep: what the server says of limit and length, and a little less; else seven tenths."""
    limit = _LIMIT.search(reason)
    most = max((int(number) for number in re.findall(r"\d+", reason)), default=0)
    return 0.95 * int(limit[1]) / most if limit and most > int(limit[1]) > 0 else 0.7


def _first_choice(reply: Json) -> Json:
    return _object(_array(reply["choices"])[0])


def _token_choice(item: Json) -> TokenChoice:
    top = tuple(
        (str(entry["token"]), _log_probability(entry["logprob"]))
        for entry in map(_object, _array(item.get("top_logprobs", [])))
    )
    return TokenChoice(str(item["token"]), _log_probability(item["logprob"]), top)


def _log_probability(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value) or value > 1e-3:
        raise ValueError(f"a log-probability of {value!r}")
    return min(0.0, max(float(value), -9999.0))  # minus infinity cannot be summed and stored


def _count(reply: Json, name: str) -> int:
    """A count of `usage`; 0 where it is missing or cannot be one."""
    usage = reply.get("usage")
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_TOKENS else 0


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("no object where one belongs")
    return value


def _array(value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("no list where one belongs")
    return value
