"""The OpenAI protocol as a server sees it: bodies to requests, completions to replies; pure functions."""

from __future__ import annotations

import secrets
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from humpback.config import TagSettings
from humpback.data_access.storable import storable
from humpback.prompts import forward_messages
from humpback.requests import Completion, Message, Part, Request, Role, Sampling
from humpback.seed.pairs import normal_text

Json = dict[str, Any]
Kind = Literal["chat.completion", "text_completion"]

_UNSUPPORTED = frozenset(
    ("audio best_of echo frequency_penalty functions logit_bias logprobs min_p min_tokens presence_penalty "
     "prompt_logprobs repetition_penalty response_format stop suffix tool_choice tools top_k top_logprobs").split()
)  # fmt: skip
"""Fields that change what is answered, which the embedded engine does not do: refused rather than passed over."""


class BadRequest(Exception):
    """A request that cannot be answered; what is wrong with it."""


class _Part(BaseModel):
    type: Literal["text"]
    text: str


class _Turn(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Part]


class _Body(BaseModel):
    model_config = ConfigDict(extra="allow")
    model: str = ""
    stream: bool | None = None
    stream_options: Json | None = None
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    n: Literal[1] | None = None

    def sampling(self, longest: int) -> Sampling:
        """How the answer is drawn: the paper's nucleus sampling unless the request says otherwise."""
        return Sampling(
            self.max_completion_tokens or self.max_tokens or longest,
            0.7 if self.temperature is None else self.temperature,
            0.9 if self.top_p is None else self.top_p,
            secrets.randbits(31) if self.seed is None else self.seed,
        )


class ChatBody(_Body):
    """A request for a chat completion."""

    messages: list[_Turn] = Field(min_length=1)

    def request(self, tags: TagSettings, longest: int) -> Request:
        """What the engine is asked: the turns, each of the user's with the tags as in training."""
        turns: list[Message] = []
        for turn in self.messages:
            pieces = [turn.content] if isinstance(turn.content, str) else [part.text for part in turn.content]
            text = normal_text("".join(pieces))
            role: Role = "system" if turn.role == "developer" else turn.role
            tagged = forward_messages(text, tags, ("seed", "augmented")) if role == "user" else ()
            turns += tagged or (Message(role, (Part(text),)),)
        return Request("chat", tuple(turns), self.sampling(longest))


class TextBody(_Body):
    """A request for the continuation of a plain text, without template and tags."""

    prompt: str | list[str]

    def request(self, tags: TagSettings, longest: int) -> Request:
        """What the engine is asked."""
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if len(prompts) != 1 or not prompts[0]:
            raise BadRequest("prompt: give one text")
        return Request("text", (), self.sampling(longest), storable(prompts[0]))


def read_body(content: bytes, kind: type[ChatBody] | type[TextBody]) -> ChatBody | TextBody:
    """The body of a request.

    Raises:
        BadRequest: It is no JSON, a field is wrong, or it asks for what this server does not do.
    """
    try:
        body = kind.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise BadRequest(f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}") from None
    extra = body.model_extra or {}
    neutral = ({"type": "text"}, "none", "auto")
    if refused := sorted(name for name in _UNSUPPORTED & set(extra) if extra[name] and extra[name] not in neutral):
        raise BadRequest(f"this server does not do {', '.join(refused)}: leave it out, or serve the model with vLLM")
    return body


def reply(completion: Completion, kind: Kind, model: str, head: Json) -> Json:
    """A whole answer."""
    text = {"message": {"role": "assistant", "content": completion.text}} if kind == "chat.completion" else {
        "text": completion.text}  # fmt: skip
    choice = {"index": 0, **text, "finish_reason": completion.finish_reason, "logprobs": None}
    return {**head, "object": kind, "model": model, "choices": [choice], "usage": usage(completion)}


def chunk(text: str, kind: Kind, model: str, head: Json, finish: str | None = None) -> Json:
    """A piece of an answer that is streamed; the last one says how it ended."""
    delta: Json = {"delta": {"content": text} if finish is None else {}}
    choice = {"index": 0, **(delta if kind == "chat.completion" else {"text": text}), "finish_reason": finish}
    return {**head, "object": f"{kind}.chunk" if kind == "chat.completion" else kind, "model": model,
            "choices": [choice]}  # fmt: skip


def usage(completion: Completion) -> Json:
    """What an answer took."""
    read, written = completion.prompt_tokens, completion.completion_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
