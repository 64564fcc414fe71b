"""Scorers that are one likelihood: no rubric, no writing, one or two passes over a pair.

Their scores are in nats or are ratios, not on a scale from 1 to 5. So keep a share or a number of candidates: no
threshold fits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import sub

from humpback.config import TagSettings
from humpback.curate.base import error_of, unparsed
from humpback.engines.base import NO_ANSWER, Engine, usage_of
from humpback.prompts import answer_request, backward_messages, forward_messages
from humpback.records import Candidate, Outcome, Rating, Usage
from humpback.requests import Likelihood, LikelihoodRequest, Message, Part, Span

Ask = Callable[[Candidate, TagSettings], LikelihoodRequest]
_VALUE = re.compile(r"(\S+)=(\S+)")

_OPENING_CHARS = 64
"""Of a response, that say how it opens: about 14 tokens. Half as many tell less, and so do twice as many."""


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
            shown = _VALUE.findall(scored_rating.reply)
            readings[scored_rating.id] |= {name: float(value) for name, value in shown}
        errors: dict[str, str] = {}
        usage, model = Usage(), scored[0].model if scored else ""
        needed, formula = LIKELIHOODS[self.name]
        passes = [(ask, values) for ask, values in PASSES if values.keys() & set(needed)]
        for ask, values in passes:
            wanted = values.keys() & set(needed)
            unread = (candidate for candidate in candidates if wanted - readings[candidate.id].keys())
            requests = [ask(candidate, self.tags) for candidate in unread]
            if not requests:
                continue
            engine = open_engine()
            answers = {answer.id: answer for answer in engine.loglikelihood(requests)}
            usage, model = usage + usage_of(answers.values()), engine.model
            for request in requests:
                answer = answers.get(request.id)
                if answer is not None and not answer.error:
                    readings[request.id] |= {name: value(answer) for name, value in values.items()}
                # What the engine says is wrong tells more than that an answer is missing.
                elif errors.get(request.id, NO_ANSWER) == NO_ANSWER:
                    errors[request.id] = error_of(answer)

        def rating(record_id: str) -> Rating:
            if error := errors.get(record_id):
                return unparsed(self, record_id, model, error)
            read = readings[record_id]
            # All that these passes say, for scorers that need the rest of it.
            names = (name for _, values in passes for name in values if name in read)
            reply = " ".join(f"{name}={read[name]!r}" for name in names)
            score = formula(*(read[name] for name in needed))
            return Rating(record_id, self.iteration, self.name, model, "scored", score, reply, "stop")

        return Outcome(tuple(rating(candidate.id) for candidate in candidates), (), len(candidates), usage)


def _end_of_answer(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    question = forward_messages(candidate.instruction, tags, ("seed",))
    messages = (*question, Message("assistant", (Part(candidate.response, cut=True),)))
    return LikelihoodRequest(candidate.id, messages, ("",), ends=True)


def _response(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    request = answer_request(candidate.id, candidate.instruction, candidate.response, tags)
    (whole,) = request.spans
    return replace(request, spans=(whole, replace(whole, end=_OPENING_CHARS)))


def _response_alone(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    return LikelihoodRequest(candidate.id, (), (candidate.response,))


def _instruction(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    return LikelihoodRequest(candidate.id, backward_messages(candidate.response), (candidate.instruction,))


def _instruction_alone(candidate: Candidate, tags: TagSettings) -> LikelihoodRequest:
    # As a user's turn, for an instruction without a response is what a conversation begins with.
    question = forward_messages(candidate.instruction, tags, ("seed",))
    return LikelihoodRequest(candidate.id, question, (), spans=(Span(0),))


def _token_mean(answer: Likelihood, span: int) -> float:
    return answer.spans[span].log_probability / max(1, answer.spans[span].tokens)


def _ifd(with_instruction: float, alone: float) -> float:
    ratio = with_instruction / alone if alone else 1.0
    # From 1 on the instruction does not help: a score of 0 or less ranks such pairs behind all others.
    return ratio if ratio < 1 else 1 - ratio


PASSES: tuple[tuple[Ask, dict[str, Callable[[Likelihood], float]]], ...] = (
    (_response, {"as-answer": partial(_token_mean, span=0), "opening": partial(_token_mean, span=1)}),
    (_response_alone, {"alone": lambda answer: answer.log_probabilities[0] / answer.tokens[0]}),
    (_instruction, {"instruction": lambda answer: answer.log_probabilities[0]}),
    (_instruction_alone, {"instruction-alone": lambda answer: answer.spans[0].log_probability}),
    (_end_of_answer, {"end": lambda answer: answer.log_probabilities[0]}),
)
"""What is asked for, and the numbers that are kept of it, by their names in the reply of a rating."""

LIKELIHOODS: dict[str, tuple[tuple[str, ...], Callable[..., float]]] = {
    "ifd": (("as-answer", "alone"), _ifd),
    "gain": (("as-answer", "alone"), sub),
    "relative-gain": (("as-answer", "alone"), lambda answer, alone: 1 - answer / alone if alone else 0.0),
    "backward-gain": (("instruction", "instruction-alone"), sub),
    "end-of-sequence": (("end",), float),
    "answer-likelihood": (("as-answer",), float),
    "opening-likelihood": (("opening",), float),
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
like what it was trained on.
opening-likelihood: the same of the first 64 characters: how an answer opens. News, diaries and the middle of a text
open otherwise, and the further a text goes the more its likelihood says of its topic. Ours."""
