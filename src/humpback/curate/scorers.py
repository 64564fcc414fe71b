"""Scorers: what gives each candidate a score.

A scorer takes candidates and an engine that runs M_{t-1}, and gives exactly one rating for each candidate, in their
order. A candidate that gets no score keeps its rating with the state that says why; it is never given a default.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from humpback.config import CurateSettings, TagSettings
from humpback.curate.baselines import LengthScorer, RandomScorer
from humpback.curate.calibrated import CalibratedScorer
from humpback.curate.graded import AdditiveScorer, YesNoScorer
from humpback.curate.likelihood import LIKELIHOODS, LikelihoodScorer
from humpback.curate.samples import SampledScorer
from humpback.engines.base import Engine
from humpback.errors import ConfigError
from humpback.prompts import (
    EXPECTED_RATING_PREFIX,
    GRADES,
    expected_rating_messages,
    parse_rating,
    rating_messages,
)
from humpback.records import (
    Candidate,
    Completion,
    Likelihood,
    LikelihoodRequest,
    Outcome,
    Rating,
    Request,
    Sampling,
    SignScale,
    Usage,
    record_seed,
)

_NO_ANSWER = "the engine gave no answer"


class Scorer(Protocol):
    """Gives candidates a score."""

    @property
    def name(self) -> str:
        """What is written into each rating, and what the setting `curate.scorer` calls it."""
        ...

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard: one rating for each candidate, in order; nothing is dropped."""
        ...


@dataclass(frozen=True, slots=True)
class RatingScorer:
    """The model reasons and writes a score on its last line (paper, section 2.3)."""

    settings: CurateSettings
    seed: int
    iteration: int
    stage: str
    name: str = "rating"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. Each reply is drawn with a seed that follows from the run's seed, the stage and the id."""
        answers = {answer.id: answer for answer in engine.generate(self._request(one) for one in candidates)}
        ratings = tuple(self._rating(one.id, answers.get(one.id), engine.model) for one in candidates)
        usage = Usage(
            sum(answer.prompt_tokens for answer in answers.values()),
            sum(answer.completion_tokens for answer in answers.values()),
        )
        return Outcome(ratings, (), len(candidates), usage)

    def _request(self, candidate: Candidate) -> Request:
        settings = self.settings
        seed = record_seed(self.seed, self.stage, candidate.id)
        sampling = Sampling(settings.max_new_tokens, settings.temperature, settings.top_p, seed)
        return Request(candidate.id, rating_messages(candidate.instruction, candidate.response), sampling)

    def _rating(self, record_id: str, answer: Completion | None, model: str) -> Rating:
        if answer is None or answer.error or answer.finish_reason == "error":
            reply = answer.error if answer else _NO_ANSWER
            return Rating(record_id, self.iteration, self.name, model, "unparsed", None, reply, "error")
        parsed = parse_rating(answer.text, answer.finish_reason)
        return Rating(
            id=record_id,
            iteration=self.iteration,
            scorer=self.name,
            model=model,
            state=parsed.state,
            score=parsed.score,
            reply=answer.text,
            finish_reason=answer.finish_reason,
        )


@dataclass(frozen=True, slots=True)
class ExpectedRatingScorer:
    """The mean of the distribution over the five grades at the answer position: no generation, never unparsed.

    Not in the paper. score = sum of k p_k, with p the softmax of the five log-probabilities. The reply of the rating
    shows the five probabilities.
    """

    iteration: int
    name: str = "expected-rating"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        answers = {answer.id: answer for answer in engine.loglikelihood(self._request(one) for one in candidates)}
        ratings = tuple(self._rating(one.id, answers.get(one.id), engine.model) for one in candidates)
        usage = Usage(sum(answer.prompt_tokens for answer in answers.values()), 0)
        return Outcome(ratings, (), len(candidates), usage)

    def _request(self, candidate: Candidate) -> LikelihoodRequest:
        messages = expected_rating_messages(candidate.instruction, candidate.response)
        return LikelihoodRequest(candidate.id, messages, GRADES, EXPECTED_RATING_PREFIX)

    def _rating(self, record_id: str, answer: Likelihood | None, model: str) -> Rating:
        error = answer.error if answer else _NO_ANSWER
        shares = grade_shares(answer.log_probabilities) if answer and not error else None
        if shares is None:
            reply = error or "the engine gave no distribution over the grades"
            return Rating(record_id, self.iteration, self.name, model, "unparsed", None, reply, "error")
        score = min(max(sum(int(grade) * share for grade, share in zip(GRADES, shares, strict=True)), 1.0), 5.0)
        reply = "p=" + ",".join(f"{share:.4f}" for share in shares)
        return Rating(record_id, self.iteration, self.name, model, "scored", score, reply, "stop")


def grade_shares(log_probabilities: Sequence[float]) -> tuple[float, ...] | None:
    """The probabilities of the five grades, made to sum to one; None where there is no such distribution."""
    if len(log_probabilities) != len(GRADES) or any(math.isnan(value) for value in log_probabilities):
        return None
    highest = max(log_probabilities)
    if not math.isfinite(highest):
        return None
    weights = [math.exp(value - highest) for value in log_probabilities]
    return tuple(weight / sum(weights) for weight in weights)


def make_scorer(
    settings: CurateSettings,
    seed: int,
    iteration: int,
    stage: str,
    tags: TagSettings | None = None,
    scales: Sequence[SignScale] = (),
) -> Scorer:
    """The scorer that `curate.scorer` names, for one iteration.

    Args:
        settings: Which, and how.
        seed: The run's seed.
        iteration: t; M_{t-1} rates.
        stage: The stage's name; with the candidate's id it decides the random numbers of each request.
        tags: What the model was trained to see behind an instruction; the defaults unless given.
        scales: For `calibrated`: what `calibrate` found out about the model.

    Raises:
        ConfigError: `calibrated` is asked for without them, or `auto` is not settled yet.
    """
    name = settings.scorer
    tags = tags or TagSettings()
    if name in LIKELIHOODS:
        return LikelihoodScorer(iteration, name, tags)
    match name:
        case "expected-rating":
            return ExpectedRatingScorer(iteration)
        case "yes-no":
            return YesNoScorer(iteration)
        case "additive":
            return AdditiveScorer(iteration)
        case "length":
            return LengthScorer(iteration)
        case "random":
            return RandomScorer(seed, iteration, stage)
        case "auto":
            raise ConfigError("curate.scorer is auto, and no base model has decided it", "name a scorer")
        case "calibrated":
            if not scales:
                raise ConfigError(
                    "curate.scorer calibrated has not seen good pairs", "calibrate it on seed pairs first"
                )
            return CalibratedScorer(iteration, tuple(scales), tags)
    stages = (stage, *(f"{stage} sample {number}" for number in range(2, settings.samples + 1)))
    each = tuple(RatingScorer(settings, seed, iteration, name) for name in stages)
    return each[0] if len(each) == 1 else SampledScorer(each)
