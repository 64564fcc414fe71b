"""What a likelihood request asks of a model: sequences of tokens, and the places in them that are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from humpback.models.template import Template, TooLong
from humpback.records import Likelihood, LikelihoodRequest, SpanLikelihood


@dataclass(frozen=True, slots=True)
class Row:
    """One sequence of which some places are read: how likely is a token, given all that stands before it?"""

    ids: tuple[int, ...]
    places: tuple[int, ...]
    """Places in `ids`, in any order."""
    choices: tuple[int, ...] = ()
    """Tokens of which each could stand behind the last one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the sequences that answer it."""

    rows: tuple[Row, ...]
    """One for all continuations where each is one token, else one for each. The stretches are in the first."""
    targets: tuple[int, ...]
    """Tokens of each continuation."""
    spans: tuple[int, ...]
    """Tokens read of each stretch."""
    tokens: int
    """Tokens of the prompt and the continuations."""


def asked(template: Template, max_tokens: int, request: LikelihoodRequest) -> Asked:
    """Lays a request out.

    Raises:
        TooLong: It does not fit, or asks for nothing.
    """
    shared, targets = template.continuations(request.answer_prefix, request.continuations, request.ends)
    if not all(targets) or not (targets or request.spans):
        raise TooLong("nothing to score", "give continuations that are not empty")
    room = max_tokens - len(shared) - max(map(len, targets), default=0)
    open_end = template.end_ids if _reads_the_last_end(request) else ()
    laid = template.laid_out(request.messages, "", room - len(open_end))
    prompt = (*laid.ids, *open_end, *shared)
    spans = [_places(template, request, laid.parts, prompt, index) for index in range(len(request.spans))]
    first = tuple(place for places in spans for place in places)
    if all(len(target) == 1 for target in targets):
        rows = [Row(prompt, first, tuple(target[0] for target in targets))]
    else:
        rows = [Row((*prompt, *target), tuple(range(len(prompt), len(prompt) + len(target)))) for target in targets]
        rows[0] = Row(rows[0].ids, (*first, *rows[0].places))
    counts = tuple(map(len, targets))
    return Asked(tuple(rows), counts, tuple(map(len, spans)), len(prompt) + sum(counts))


def _reads_the_last_end(request: LikelihoodRequest) -> bool:
    """Whether a stretch asks for the end of a turn that the conversation leaves open."""
    last = sum(len(message.parts) for message in request.messages) - 1
    asks = any(span.ends and span.part == last for span in request.spans)
    return asks and request.messages[-1].role == "assistant" and not request.continuations


def _places(
    template: Template,
    request: LikelihoodRequest,
    parts: Sequence[tuple[int, int]],
    prompt: Sequence[int],
    index: int,
) -> tuple[int, ...]:
    """Where the tokens of a stretch are; those that were cut off, and a first one that nothing precedes, are not."""
    span = request.spans[index]
    texts = [part.text for message in request.messages for part in message.parts]
    begin, behind = parts[span.part]
    text = texts[span.part]
    places = [begin + token for token in template.within(text, span.start, span.end)[:: span.step]]
    found = [place for place in places if 0 < place < behind]
    end = behind + len(template.end_ids)
    if span.ends and behind - begin == len(template.within(text, 0, None)):
        found += range(behind, end) if tuple(prompt[behind:end]) == template.end_ids else ()
    return tuple(found)


def answer(name: str, asked: Asked, values: Iterator[list[float]]) -> Likelihood:
    """Puts the answer together.

    Args:
        name: The request's id.
        asked: What it asks.
        values: For each of its rows the log-probabilities at the places, then those of the choices.
    """
    rows = [next(values) for _ in asked.rows]
    first = iter(rows[0])
    readings = tuple(SpanLikelihood(sum(next(first) for _ in range(count)), count) for count in asked.spans)
    rest = [list(first), *rows[1:]]
    sums = tuple(rest[0]) if len(rows) == 1 and set(asked.targets) <= {1} else tuple(map(sum, rest))
    return Likelihood(name, sums, asked.targets, asked.tokens, spans=readings)
