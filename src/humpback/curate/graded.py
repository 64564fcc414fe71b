"""Scorers that read a judgement as the probability of a word: yes-no and additive. Nothing is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from humpback.curate.base import rate_each
from humpback.engines.base import Engine
from humpback.prompts import CRITERIA, YES_NO, YES_NO_PREFIX, additive_messages, yes_no_messages
from humpback.records import Candidate, Outcome, Rating
from humpback.requests import Likelihood, LikelihoodRequest, Message, Part, Span

_LARGEST_EXPONENT = 700.0
"""exp of more than 709 is no float."""


@dataclass(frozen=True, slots=True)
class YesNoScorer:
    """Whether the response is a good answer: the probability p of 'Yes' against 'No', as 1 + 4p.

    Not in the paper; as in Kadavath et al. 2022, 'Language models (mostly) know what they know', P(True).
    """

    iteration: int
    name: str = "yes-no"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        return rate_each(self, candidates, engine, engine.loglikelihood(map(_ask_yes_no, candidates)), _yes_share)


def _ask_yes_no(candidate: Candidate) -> LikelihoodRequest:
    messages = yes_no_messages(candidate.instruction, candidate.response)
    return LikelihoodRequest(candidate.id, messages, YES_NO, YES_NO_PREFIX)


def _yes_share(candidate: Candidate, answer: Likelihood) -> tuple[float | None, str]:
    if not all(map(math.isfinite, answer.log_probabilities)):
        return None, "the engine gave no probability of 'Yes' and 'No'"
    yes, no = answer.log_probabilities
    share = 1 / (1 + math.exp(min(max(no - yes, -_LARGEST_EXPONENT), _LARGEST_EXPONENT)))
    return 1 + 4 * share, f"p={share:.4f}"


@dataclass(frozen=True, slots=True)
class AdditiveScorer:
    """One point for each of five criteria, each as the probability that the model says 'Yes': from 0 to 5.

    The points are those of an additive rubric (Yuan et al. 2024, 'Self-rewarding language models'), read instead of
    written. All five are read in one pass, each as if the model had said 'Yes' to those before it.
    """

    iteration: int
    name: str = "additive"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        return rate_each(self, candidates, engine, engine.loglikelihood(map(_ask_criteria, candidates)), _points)


def _ask_criteria(candidate: Candidate) -> LikelihoodRequest:
    question = additive_messages(candidate.instruction, candidate.response)
    first = sum(len(message.parts) for message in question)
    answer = tuple(Part(text) for name in CRITERIA for text in (f"{name}:", " Yes\n"))
    # Every second part is a ' Yes' with its line break; the first four characters of it are the word.
    spans = tuple(Span(first + 2 * number + 1, 0, 4) for number in range(len(CRITERIA)))
    return LikelihoodRequest(candidate.id, (*question, Message("assistant", answer)), (), spans=spans)


def _points(candidate: Candidate, answer: Likelihood) -> tuple[float, str]:
    # Rounding may put a log-probability a little above 0.
    points = [math.exp(min(0.0, span.log_probability)) for span in answer.spans]
    return sum(points), " ".join(f"{name}={point:.4f}" for name, point in zip(CRITERIA, points, strict=True))
