"""An engine without a model: deterministic, instant, for dry runs and tests.

What it answers follows from the content and the seed of a request alone. It knows our prompts by how they end:
for a text it writes an instruction, for a pair a rating with about the paper's distribution, and now and then it fails
as small models do, so that a dry run exercises every path. None of it says anything about the data.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from humpback.config import ModelSettings
from humpback.errors import ConfigError
from humpback.prompts import GRADES, ending
from humpback.records import FinishReason, PromptName
from humpback.requests import (
    Completion,
    Embedding,
    EmbeddingRequest,
    Likelihood,
    LikelihoodRequest,
    Message,
    Request,
    SpanLikelihood,
)

Reply = Callable[[Request], str | Completion]
Likelihoods = Callable[[LikelihoodRequest], Sequence[float]]

CHARS_PER_TOKEN = 4
"""Length of a token of this engine."""

_DIMENSIONS = 16
"""Of the hidden states that it makes up."""

_SCORES = ((0.075, "5"), (0.083, "4.5"), (0.388, "4"), (0.420, "3.5"), (0.680, "3"), (0.840, "2"), (1.0, "1"))
"""Cumulated: 8 % reach 4.5 and 39 % reach 4, as in the paper's table 1."""

_FLAWED_REPLIES = 0.6
"""Of flawed ratings this part has no score; the others are cut off before it."""

_INSTRUCTIONS = (
    "What should I know about {a}?",
    "Explain how {a} relates to {b}.",
    "How does {a} work, and why does {b} matter?",
    "Can you give me an overview of {a} for a beginner?",
    "I keep reading about {a}. What is it good for?",
    "Write a short guide to {a}, with a word on {b}.",
    "What are common mistakes with {a}?",
    "Summarise the main points about {a} and {b}.",
    "Why would someone choose {a} over {b}?",
    "Describe {a} in plain language.",
    "Which steps does {a} take from start to end?",
    "Help me understand the role of {a} in {b}.",
    "List the most important facts on {a}.",
    "How did {a} come about?",
    "My team wants to use {a}. What do we have to consider about {b}?",
    "Tell me when {a} is a bad idea.",
)
_REASONS = (
    "The response addresses the request and stays on topic.",
    "It reads like a page from a site, not like an answer to this user.",
    "Most of the question is covered, although the structure could be clearer.",
    "The tone is neutral and the facts are laid out in a sensible order.",
    "Some passages are beside the point.",
    "It is complete and easy to follow.",
)
_LAST_LINES = ("Score: {}", "Score: {}", "Score: {}", "**Score:** {}", "Score: {}/5", "Score: {}.")
_SENTENCES = (
    "In short, {a} depends on {b}.",
    "Begin with {a} and look at {b} afterwards.",
    "There is more than one view of {a}.",
    "For most purposes {b} is the part that matters.",
    "A simple example makes {a} clear.",
    "Keep {b} in mind when you decide.",
)
_WORD = re.compile(r"[^\W\d_]{4,}")


class FakeEngine:
    """Answers requests without a model.

    Args:
        model: Its identity. Two fakes of different identity answer differently.
        max_chars: What a prompt, without what may be cut, and its continuations may hold; longer ones get an error.
            None: no limit.
        flaws: Part of the generations that fail: no end, an echo, nothing, a rating without a score.
        reply: Writes the completion in place of the built-in ones, for tests; a text is cut at `max_new_tokens`.
        likelihoods: Gives the log-probabilities of the continuations in place of the built-in ones, for tests.

    Raises:
        ConfigError: `flaws` is not a share.
    """

    def __init__(
        self,
        model: str = "fake",
        *,
        max_chars: int | None = None,
        flaws: float = 0.04,
        reply: Reply | None = None,
        likelihoods: Likelihoods | None = None,
    ) -> None:
        if not 0 <= flaws <= 1:
            raise ConfigError(f"flaws is {flaws}", "give a share from 0 to 1")
        self._model = model
        self._max_chars = max_chars
        self._flaws = flaws
        self._reply = reply
        self._likelihoods = likelihoods

    @property
    def model(self) -> str:
        """Identity of this fake."""
        return self._model

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Answers each request in turn."""
        return map(self._complete, requests)

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Answers each request in turn."""
        return map(self._score_continuations, requests)

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """Answers each request in turn."""
        return map(self._embed, requests)

    def close(self) -> None:
        """Nothing to free."""

    def _complete(self, request: Request) -> Completion:
        prompt_tokens, error = self._check_length(request.messages, request.answer_prefix)
        if error:
            return Completion(request.id, "", "error", 0, 0, 0.0, error)
        sampling = request.sampling
        draws = self._draws_for(request.messages, request.answer_prefix, sampling.seed if sampling.temperature else 0)
        finish: FinishReason = "stop"
        if self._reply is None:
            text, finish = self._built_in(request.messages, draws)
        else:
            scripted = self._reply(request)
            if isinstance(scripted, Completion):
                return scripted
            text = scripted
        longest = sampling.max_new_tokens * CHARS_PER_TOKEN
        if len(text) > longest:
            text, finish = text[:longest], "length"
        written = sampling.max_new_tokens if finish == "length" else _tokens(text) + 1
        return Completion(request.id, text, finish, prompt_tokens, written, -written * (0.8 + 1.2 * draws.share()))

    def _built_in(self, messages: tuple[Message, ...], draws: _Draws) -> tuple[str, FinishReason]:
        a, b = _topics(messages, draws)
        flawed = draws.share() < self._flaws
        if _asks_for(messages, "rating"):
            return _rating(draws, flawed)
        if _asks_for(messages, "expected-rating"):
            return f"Score: {_score(draws)}", "stop"
        if _asks_for(messages, "judge"):
            reasons = " ".join(dict.fromkeys(draws.pick(_REASONS) for _ in range(2)))
            return (reasons if flawed else f"{reasons}\nVerdict: {draws.pick(('A', 'B', 'A', 'B', 'tie'))}"), "stop"
        if _asks_for(messages, "backward"):
            text = draws.pick(_INSTRUCTIONS).format(a=a, b=b)
            return _flawed_instruction(text, draws) if flawed else (text, "stop")
        sentences = (draws.pick(_SENTENCES).format(a=a, b=b) for _ in range(2 + int(draws.share() * 3)))
        return " ".join(dict.fromkeys(sentences)), "stop"

    def _score_continuations(self, request: LikelihoodRequest) -> Likelihood:
        longest = max(request.continuations, key=len, default="")
        prompt_tokens, error = _tokens(longest), ""
        if request.messages:
            prompt_tokens, error = self._check_length(request.messages, request.answer_prefix + longest)
        if error:
            return Likelihood(request.id, error=error)
        tokens = tuple(_tokens(text) + request.ends for text in request.continuations)
        if self._likelihoods is not None:
            values = tuple(self._likelihoods(request))
        else:
            values = self._log_probabilities(request, tokens)
        return Likelihood(request.id, values, tokens, prompt_tokens, spans=self._spans(request))

    def _embed(self, request: EmbeddingRequest) -> Embedding:
        """Numbers in [-1, 1) that follow from the text that is read."""
        text = request.text[: request.max_tokens * CHARS_PER_TOKEN]
        if not text:
            return Embedding(request.id, error="the text is empty")
        draws = _Draws("\x00".join((self._model, text)))
        return Embedding(request.id, tuple(2 * draws.share() - 1 for _ in range(_DIMENSIONS)), _tokens(text))

    def _spans(self, request: LikelihoodRequest) -> tuple[SpanLikelihood, ...]:
        """A loss as models have it, here too; it follows from the text of the span and all text before it."""
        texts = [part.text for message in request.messages for part in message.parts]
        readings = []
        for span in request.spans:
            before, text = texts[: span.part], texts[span.part]
            end = len(text) if span.end is None else span.end
            count = math.ceil(_tokens(text[span.start : end]) / span.step) if text[span.start : end] else 0
            count += span.ends
            draws = _Draws("\x00".join((self._model, *before, text[:end], str(span.start))))
            readings.append(SpanLikelihood(-count * (1.2 + 1.2 * draws.share()), count))
        return tuple(readings)

    def _log_probabilities(self, request: LikelihoodRequest, tokens: Sequence[int]) -> tuple[float, ...]:
        """A distribution over short answers; for longer ones a loss as models have it, 1.2 to 2.4 nats a token."""
        texts = request.continuations
        if set(texts) == set(GRADES):
            draws = self._draws_for(request.messages, request.answer_prefix, 0)
            centre, width = float(_score(draws)), 0.25 + 0.2 * draws.share()
            return _normalised([-((int(grade) - centre) ** 2) / (2 * width**2) for grade in texts])
        shares = [self._draws_for(request.messages, request.answer_prefix + text, 0).share() for text in texts]
        if texts and max(map(len, texts)) <= 2 * CHARS_PER_TOKEN:
            return _normalised([3 * share for share in shares])
        return tuple(-count * (1.2 + 1.2 * share) for count, share in zip(tokens, shares, strict=True))

    def _check_length(self, messages: tuple[Message, ...], suffix: str) -> tuple[int, str]:
        """Tokens of the prompt, and an error where it cannot be answered."""
        total, fixed = 0, len(suffix)
        for message in messages:
            for part in message.parts:
                total += len(part.text)
                fixed += 0 if part.cut else len(part.text)
        if not any(part.text.strip() for message in messages for part in message.parts):
            return 0, "the prompt is empty"
        if self._max_chars is None:
            return _tokens_of(total), ""
        if fixed > self._max_chars:
            return 0, f"the prompt is too long: {fixed} characters that may not be cut, {self._max_chars} allowed"
        return _tokens_of(min(total, self._max_chars)), ""

    def _draws_for(self, messages: tuple[Message, ...], suffix: str, seed: int) -> _Draws:
        content = "\x00".join(
            (self._model, str(seed), suffix, *(text for message in messages for text in (message.role, message.text)))
        )
        return _Draws(content)


def open_model(path: Path, identity: str, settings: ModelSettings) -> FakeEngine:
    """A fake by this identity; it reads no files."""
    return FakeEngine(identity or "fake")


class _Draws:
    """A short stream of numbers that follow from a text."""

    def __init__(self, content: str) -> None:
        data = content.encode("utf-8", "surrogatepass")
        self._state = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")

    def share(self) -> float:
        """The next number in [0, 1)."""
        # Knuth's multiplier for a 64-bit linear congruence; the upper bits are the good ones.
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 11) / 2**53

    def pick(self, choices: Sequence[str]) -> str:
        """One of these."""
        return choices[int(self.share() * len(choices))]


def _asks_for(messages: tuple[Message, ...], name: PromptName) -> bool:
    return messages[-1].parts[-1].text.endswith(ending(name))


def _topics(messages: tuple[Message, ...], draws: _Draws) -> tuple[str, str]:
    """Two words of the content, the part that may be cut, or else of the whole prompt."""
    texts = [part.text for message in messages for part in message.parts if part.cut]
    text = texts[0] if texts else messages[-1].text
    words = _WORD.findall(text[:400].lower()) or ["this topic"]
    first = draws.pick(words)
    return first, draws.pick([word for word in words if word != first] or ["the rest"])


def _flawed_instruction(text: str, draws: _Draws) -> tuple[str, FinishReason]:
    kind = draws.share()
    if kind < 0.4:
        return text.rstrip(".?") + ", and then " + text[0].lower() + text[1:-1], "length"
    if kind < 0.7:
        return ending("backward").strip(), "stop"
    return ("I'm sorry, but I cannot help with that.", "stop") if kind < 0.85 else ("", "stop")


def _score(draws: _Draws) -> str:
    share = draws.share()
    return next(score for upto, score in _SCORES if share < upto)


def _rating(draws: _Draws, flawed: bool) -> tuple[str, FinishReason]:
    reasons = " ".join(dict.fromkeys(draws.pick(_REASONS) for _ in range(2)))
    if flawed:
        return (f"{reasons} A good text.", "stop") if draws.share() < _FLAWED_REPLIES else (reasons[:-6], "length")
    return f"{reasons}\n{draws.pick(_LAST_LINES).format(_score(draws))}", "stop"


def _normalised(logits: Sequence[float]) -> tuple[float, ...]:
    # A little is left for everything else that a model could say.
    total = math.log(sum(map(math.exp, logits))) - math.log(0.97)
    return tuple(logit - total for logit in logits)


def _tokens(text: str) -> int:
    return _tokens_of(len(text))


def _tokens_of(chars: int) -> int:
    return max(1, math.ceil(chars / CHARS_PER_TOKEN))
