"""Scorers that ask the model for a grade from 1 to 5: written behind its reasons, or read as a distribution.

A reply that ends without a grade is not lost: the model is asked for the grade alone, behind the reasons it gave, and
nothing is written a second time. Where that cannot be read either there is no score; there is never a default.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from humpback.config import CurateSettings
from humpback.curate.base import error_of, rate_each, unparsed
from humpback.engines.base import Engine, answers, usage_of
from humpback.errors import UnsupportedError
from humpback.prompts import (
    EXPECTED_RATING_PREFIX,
    GRADES,
    expected_rating_messages,
    parse_rating,
    rating_messages,
    reasons,
)
from humpback.records import Candidate, Outcome, Rating, Usage, record_rng_seed
from humpback.requests import Completion, Likelihood, LikelihoodRequest, Request, Sampling


@dataclass(frozen=True, slots=True)
class RatingScorer:
    """The model reasons and writes a score on its last line (paper, section 2.3).

    Where its reply states none it is asked once more: how likely is each of the five grades, as the last line of what
    it wrote? The rating is then 'asked-again', its score the mean of that distribution, and its reply shows the
    distribution on a line of its own. The paper does not ask again. A reply that does state a score, though one that is
    no grade ('10', '3-4'), is left as it is: see `humpback.prompts.reasons`.
    """

    settings: CurateSettings
    rng_seed: int
    iteration: int
    stage: str
    name: str = "rating"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. Each reply is drawn with a seed that follows from the run's seed, the stage and the id."""
        by_id = answers(engine, map(self._request, candidates))
        ratings = tuple(self._rating(candidate.id, by_id.get(candidate.id), engine.model) for candidate in candidates)
        usage = usage_of(by_id.values())
        if self.settings.ask_again:
            ratings, more_usage = _ask_again(candidates, ratings, engine)
            usage += more_usage
        return Outcome(ratings, (), len(candidates), usage)

    def _request(self, candidate: Candidate) -> Request:
        settings = self.settings
        rng_seed = record_rng_seed(self.rng_seed, self.stage, candidate.id)
        sampling = Sampling(settings.max_new_tokens, settings.temperature, settings.top_p, rng_seed)
        return Request(
            candidate.id, rating_messages(candidate.instruction, candidate.response), sampling, form="rating"
        )

    def _rating(self, record_id: str, answer: Completion | None, model: str) -> Rating:
        if error := error_of(answer):
            return unparsed(self, record_id, model, error)
        assert answer is not None
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
            reasoning=answer.reasoning,
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
        return rate_each(self, candidates, engine, engine.loglikelihood(map(_ask_grade, candidates)), _expected_grade)


def _ask_grade(candidate: Candidate) -> LikelihoodRequest:
    messages = expected_rating_messages(candidate.instruction, candidate.response)
    return LikelihoodRequest(candidate.id, messages, GRADES, EXPECTED_RATING_PREFIX)


def _expected_grade(candidate: Candidate, answer: Likelihood) -> tuple[float | None, str]:
    shares = grade_shares(answer.log_probabilities)
    if shares is None:
        return None, "the engine gave no distribution over the grades"
    return mean_grade(shares), _in_short(shares)


def grade_shares(log_probabilities: Sequence[float]) -> tuple[float, ...] | None:
    """The probabilities of the five grades, made to sum to one; None where there is no such distribution."""
    if len(log_probabilities) != len(GRADES) or any(math.isnan(value) for value in log_probabilities):
        return None
    highest = max(log_probabilities)
    if not math.isfinite(highest):
        return None
    # Less the highest, so that exp neither overflows nor gives five zeros.
    weights = [math.exp(value - highest) for value in log_probabilities]
    return tuple(weight / sum(weights) for weight in weights)


def _ask_again(
    candidates: Sequence[Candidate], ratings: Sequence[Rating], engine: Engine
) -> tuple[tuple[Rating, ...], Usage]:
    """Asks for the grade alone where a rating has no score, all in one batch; the other ratings stay as they are.

    An engine that gives no likelihoods, for all or for one of them, leaves those ratings as they are too.
    """
    requests = []
    for candidate, rating in zip(candidates, ratings, strict=True):
        reasoning = None if rating.finish_reason == "error" else reasons(rating.reply, rating.finish_reason)
        if rating.score is None and reasoning is not None:
            messages = rating_messages(candidate.instruction, candidate.response)
            prefix = f"{reasoning}\n{EXPECTED_RATING_PREFIX}" if reasoning else EXPECTED_RATING_PREFIX
            requests.append(LikelihoodRequest(candidate.id, messages, GRADES, prefix))
    try:
        by_id = {answer.id: answer for answer in engine.loglikelihood(requests)} if requests else {}
    except UnsupportedError:
        # A server without log-probabilities can still rate; only the second question is not for it.
        by_id = {}
    return tuple(_with_grade(rating, by_id.get(rating.id)) for rating in ratings), usage_of(by_id.values())


def _with_grade(rating: Rating, answer: Likelihood | None) -> Rating:
    shares = grade_shares(answer.log_probabilities) if answer and not answer.error else None
    if rating.score is not None or shares is None:
        return rating
    reply = f"{rating.reply}\n[asked again: {_in_short(shares)}]"
    return replace(rating, state="asked-again", score=mean_grade(shares), reply=reply)


def mean_grade(shares: Sequence[float]) -> float:
    """The mean of such a distribution, from 1 to 5."""
    # Rounding of the shares may put the sum a little outside the scale.
    return min(max(sum(int(grade) * share for grade, share in zip(GRADES, shares, strict=True)), 1.0), 5.0)


def _in_short(shares: Sequence[float]) -> str:
    return "p=" + ",".join(f"{share:.4f}" for share in shares)
