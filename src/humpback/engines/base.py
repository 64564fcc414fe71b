"""The engine protocol: the one seam between this software and whatever runs a language model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, runtime_checkable

from humpback.prompts import split_reasoning
from humpback.records import Usage
from humpback.requests import Completion, Embedding, EmbeddingRequest, Likelihood, LikelihoodRequest, Request

NO_ANSWER = "the engine gave no answer"
ALONE = "reasoning alone, and no answer behind it"


class Engine(Protocol):
    """Answers requests with one model.

    All methods answer every request exactly once, in any order, and take requests lazily. A request that cannot be
    answered (too long, empty) gets an answer with `error` set and harms no other. The same request gives the same
    answer whatever else is in the batch. An engine that cannot go on raises `EngineError`.
    """

    @property
    def model(self) -> str:
        """Identity of the model that answers: what is written into every record."""
        ...

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Continues each conversation with an assistant's turn."""
        ...

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Says how likely each continuation is, without generating."""
        ...

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """Says what the model makes of each text: the mean of its hidden states behind the middle layer.

        Raises:
            UnsupportedError: The engine does not show hidden states (`EngineSpec.embeds`).
        """
        ...

    def close(self) -> None:
        """Frees the model. Calling it twice does no harm."""
        ...


@runtime_checkable
class StreamingEngine(Protocol):
    """An engine that shows what it writes while it writes."""

    def stream(self, request: Request, show: Callable[[str], None]) -> Completion:
        """Continues one conversation; `show` takes each piece of the text, and what it raises ends the answer."""
        ...


def answers(engine: Engine, requests: Iterable[Request]) -> dict[str, Completion]:
    """What an engine answers, by the requests' ids, with what the model thought told from what it says."""
    return {completion.id: _without_reasoning(completion) for completion in engine.generate(requests)}


def usage_of(answers: Iterable[Completion] | Iterable[Likelihood] | Iterable[Embedding]) -> Usage:
    """Tokens of the texts that were read and of those that were written."""
    usage = Usage()
    for answer in answers:
        if isinstance(answer, Embedding):
            usage += Usage(answer.tokens)
        else:
            usage += Usage(answer.prompt_tokens, answer.completion_tokens if isinstance(answer, Completion) else 0)
    return usage


def unanswered(request_id: str) -> Completion:
    """What stands for an answer that did not come."""
    return Completion(request_id, "", "error", 0, 0, 0.0, NO_ANSWER)


def _without_reasoning(completion: Completion) -> Completion:
    thought, text = split_reasoning(completion.text)
    reasoning = "\n\n".join(filter(None, (completion.reasoning, thought)))
    return completion if reasoning == completion.reasoning else replace(completion, text=text, reasoning=reasoning)
