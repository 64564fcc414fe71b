"""What engines are asked and what they answer: conversations, likelihoods, hidden states.

Frozen values like the records, so that requests and answers can be written down. Log-probabilities are in nats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from humpback.records import FinishReason

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a message. It is tokenised alone and always as plain text, never as control tokens."""

    text: str
    cut: bool = False
    """Whether its end may be cut off where the prompt is longer than the model can read."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The whole text of the turn."""
        return "".join(part.text for part in self.parts)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a completion is drawn. A temperature of 0 is greedy. Paper, section 3.1: nucleus 0.9 at temperature 0.7."""

    max_new_tokens: int
    temperature: float = 0.7
    top_p: float = 0.9
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A conversation to continue with the assistant's turn; without messages, `answer_prefix` as a plain text."""

    id: str
    messages: tuple[Message, ...]
    sampling: Sampling
    answer_prefix: str = ""
    """How the assistant's turn begins; not repeated in the completion."""
    form: Literal["", "rating", "verdict"] = ""
    """What the reply has to state, for servers that can be held to it."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to a `Request`. A bad request is a completion with an error, never an exception."""

    id: str
    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    log_probability: float
    """Sum of the log-probabilities of the tokens written, under the model before temperature and nucleus."""
    error: str = ""
    reasoning: str = ""  # what the model thought first, as far as it was told from the text


@dataclass(frozen=True, slots=True)
class Span:
    """Some characters of one part of a conversation: how likely are they, given all that stands before them?"""

    part: int
    """Place of the part among all parts of all messages."""
    start: int = 0
    """First character."""
    end: int | None = None
    """Behind the last character; None goes to the end of the part."""
    step: int = 1
    """Reads the first of so many tokens alone: an estimate, where reading a token costs more than passing it."""
    ends: bool = False
    """Whether the end of the turn behind the part belongs to it; that of a part that was cut is not read."""


@dataclass(frozen=True, slots=True)
class LikelihoodRequest:
    """How likely is each continuation as the assistant's turn, or going on with it where the last message is that?

    Without messages the one continuation is read as a plain text, without the template of a conversation; only an
    embedded engine can.
    """

    id: str
    messages: tuple[Message, ...]
    continuations: tuple[str, ...]
    answer_prefix: str = ""
    """How the assistant's turn begins, before each continuation; its own probability is not counted."""
    ends: bool = False
    """Whether the end of the turn belongs to each continuation."""
    spans: tuple[Span, ...] = ()
    """Parts of the conversation itself to read in the same pass. Only an embedded engine can."""


@dataclass(frozen=True, slots=True)
class SpanLikelihood:
    """How likely the tokens of one span are."""

    log_probability: float
    """Sum over the tokens that were read."""
    tokens: int
    """How many were; none where the span was cut off, or nothing stands before it."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The answer to a `LikelihoodRequest`, one value for each continuation, in order."""

    id: str
    log_probabilities: tuple[float, ...] = ()
    """Sum over the tokens of each continuation."""
    tokens: tuple[int, ...] = ()
    """Tokens counted for each continuation."""
    prompt_tokens: int = 0
    error: str = ""
    spans: tuple[SpanLikelihood, ...] = ()
    """One for each span of the request, in order."""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """What does a model make of the beginning of this text, read alone and as plain text?"""

    id: str
    text: str
    max_tokens: int = 64
    """Tokens that are read at most; the text is cut behind them."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """The answer to an `EmbeddingRequest`."""

    id: str
    values: tuple[float, ...] = ()
    """Mean over the tokens that were read, of the hidden states behind the model's middle layer."""
    tokens: int = 0
    """Tokens read. A begin-of-text token is read before them and does not count."""
    error: str = ""
