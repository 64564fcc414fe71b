"""Signs: what the likelihoods of a pair show of its faults, without writing a word.

There are two passes. The first reads the response as the model's own answer to the instruction; the second reads the
instruction as what the beginning of the response replies to. Each sign is a number that is low for one kind of fault
and says little of other kinds: none of them is a score by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from humpback.config import TagSettings
from humpback.curate.faults import sentences
from humpback.curate.rating import grade_shares, mean_grade
from humpback.engines.base import NO_ANSWER, Engine, usage_of
from humpback.prompts import EXPECTED_RATING_PREFIX, GRADES, backward_messages, follow_up_messages, forward_messages
from humpback.records import Candidate, Pair, Usage
from humpback.requests import Likelihood, LikelihoodRequest, Message, Part, Span, SpanLikelihood

GRADE = "grade"
"""A further sign, where it is asked for: the mean of the distribution over the five grades, as the next turn."""
SIGNS = ("closing", "opening", "starts", "answering")
"""closing: log-probability that the turn ends where the response does; falls where the end is missing.
opening: of the first words; falls where the beginning is missing, or the response is another's.
starts: of the first token of each sentence; falls where sentences were shuffled or come from elsewhere.
answering: how much likelier the instruction is once the beginning of the response is known; falls where they do not
belong together.

How even the sentences are, the first and the last third against the rest, and repeated words were signs once. They tell
planted furniture and repetition, which filters of the corpus drop; on real candidates they made the sum worse than the
other four alone (docs/curation.md)."""

_FIRST_WORDS = 16
"""Characters at the start of the response: about three tokens."""
_GLANCE = 200
"""Characters of the response that the second pass reads: enough to know what it is about."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of one pair, or why there are none."""

    values: Mapping[str, float]
    """By name. A sign that could not be read, such as the end of a response that was cut, is missing."""
    error: str = ""


def read_signs(
    pairs: Sequence[Pair | Candidate], engine: Engine, tags: TagSettings, follow_up: bool
) -> tuple[list[Signs], Usage]:
    """Reads pairs, each in two passes.

    Args:
        pairs: What to read; ids differ.
        engine: The model that reads; an embedded one.
        tags: What the model was trained to see behind an instruction.
        follow_up: Whether the first pass asks for a grade too.
    """
    requests = [forward_request(pair, tags, follow_up) for pair in pairs]
    first = {answer.id: answer for answer in engine.loglikelihood(requests)}
    second = {answer.id: answer for answer in engine.loglikelihood([_glance_request(pair) for pair in pairs])}
    signs = [_signs(pair, first.get(pair.id), second.get(pair.id)) for pair in pairs]
    return signs, usage_of((*first.values(), *second.values()))


def forward_request(pair: Pair | Candidate, tags: TagSettings, follow_up: bool) -> LikelihoodRequest:
    """The response as an answer: the instruction, how each sentence begins, and whether the turn ends there."""
    question = forward_messages(pair.instruction, tags, ("seed",))
    # The response is the part behind those of the question.
    part = sum(len(message.parts) for message in question)
    end_of_turn = Span(part, len(pair.response), ends=True)
    spans = [Span(0), Span(part, 0, _FIRST_WORDS), end_of_turn]
    spans += [Span(part, start, start + 1) for start in _sentence_starts(pair.response)]
    answered = (*question, Message("assistant", (Part(pair.response, cut=True),)))
    if follow_up:
        graded = (*answered, *follow_up_messages())
        return LikelihoodRequest(pair.id, graded, GRADES, EXPECTED_RATING_PREFIX, spans=tuple(spans))
    return LikelihoodRequest(pair.id, answered, (), spans=tuple(spans))


def _glance_request(pair: Pair | Candidate) -> LikelihoodRequest:
    return LikelihoodRequest(pair.id, backward_messages(pair.response[:_GLANCE]), (pair.instruction,))


def _signs(pair: Pair | Candidate, first: Likelihood | None, second: Likelihood | None) -> Signs:
    for answer in (first, second):
        if answer is None or answer.error:
            return Signs({}, answer.error if answer else NO_ANSWER)
    assert first is not None
    assert second is not None
    # In the order of `forward_request`: for each sentence its tokens and then its first token.
    instruction, opening, end_of_turn, *starts = first.spans
    if not any(start.tokens for start in starts):
        return Signs({}, "nothing of the response was read")
    values = {
        "opening": _mean([opening]),
        "starts": _mean(starts),
        "answering": second.log_probabilities[0] - instruction.log_probability,
    }
    if end_of_turn.tokens:
        values["closing"] = end_of_turn.log_probability
    if shares := grade_shares(first.log_probabilities):
        values[GRADE] = mean_grade(shares)
    return Signs(values)


def _mean(readings: Sequence[SpanLikelihood]) -> float:
    return sum(span.log_probability for span in readings) / max(1, sum(span.tokens for span in readings))


def _sentence_starts(text: str) -> list[int]:
    """Where each sentence or line of a text begins."""
    starts, offset = [], 0
    for sentence in filter(None, sentences(text)[0]):
        starts.append(text.index(sentence, offset))
        offset = starts[-1] + len(sentence)
    return starts
