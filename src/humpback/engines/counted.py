"""An engine whose answers are counted as they arrive, for the lines of progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from humpback.engines.base import Engine
from humpback.requests import Completion, Embedding, EmbeddingRequest, Likelihood, LikelihoodRequest, Request


class CountedEngine:
    """An engine that tells of each answer how many tokens were read and written for it.

    Args:
        engine: Who is asked.
        count: Is called with the tokens of each answer.
    """

    def __init__(self, engine: Engine, count: Callable[[int], None]) -> None:
        self._engine = engine
        self._count = count

    @property
    def model(self) -> str:
        """Identity of the model that answers."""
        return self._engine.model

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Continues each conversation."""
        for completion in self._engine.generate(requests):
            self._count(completion.prompt_tokens + completion.completion_tokens)
            yield completion

    def loglikelihood(self, requests: Iterable[LikelihoodRequest]) -> Iterator[Likelihood]:
        """Says how likely each continuation is."""
        for likelihood in self._engine.loglikelihood(requests):
            self._count(likelihood.prompt_tokens + sum(likelihood.tokens))
            yield likelihood

    def embed(self, requests: Iterable[EmbeddingRequest]) -> Iterator[Embedding]:
        """Says what the model makes of each text."""
        for embedding in self._engine.embed(requests):
            self._count(embedding.tokens)
            yield embedding

    def close(self) -> None:
        """Frees the model."""
        self._engine.close()
