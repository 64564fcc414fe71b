"""Scorers that are one likelihood: no rubric, no writing, one or two passes over a pair.

Their scores are in nats or are ratios, not on a scale from 1 to 5. So keep a share or a number of candidates: no
threshold fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import sub

from humpback.config import TagSettings
from humpback.curate.base import error_of, unparsed
from humpback.engines.base import NO_ANSWER, Engine, usage_of
from humpback.prompts import answer_request, backward_messages, forward_messages
from humpback.records import Candidate, Outcome, Rating, Usage
from humpback.requests import Likelihood, LikelihoodRequest, Message, Part, Span

Ask = Callable[[Candidate, TagSettings], LikelihoodRequest]
_VALUE = re.compile(r"(\S+)=(\S+)")


@dataclass(frozen=True, slots=True)
class LikelihoodScorer:
    """One of `LIKELIHOODS`, by its name. The reply of a rating shows what was read, with all digits."""

    iteration: int
    name: str
    tags: TagSettings

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        return self.score_after((), candidates, lambda: engine)

    def score_after(
        self, earlier: Iterable[Rating], candidates: Sequence[Candidate], open_engine: Callable[[], Engine]
    ) -> Outcome[Rating]:
        """Rates one shard, and asks the engine only for what no other scorer has read.

        Args:
            earlier: Ratings of the shard by other scorers of `LIKELIHOODS`, with the same model.
            candidates: The shard.
            open_engine: Gives the engine; is not called where all is read.
        """
        scored = [rating for rating in earlier if rating.score is not None]
        readings: dict[str, dict[str, float]] = {candidate.id: {} for candidate in candidates}
        for scored_rating in scored:
            values = _VALUE.findall(scored_rating.reply)
            readings[scored_rating.id] |= {name: float(value) for name, value in values}
        errors: dict[str, str] = {}
        usage, model = Usage(), scored[0].model if scored else ""
        needed, formula = LIKELIHOODS[self.name]
        for name in needed:
            ask, value = READINGS[name]
            requests = [ask(candidate, self.tags) for candidate in candidates if name not in readings[candidate.id]]
            if not requests:
                continue
            engine = open_engine()
            answers = {answer.id: answer for answer in engine.loglikelihood(requests)}
            usage, model = usage + usage_of(answers.values()), engine.model
            for request in requests:
                answer = answers.get(request.id)
                if answer is not None and not answer.error:
                    readings[request.id][name] = value(answer)
                # What the engine says is wrong tells more than that an answer is missing.
                elif errors.get(request.id, NO_ANSWER) == NO_ANSWER:
                    errors[request.id] = error_of(answer)

        def rating(record_id: str) -> Rating:
            if error := errors.get(record_id):
                return unparsed(self, record_id, model, error)
            read = {name: readings[record_id][name] for name in needed}
            reply = " ".join(f"{name}={value!r}" for name, value in read.items())
            score = formula(*read.values())
            return Rating(record_id, self.iteration, self.name, model, "scored", score, reply, "stop")

        return Outcome(tuple(rating(candidate.id) for candidate in candidates), (), len(candidates), usage)


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


def _token_mean(answer: Likelihood) -> float:
    span = answer.spans[0]
    return span.log_probability / max(1, span.tokens)


def _ifd(with_instruction: float, alone: float) -> float:
    ratio = with_instruction / alone if alone else 1.0
    # From 1 on the instruction does not help: a score of 0 or less ranks such pairs behind all others.
    return ratio if ratio < 1 else 1 - ratio


READINGS: dict[str, tuple[Ask, Callable[[Likelihood], float]]] = {
    "as-answer": (_response, _token_mean),
    "alone": (_response_alone, lambda answer: answer.log_probabilities[0] / answer.tokens[0]),
    "instruction": (_instruction, lambda answer: answer.log_probabilities[0]),
    "instruction-alone": (_instruction_alone, lambda answer: answer.spans[0].log_probability),
    "end": (_end_of_answer, lambda answer: answer.log_probabilities[0]),
}
"""What is asked for, and the number that is kept of it, by its name in the reply of a rating."""

LIKELIHOODS: dict[str, tuple[tuple[str, ...], Callable[..., float]]] = {
    "ifd": (("as-answer", "alone"), _ifd),
    "gain": (("as-answer", "alone"), sub),
    "relative-gain": (("as-answer", "alone"), lambda answer, alone: 1 - answer / alone if alone else 0.0),
    "backward-gain": (("instruction", "instruction-alone"), sub),
    "end-of-sequence": (("end",), float),
    "answer-likelihood": (("as-answer",), float),
}
"""The readings of each, and what it makes of them.

ifd: instruction-following difficulty, the mean loss of the response with the instruction divided by that of the
response alone, as a plain text (Li et al. 2024, 'From quantity to quality'). Their choice is the highest below 1; from
1 on the instruction does not help, and the score is negative. It measures what there is to learn, not what is wrong.
gain: by how many nats the instruction makes a token of the response likelier: mutual information (Li et al. 2016, 'A
diversity-promoting objective function'), per token so that length does not count.
relative-gain: the part of the loss of the response that the instruction takes away: the gain divided by the loss of the
response alone, so that a text which is hard to guess has no higher gain for that alone. 1 less the difficulty above.
backward-gain: by how many nats the response makes the instruction likelier: the same, of the other direction.
end-of-sequence: the log-probability that the answer ends where the response does. Ours.
answer-likelihood: the mean log-probability of a token of the response as the model's own answer: how much the pair is
like what it was trained on."""
