"""What a scorer is, and the path from one answer of an engine to one rating."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from humpback.engines.base import NO_ANSWER, Engine, usage_of
from humpback.records import Candidate, FinishReason, Outcome, Rating
from humpback.requests import Completion, Embedding, Likelihood

Answer = TypeVar("Answer", Completion, Likelihood, Embedding)


class Scorer(Protocol):
    """Gives candidates a score."""

    @property
    def name(self) -> str:
        """What is written into each rating, and what the setting `curate.scorer` calls it."""
        ...

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard: one rating for each candidate, in order; nothing is dropped."""
        ...


class IterationScorer(Scorer, Protocol):
    """A scorer that writes ratings of its own."""

    @property
    def iteration(self) -> int:
        """t; M_{t-1} rates."""
        ...


def rate_each(
    scorer: IterationScorer,
    candidates: Sequence[Candidate],
    engine: Engine,
    answers: Iterable[Answer],
    score: Callable[[Candidate, Answer], tuple[float | None, str]],
) -> Outcome[Rating]:
    """One rating for each candidate, from one answer for each.

    Args:
        scorer: Its name and iteration are written into the ratings.
        candidates: One shard.
        engine: Its model's identity is written into the ratings.
        answers: In any order; an answer has its candidate's id.
        score: From a candidate and an answer without an error, the score and what the rating shows as the reply. None
            as the score makes the rating 'unparsed', and the reply is the reason.
    """
    by_id = {answer.id: answer for answer in answers}

    def rating(candidate: Candidate) -> Rating:
        answer = by_id.get(candidate.id)
        if error := error_of(answer):
            return unparsed(scorer, candidate.id, engine.model, error)
        assert answer is not None
        value, reply = score(candidate, answer)
        if value is None:
            return unparsed(scorer, candidate.id, engine.model, reply)
        finish_reason: FinishReason = answer.finish_reason if isinstance(answer, Completion) else "stop"
        return Rating(candidate.id, scorer.iteration, scorer.name, engine.model, "scored", value, reply, finish_reason)

    return Outcome(tuple(map(rating, candidates)), (), len(candidates), usage_of(by_id.values()))


def error_of(answer: Completion | Likelihood | Embedding | None) -> str:
    """Why there is no answer; empty where there is one."""
    if answer is None:
        return NO_ANSWER
    if isinstance(answer, Completion) and answer.finish_reason == "error":
        return answer.error or NO_ANSWER
    return answer.error


def unparsed(scorer: IterationScorer, record_id: str, model: str, reason: str) -> Rating:
    """A rating without a score, because the engine failed or its answer holds none."""
    return Rating(record_id, scorer.iteration, scorer.name, model, "unparsed", None, reason, "error")
