"""Any server that speaks the OpenAI protocol: vLLM, llama.cpp, Ollama, a hosted one.

Conversations go out as chat messages, each text as the content of one; the server renders its own chat template. So a
text can never change the roles, the order or the number of messages that are sent. What the server then makes of a text
that holds its control strings ('<|im_end|>') is the server's: vLLM and llama.cpp parse them as control tokens. The same
holds for the limit of length, where Ollama cuts off silently, and for whether a seed gives the same answer again in
another batch.

Log-probabilities come from what chat completions give of the tokens written. A distribution over a few short answers
is read from the `top_logprobs` of one position; that of a whole text that we bring, from `prompt_logprobs`, which is
vLLM's. (The older way, `echo` of text completions, would leave the chat template out.)
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from humpback.config import ModelSettings
from humpback.engines import replies
from humpback.engines.batches import Batches
from humpback.engines.http import Refused, Server, Unanswered
from humpback.engines.replies import ChatReply, Json, Prompt
from humpback.engines.server_table import with_table
from humpback.errors import EngineError, UnsupportedError
from humpback.models.sources import identify
from humpback.requests import (
    Completion,
    Embedding,
    EmbeddingRequest,
    Likelihood,
    LikelihoodRequest,
    Message,
    Part,
    Request,
)

_CHAT = "chat/completions"

_CUTS = 12
"""Times that a prompt is sent again with less of what may be cut."""

_REFUSALS, _LATER_REFUSALS = 16, 32
"""After so many refused requests in a row it is not the requests: where none was answered yet, and where some were."""

_FILTERED = re.compile(r"content.?(?:filter|management|polic)|moderation|flagged", re.I)
"""How a server says that it refuses a text for what it says. Documents of one place may all be so."""

_ANSWER_TOKENS = 8
"""Tokens in which an answer that we could not begin has to come to its point."""

_UNSTABLE = {"vllm", "llamacpp"}
"""Servers that say of every model that it was made this second."""

_STATED: dict[str, Json] = {
    "rating": {"score": {"type": "integer", "enum": [1, 2, 3, 4, 5]}},
    "verdict": {"verdict": {"type": "string", "enum": ["A", "B", "tie"]}},
}
"""What a reply of each form states behind its reasons."""

_STRUCTURED = re.compile(r"response.?format|json.?schema|structured|guided|grammar", re.I)

_PREFILL = {"vllm": "continue", "llamacpp": "trailing", "library": "trailing"}
"""How a server goes on with an answer, by who it says owns its models; 'library' is Ollama."""

Out = TypeVar("Out")
Asked = TypeVar("Asked", Request, LikelihoodRequest)
Answer = TypeVar("Answer", Completion, Likelihood)
_log = logging.getLogger("humpback")


@dataclass(slots=True)
class ServerUsage:
    """What an engine has used.

    Attributes:
        requests: Requests answered.
        tries: Requests sent, further tries included.
        read: Tokens read, by the server's count.
        written: Tokens generated, by the server's count.
        cost: What those tokens cost at the prices in the settings.
        priced: Whether the settings give any.
    """

    requests: int = 0
    tries: int = 0
    read: int = 0
    written: int = 0
    cost: float = 0.0
    priced: bool = False

    def __str__(self) -> str:
        sent = f" ({self.tries:,} sent)" if self.tries > self.requests else ""
        cost = f", cost {self.cost:.4f}" if self.cost else ""
        return f"{self.requests:,} requests{sent}, {self.read:,} tokens read, {self.written:,} written{cost}"


class OpenAIEngine:
    """Answers requests with the model of a server.

    Args:
        settings: The model's name there, and the server.
        first_wait: Seconds before a second try; doubled from try to try.

    Attributes:
        on_answer: Is given each request with its answer in the server's thread, before another request is sent.

    Raises:
        ConfigError: The key is not where the settings say.
        EngineError: The server does not answer.
    """

    def __init__(self, settings: ModelSettings, *, first_wait: float = 0.5) -> None:
        self._settings = settings.server
        self._name = settings.name
        self._length_field = "max_tokens"
        self._refused = 0
        self._has_given_top = False
        self._spent = ServerUsage(priced=bool({"price_read", "price_written"} & settings.server.model_fields_set))
        self._server = Server(settings.server, first_wait=first_wait)
        self.on_answer: Callable[[Request | LikelihoodRequest, Completion | Likelihood], None] | None = None
        self._batches = Batches(self._server, first_wait) if settings.server.batch else None
        self._first = asyncio.Lock()
        self._structured = settings.server.structured
        try:
            models = self._list_models()
        except BaseException:
            self._server.close()
            raise
        described = models.get(self._name, {})
        if not described and len(models) == 1:
            described = next(iter(models.values()))  # llama.cpp has one, by whatever name it is asked for
        digest = _digest(described)
        self._identity = "+".join(filter(None, (identify(settings), digest, "structured" * self._structured)))
        self._owner = str(described.get("owned_by", ""))
        detected = _PREFILL.get(self._owner, "none")
        self._prefill = detected if settings.server.prefill == "auto" else settings.server.prefill

    @property
    def model(self) -> str:
        """Identity of the model: its name, its server, and a digest of what the server says of it, if anything."""
        return self._identity

    @property
    def spent(self) -> ServerUsage:
        """What has been used so far."""
        prices = self._settings
        self._spent.tries = self._server.tries
        self._spent.cost = (
            self._spent.read * prices.price_read + self._spent.written * prices.price_written
        ) / 1_000_000
        return self._spent

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Continues each conversation."""
        return self._server.each(requests, partial(self._handed_over, self._complete))

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Computes log-likelihoods of continuations.

        Several short answers are looked for among the 20 likeliest tokens of the position where the answer stands;
        tokens that differ in white space alone count together. An answer that is not among them is at most as likely as
        the last of them, and all that are missing share what the 20 leave of the whole: it gets the smaller of the two,
        divided evenly, an upper bound in all but the split. Where none is among them, the request has an error, or with
        vLLM is scored as longer texts are.

        Longer texts, and those whose end counts, are scored by the log-probabilities of a prompt that holds them.

        Raises:
            EngineError: The server gives no such log-probabilities, or spans are asked for.
        """
        return self._server.each(requests, partial(self._handed_over, self._loglikelihood))

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """A server does not show hidden states."""
        raise UnsupportedError("a server does not show a model's hidden states",
                               "set corpus.choose.by to words, or use an embedded engine")  # fmt: skip

    def remember_in(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Keeps in a folder what batches are under way, to take their answers later, and tells it in words."""
        if self._batches and self._batches.remember_in(folder, tell):
            self._server.has_answered = True  # the first request may be in one of them

    def close(self) -> None:
        """Gives up what is under way, and the connections."""
        self._server.close()

    async def _handed_over(self, ask: Callable[[Asked], Awaitable[Answer]], request: Asked) -> Answer:
        answer = await ask(request)
        if self.on_answer:
            self.on_answer(request, answer)
        return answer

    async def _complete(self, request: Request) -> Completion:
        if not replies.has_text(request.messages):
            return Completion(request.id, "", "error", 0, 0, 0.0, "the prompt is empty")
        sampling = request.sampling
        fields: Json = {
            self._length_field: sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p if sampling.temperature else 1.0,
            "seed": sampling.seed % 2**31,  # what every server takes for a seed
        }
        if self._settings.logprobs:
            fields["logprobs"] = True
        if request.form and self._structured:
            fields["response_format"] = _response_format(request.form)
        prefix = request.answer_prefix
        try:
            reply = await self._ask(request.messages, prefix, fields, replies.read_completion)
        except Refused as refused:
            if self._settings.logprobs and _is_about_logprobs(refused) and not self._spent.requests:
                raise EngineError(f"the server gives no log-probabilities ({refused})",
                                  "set model.server.logprobs to false") from None  # fmt: skip
            return Completion(request.id, "", "error", 0, 0, 0.0, str(refused))
        if reply.error:
            return Completion(request.id, "", "error", reply.prompt_tokens, reply.completion_tokens, 0.0, reply.error)
        text = reply.text
        if prefix.strip() and text.lstrip().startswith(prefix.strip()):
            text = text.lstrip()[len(prefix.strip()) :].lstrip()
        return Completion(
            request.id, text, reply.finish, reply.prompt_tokens, reply.completion_tokens, reply.log_probability,
            reasoning=reply.reasoning,
        )  # fmt: skip

    async def _loglikelihood(self, request: LikelihoodRequest) -> Likelihood:
        if request.spans:
            raise UnsupportedError("a server does not say how likely parts of a conversation are",
                              "set curate.scorer to rating or expected-rating, or use an embedded engine")  # fmt: skip
        if not request.continuations or not all(request.continuations):
            return Likelihood(request.id, error="nothing to score")
        try:
            if replies.are_short(request):
                return await self._score_answers(request)
            return await self._score_texts(request)
        except Refused as refused:
            return Likelihood(request.id, error=str(refused))

    async def _score_answers(self, request: LikelihoodRequest) -> Likelihood:
        continued = not request.answer_prefix or self._prefill != "none"
        fields: Json = {
            self._length_field: 1 if continued else _ANSWER_TOKENS,
            "temperature": 0.0,
            "top_p": 1.0,
            "logprobs": True,
            "top_logprobs": replies.TOP,
        }
        try:
            reply = await self._ask(request.messages, request.answer_prefix, fields, replies.read_completion)
        except Refused as refused:
            if not _is_about_logprobs(refused) or self._has_given_top:
                raise
            reply = None
        if reply and (reply.error or not (reply.text or reply.positions)):
            return Likelihood(request.id, prompt_tokens=reply.prompt_tokens, error=reply.error or "the reply is empty")
        self._has_given_top |= reply is not None and any(position.top for position in reply.positions)
        if reply is None or not self._has_given_top:
            raise UnsupportedError("the server gives no distribution over the next token (top_logprobs)",
                              "set curate.scorer to rating, which needs none")  # fmt: skip
        values, error = replies.score_answers(reply.positions, request, continued=continued)
        if error and continued and self._owner == "vllm":
            return await self._score_texts(request)
        tokens = (1,) * len(values)
        return Likelihood(request.id, values, tokens, reply.prompt_tokens, error)

    async def _score_texts(self, request: LikelihoodRequest) -> Likelihood:
        """The tokens that each whole conversation has more than what all begin with are the continuation's."""
        head = await self._read_prompt(request.messages, request.answer_prefix, ends=False)
        conversations = [
            await self._read_prompt(request.messages, request.answer_prefix + text, ends=request.ends)
            for text in request.continuations
        ]
        start = min(replies.shared_tokens(head.ids, conversation.ids) for conversation in conversations)
        values = tuple(min(0.0, sum(conversation.log_probabilities[start:])) for conversation in conversations)
        tokens = head.tokens + sum(conversation.tokens for conversation in conversations)
        counts = tuple(len(conversation.ids) - start for conversation in conversations)
        return Likelihood(request.id, values, counts, tokens)

    async def _read_prompt(self, messages: tuple[Message, ...], answer: str, *, ends: bool) -> Prompt:
        fields: Json = {self._length_field: 1, "temperature": 0.0, "prompt_logprobs": 1}
        if answer:
            messages = (*messages, Message("assistant", (Part(answer),)))
            fields |= {"add_generation_prompt": False, "continue_final_message": not ends}
        prompt = await self._ask(messages, "", fields, replies.read_prompt)
        if not prompt.ids:
            raise UnsupportedError("the server gives no log-probabilities of a text that it is given (prompt_logprobs)",
                              "take the scorer expected-rating or rating, or serve the model with vLLM")  # fmt: skip
        return prompt

    async def _ask(self, messages: tuple[Message, ...], prefix: str, fields: Json, read: replies.Reader[Out]) -> Out:
        """Sends a conversation. The first one never goes in a batch: what is wrong shows today, and not tomorrow."""
        if self._batches and not self._server.has_answered:
            async with self._first:
                if not self._server.has_answered:
                    return await self._send(messages, prefix, fields, read)
        return await self._send(messages, prefix, fields, read)

    async def _send(self, messages: tuple[Message, ...], prefix: str, fields: Json, read: replies.Reader[Out]) -> Out:
        """Sends a conversation, again in another form or shorter where the server refuses it."""
        post = self._batches.post if self._batches and self._server.has_answered else self._server.post
        beginning = hash(messages[:-1]) if len(messages) > 1 else 0
        for _ in range(_CUTS):
            body = self._body(messages, prefix, fields)
            try:
                answer = await post(_CHAT, body, read, beginning)
            except Refused as refused:
                adapted = self._adapted(messages, fields, body, refused)
                if adapted is None:
                    self._count_refusal(refused)
                    raise
                messages, fields = adapted
                continue
            except Unanswered as error:
                if not await self._answers_another():
                    raise
                alone = Refused(f"no answer, and another request gets one ({error})")
                self._count_refusal(alone)
                raise alone from None
            self._count_usage(answer)
            return answer
        raise Refused("the prompt is too long, however much is cut")

    def _adapted(
        self, messages: tuple[Message, ...], fields: Json, body: Json, refused: Refused
    ) -> tuple[tuple[Message, ...], Json] | None:
        """What is sent in place of a body that was refused for its form or length; None where it was not."""
        if "max_tokens" in body and "max_completion_tokens" in str(refused):
            self._length_field = "max_completion_tokens"  # what newer models call it
            return messages, fields
        if "response_format" in fields and _STRUCTURED.search(str(refused)):
            if self._structured:
                _log.warning("the server refuses response_format and is asked in words: %s", refused)
            self._structured = False
            return messages, {name: value for name, value in fields.items() if name != "response_format"}
        shorter = replies.cut_longest(messages, str(refused))
        return None if shorter is None else (shorter, fields)

    async def _answers_another(self) -> bool:
        """Whether the server answers a request that nothing can be wrong with: then it was the one before."""
        body = self._body((Message("user", (Part("Hi."),)),), "", {self._length_field: 1})
        try:
            async with asyncio.timeout(self._settings.timeout):
                await self._server.post(_CHAT, body, replies.read_completion)
        except (Refused, EngineError, TimeoutError):
            return False
        return True

    def _body(self, messages: tuple[Message, ...], prefix: str, fields: Json) -> Json:
        turns = [{"role": message.role, "content": message.text} for message in messages]
        body: Json = {"model": self._name, "messages": turns, **fields}
        if "max_tokens" in body and self._length_field != "max_tokens":
            body[self._length_field] = body.pop("max_tokens")
        if prefix and self._prefill != "none":
            turns.append({"role": "assistant", "content": prefix})
            if self._prefill == "continue":
                body |= {"add_generation_prompt": False, "continue_final_message": True}
        body |= self._settings.extra_body
        return {name: value for name, value in body.items() if value is not None}

    def _count_usage(self, answer: object) -> None:
        self._spent.requests += 1
        self._server.has_answered = True
        self._refused = 0
        if isinstance(answer, ChatReply):
            self._spent.read += answer.prompt_tokens
            self._spent.written += answer.completion_tokens
        elif isinstance(answer, Prompt):
            self._spent.read += answer.tokens
            self._spent.written += 1

    def _count_refusal(self, refused: Refused) -> None:
        self._refused += not _FILTERED.search(str(refused))
        if self._refused >= (_LATER_REFUSALS if self._spent.requests else _REFUSALS):
            raise EngineError(
                f"the server refuses every request ({refused})", "check model.name and model.server.extra_body"
            ) from None

    def _list_models(self) -> dict[str, Json]:
        """What the server says of its models; nothing where it does not say."""
        try:
            return next(
                self._server.each(["models"], lambda path: self._server.ask("GET", path, None, replies.read_models))
            )
        except Refused:
            return {}
        except EngineError as error:
            if error.retryable:
                raise
            return {}


def open_model(path: Path, identity: str, settings: ModelSettings) -> OpenAIEngine:
    """The model that the settings name on their server, which says itself what it is."""
    return OpenAIEngine(with_table(settings))


def _response_format(form: str) -> Json:
    """An object with reasons, so that a model thinks first, and then what is asked for."""
    properties: Json = {"reasons": {"type": "string"}, **_STATED[form]}
    schema: Json = {"type": "object", "properties": properties, "required": list(properties)}
    schema["additionalProperties"] = False
    return {"type": "json_schema", "json_schema": {"name": form, "strict": True, "schema": schema}}


def _is_about_logprobs(refused: Refused) -> bool:
    return "logprob" in str(refused)


def _digest(described: Json) -> str:
    """What the server says of the model that would change with it, and with it alone."""
    facts: Json = {name: described.get(name) for name in ("id", "root")}
    if described.get("owned_by") not in _UNSTABLE:
        facts["created"] = described.get("created")
    meta = described.get("meta")
    if isinstance(meta, dict):
        facts |= {name: meta.get(name) for name in ("n_params", "n_vocab", "size", "ftype")}
    facts = {name: value for name, value in facts.items() if value is not None}
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=4).hexdigest() if facts else ""
