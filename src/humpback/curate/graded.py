"""Scorers that read a judgement as the probability of a word: yes-no and additive. Nothing is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from humpback.engines.base import Engine
from humpback.prompts import CRITERIA, YES_NO, YES_NO_PREFIX, additive_messages, yes_no_messages
from humpback.records import Candidate, Likelihood, LikelihoodRequest, Message, Outcome, Part, Rating, Span, Usage

_NO_ANSWER = "the engine gave no answer"


@dataclass(frozen=True, slots=True)
class YesNoScorer:
    """Whether the response is a good answer: the probability p of 'Yes' against 'No', as 1 + 4p.

    Not in the paper; as in Kadavath et al. 2022, 'Language models (mostly) know what they know', P(True).
    """

    iteration: int
    name: str = "yes-no"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        answers = {answer.id: answer for answer in engine.loglikelihood(self._request(one) for one in candidates)}
        ratings = tuple(self._rating(one.id, answers.get(one.id), engine.model) for one in candidates)
        return Outcome(ratings, (), len(candidates), Usage(sum(one.prompt_tokens for one in answers.values()), 0))

    def _request(self, candidate: Candidate) -> LikelihoodRequest:
        messages = yes_no_messages(candidate.instruction, candidate.response)
        return LikelihoodRequest(candidate.id, messages, YES_NO, YES_NO_PREFIX)

    def _rating(self, record_id: str, answer: Likelihood | None, model: str) -> Rating:
        error = answer.error if answer else _NO_ANSWER
        if answer is None or error or not all(map(math.isfinite, answer.log_probabilities)):
            reply = error or "the engine gave no probability of 'Yes' and 'No'"
            return Rating(record_id, self.iteration, self.name, model, "unparsed", None, reply, "error")
        yes, no = answer.log_probabilities
        share = 1 / (1 + math.exp(min(max(no - yes, -700.0), 700.0)))
        return Rating(record_id, self.iteration, self.name, model, "scored", 1 + 4 * share, f"p={share:.4f}", "stop")


@dataclass(frozen=True, slots=True)
class AdditiveScorer:
    """One point for each of five criteria, each as the probability that the model says 'Yes': from 0 to 5.

    The points are those of an additive rubric (Yuan et al. 2024, 'Self-rewarding language models'), read instead of
    written. All five are read in one pass, each as if the ones before had been granted.
    """

    iteration: int
    name: str = "additive"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        answers = {answer.id: answer for answer in engine.loglikelihood(self._request(one) for one in candidates)}
        ratings = tuple(self._rating(one.id, answers.get(one.id), engine.model) for one in candidates)
        return Outcome(ratings, (), len(candidates), Usage(sum(one.prompt_tokens for one in answers.values()), 0))

    def _request(self, candidate: Candidate) -> LikelihoodRequest:
        asked = additive_messages(candidate.instruction, candidate.response)
        first = sum(len(message.parts) for message in asked)
        said = tuple(Part(text) for name in CRITERIA for text in (f"{name}:", " Yes\n"))
        spans = tuple(Span(first + 2 * place + 1, 0, 4) for place in range(len(CRITERIA)))
        return LikelihoodRequest(candidate.id, (*asked, Message("assistant", said)), (), spans=spans)

    def _rating(self, record_id: str, answer: Likelihood | None, model: str) -> Rating:
        error = answer.error if answer else _NO_ANSWER
        if answer is None or error:
            return Rating(record_id, self.iteration, self.name, model, "unparsed", None, error, "error")
        points = [math.exp(min(0.0, one.log_probability)) for one in answer.spans]
        reply = " ".join(f"{name}={point:.4f}" for name, point in zip(CRITERIA, points, strict=True))
        return Rating(record_id, self.iteration, self.name, model, "scored", sum(points), reply, "stop")
