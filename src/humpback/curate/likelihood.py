"""Scorers that are one likelihood: no rubric, no writing, one or two passes over a pair.

Their scores are in nats or are ratios, not on a scale from 1 to 5. So keep a share or a number of candidates: no
threshold fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from humpback.config import TagSettings
from humpback.curate.base import error_of, unparsed, usage_of
from humpback.engines.base import Engine
from humpback.prompts import answer_request, backward_messages, forward_messages
from humpback.records import (
    Candidate,
    Likelihood,
    LikelihoodRequest,
    Message,
    Outcome,
    Part,
    Rating,
    Span,
    SpanLikelihood,
    Usage,
)

Ask = Callable[[Candidate, TagSettings], LikelihoodRequest]
Value = Callable[[Sequence[Likelihood]], float]


@dataclass(frozen=True, slots=True)
class LikelihoodScorer:
    """One of `LIKELIHOODS`, by its name."""

    iteration: int
    name: str
    tags: TagSettings

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        asks, value = LIKELIHOODS[self.name]
        passes = [
            {
                answer.id: answer
                for answer in engine.loglikelihood([ask(candidate, self.tags) for candidate in candidates])
            }
            for ask in asks
        ]
        ratings = tuple(
            self._rating(candidate.id, [answers.get(candidate.id) for answers in passes], value, engine.model)
            for candidate in candidates
        )
        usage = sum((usage_of(answers.values()) for answers in passes), Usage())
        return Outcome(ratings, (), len(candidates), usage)

    def _rating(self, record_id: str, answers: Sequence[Likelihood | None], value: Value, model: str) -> Rating:
        # What the engine says is wrong tells more than that an answer is missing.
        errors = [error_of(answer) for answer in sorted(answers, key=lambda answer: answer is None)]
        if error := next(filter(None, errors), ""):
            return unparsed(self, record_id, model, error)
        score = value([answer for answer in answers if answer])
        return Rating(record_id, self.iteration, self.name, model, "scored", score, "", "stop")


def _end_of_answer(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    question = forward_messages(candidate.instruction, tags, ("seed",))
    messages = (*question, Message("assistant", (Part(candidate.response, cut=True),)))
    return LikelihoodRequest(candidate.id, messages, ("",), ends=True)


def _response(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    return answer_request(candidate.id, candidate.instruction, candidate.response, tags)


def _response_alone(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    return LikelihoodRequest(candidate.id, (), (candidate.response,))


def _instruction(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    return LikelihoodRequest(candidate.id, backward_messages(candidate.response), (candidate.instruction,))


def _instruction_alone(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    # As a user's turn, for an instruction without a response is what a conversation begins with.
    question = forward_messages(candidate.instruction, tags, ("seed",))
    return LikelihoodRequest(candidate.id, question, (), spans=(Span(0),))


def _mean(reading: SpanLikelihood) -> float:
    return reading.log_probability / max(1, reading.tokens)


def _with_and_alone(answers: Sequence[Likelihood]) -> tuple[float, float]:
    with_instruction, alone = answers
    return _mean(with_instruction.spans[0]), alone.log_probabilities[0] / alone.tokens[0]


def _ifd(answers: Sequence[Likelihood]) -> float:
    with_instruction, alone = _with_and_alone(answers)
    ratio = with_instruction / alone if alone else 1.0
    # From 1 on the instruction does not help: a score of 0 or less ranks such pairs behind all others.
    return ratio if ratio < 1 else 1 - ratio


def _gain(answers: Sequence[Likelihood]) -> float:
    with_instruction, alone = _with_and_alone(answers)
    return with_instruction - alone


def _backward_gain(answers: Sequence[Likelihood]) -> float:
    with_response, alone = answers
    return with_response.log_probabilities[0] - alone.spans[0].log_probability


LIKELIHOODS: dict[str, tuple[tuple[Ask, ...], Value]] = {
    "ifd": ((_response, _response_alone), _ifd),
    "gain": ((_response, _response_alone), _gain),
    "backward-gain": ((_instruction, _instruction_alone), _backward_gain),
    "end-of-sequence": ((_end_of_answer,), lambda answers: answers[0].log_probabilities[0]),
    "answer-likelihood": ((_response,), lambda answers: _mean(answers[0].spans[0])),
}
"""What each reads, and what it makes of that.

ifd: instruction-following difficulty, the mean loss of the response with the instruction divided by that of the
response alone, as a plain text (Li et al. 2024, 'From quantity to quality'). Their choice is the highest below 1; from
1 on the instruction does not help, and the score is negative. It measures what there is to learn, not what is wrong.
gain: by how many nats the instruction makes a token of the response likelier: mutual information (Li et al. 2016, 'A
diversity-promoting objective function'), per token so that length does not count.
backward-gain: by how many nats the response makes the instruction likelier: the same, of the other direction.
end-of-sequence: the log-probability that the answer ends where the response does. Ours.
answer-likelihood: the mean log-probability of a token of the response as the model's own answer: how much the pair is
like what it was trained on."""
