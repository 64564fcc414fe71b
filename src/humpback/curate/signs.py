"""Signs: what the likelihoods of a pair show of its faults, without writing a word.

There are two passes. The first reads the response as the model's own answer to the instruction; the second reads the
instruction as what the beginning of the response replies to. Each sign is a number that is low for one kind of fault
and says little of other kinds: none of them is a score by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from humpback.config import TagSettings
from humpback.curate.faults import sentences
from humpback.curate.rating import grade_shares, mean_grade
from humpback.engines.base import NO_ANSWER, Engine
from humpback.prompts import EXPECTED_RATING_PREFIX, GRADES, backward_messages, follow_up_messages, forward_messages
from humpback.records import Candidate, Likelihood, LikelihoodRequest, Message, Pair, Part, Span, SpanLikelihood, Usage

GRADE = "grade"
"""A further sign, where it is asked for: the mean of the distribution over the five grades, as the next turn."""
SIGNS = ("closing", "opening", "starts", "evenness", "beginning", "ending", "repetition", "answering")
"""closing: log-probability that the turn ends where the response does; falls where the end is missing.
opening: of the first words; falls where the beginning is missing, or the response is another's.
starts: of the first token of each sentence; falls where sentences were shuffled or come from elsewhere.
evenness: how alike the sentences are in their mean log-probability; falls where a page's furniture stands among them.
beginning, ending: mean log-probability of the first and the last third above the rest.
repetition: less by the part of four-word sequences that stand there more than once. Asks no model.
answering: how much likelier the instruction is once the beginning of the response is known; falls where they do not
belong together."""

_FIRST_WORDS = 16
"""Characters at the start of the response: about three tokens."""
_EVERY = 4
"""Of so many tokens of a sentence the first is read: that tells as much as all of them, and the head of a small model
with a large vocabulary costs more than its layers."""
_GLANCE = 200
"""Characters of the response that the second pass reads: enough to know what it is about."""
_NGRAM = 4
_SAME = 1e-9


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
    usage = Usage(sum(answer.prompt_tokens for answer in (*first.values(), *second.values())), 0)
    return [_signs(pair, first.get(pair.id), second.get(pair.id)) for pair in pairs], usage


def forward_request(pair: Pair | Candidate, tags: TagSettings, follow_up: bool) -> LikelihoodRequest:
    """The response as an answer: the instruction, then sentence by sentence, and whether the turn ends there."""
    question = forward_messages(pair.instruction, tags, ("seed",))
    # The response is the part behind those of the question.
    part = sum(len(message.parts) for message in question)
    end_of_turn = Span(part, len(pair.response), ends=True)
    spans = [Span(0), Span(part, 0, _FIRST_WORDS), end_of_turn]
    for start, end in _spans(pair.response):
        spans += [Span(part, start, end, _EVERY), Span(part, start, start + 1)]
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
    instruction, opening, end_of_turn, *sentence_spans = first.spans
    wholes, starts = ([span for span in sentence_spans[k::2] if span.tokens] for k in range(2))
    if not wholes:
        return Signs({}, "nothing of the response was read")
    means = np.array([span.log_probability / span.tokens for span in wholes])
    thirds = _thirds(wholes)
    values = {
        "opening": _mean([opening]),
        "starts": _mean(starts),
        "evenness": -float(means.std()),
        "beginning": thirds[0] - (thirds[1] + thirds[2]) / 2,
        "ending": thirds[2] - (thirds[0] + thirds[1]) / 2,
        "repetition": -_repeated(pair.response),
        "answering": second.log_probabilities[0] - instruction.log_probability,
    }
    if end_of_turn.tokens:
        values["closing"] = end_of_turn.log_probability
    if shares := grade_shares(first.log_probabilities):
        values[GRADE] = mean_grade(shares)
    return Signs(values)


def _mean(readings: Sequence[SpanLikelihood]) -> float:
    return sum(span.log_probability for span in readings) / max(1, sum(span.tokens for span in readings))


def _thirds(readings: Sequence[SpanLikelihood]) -> list[float]:
    """Mean log-probability of each third of the tokens; a sentence that lies in two counts in both by its part."""
    counts = np.array([span.tokens for span in readings], dtype=float)
    means = np.array([span.log_probability / span.tokens for span in readings])
    ends = counts.cumsum()
    bounds = ends[-1] * np.arange(4) / 3
    shares = (
        np.minimum(ends[None], bounds[1:, None]) - np.maximum((ends - counts)[None], bounds[:-1, None])
    ).clip(0)  # fmt: skip
    return [float(share @ means / max(share.sum(), _SAME)) for share in shares]


def _spans(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence or line of a text."""
    spans, offset = [], 0
    for sentence in filter(None, sentences(text)[0]):
        start = text.index(sentence, offset)
        offset = start + len(sentence)
        spans.append((start, offset))
    return spans


def _repeated(text: str) -> float:
    words = text.casefold().split()
    grams = [tuple(words[i : i + _NGRAM]) for i in range(len(words) - _NGRAM + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
