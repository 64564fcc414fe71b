"""A likelihood request as rows of tokens, with the positions whose log-probabilities answer it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from humpback.models.template import Template, TooLong
from humpback.requests import Likelihood, LikelihoodRequest, SpanLikelihood


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One sequence, and what to read of it: how likely is a token, given all tokens before it?"""

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    """Indices into `ids` of the tokens to read, in any order."""
    choices: tuple[int, ...] = ()
    """Tokens to read at the position behind the last one, each as if it came next."""


@dataclass(frozen=True, slots=True)
class RowRequest:
    """The rows that answer one request."""

    rows: tuple[TokenRow, ...]
    """One row for all continuations where each is a single token, else a row for each. Spans are read in the first."""
    target_counts: tuple[int, ...]
    """Tokens of each continuation."""
    span_counts: tuple[int, ...]
    """Tokens to read of each span."""
    tokens: int
    """Tokens of the prompt and of all continuations."""


def to_rows(template: Template, max_tokens: int, request: LikelihoodRequest) -> RowRequest:
    """Renders a request.

    Raises:
        TooLong: It does not fit into `max_tokens`, or asks for nothing.
    """
    if not request.messages:
        return _plain_row(template, max_tokens, request.continuations[0])
    shared, targets = template.continuations(request.answer_prefix, request.continuations, request.ends)
    if not all(targets) or not (targets or request.spans):
        raise TooLong("nothing to score", "give continuations that are not empty")
    prompt_tokens = max_tokens - len(shared) - max(map(len, targets), default=0)
    end_ids = template.end_ids if _reads_the_last_end(request) else ()
    laid_out = template.prompt_with_bounds(request.messages, "", prompt_tokens - len(end_ids))
    prompt = (*laid_out.ids, *end_ids, *shared)
    spans = [
        _span_positions(template, request, laid_out.part_bounds, prompt, index) for index in range(len(request.spans))
    ]
    in_prompt = tuple(position for positions in spans for position in positions)
    if all(len(target) == 1 for target in targets):
        # Grades, Yes and No: one pass answers for all of them, since they compete for one position.
        rows = [TokenRow(prompt, in_prompt, tuple(target[0] for target in targets))]
    else:
        rows = [
            TokenRow((*prompt, *target), tuple(range(len(prompt), len(prompt) + len(target)))) for target in targets
        ]
        rows[0] = TokenRow(rows[0].ids, (*in_prompt, *rows[0].positions))
    counts = tuple(map(len, targets))
    return RowRequest(tuple(rows), counts, tuple(map(len, spans)), len(prompt) + sum(counts))


def _plain_row(template: Template, max_tokens: int, text: str) -> RowRequest:
    """A text by itself, its end cut off where it does not fit. Nothing precedes the very first token of a row."""
    begin, ids = template.plain_text(text, max_tokens - 1)
    positions = tuple(range(max(1, len(begin)), len(begin) + len(ids)))
    if not positions:
        raise TooLong("nothing to score", "give a text that is not empty")
    return RowRequest((TokenRow((*begin, *ids), positions),), (len(positions),), (), len(begin) + len(ids))


def _reads_the_last_end(request: LikelihoodRequest) -> bool:
    """Whether a span asks for the end of a turn that the conversation leaves open."""
    last = sum(len(message.parts) for message in request.messages) - 1
    asks = any(span.ends and span.part == last for span in request.spans)
    return asks and request.messages[-1].role == "assistant" and not request.continuations


def _span_positions(
    template: Template,
    request: LikelihoodRequest,
    part_bounds: Sequence[tuple[int, int]],
    prompt: Sequence[int],
    index: int,
) -> tuple[int, ...]:
    """Where the tokens of a span are in the prompt.

    Tokens that were cut off are left out, and so is the very first token: nothing precedes it, so that it has no
    probability.
    """
    span = request.spans[index]
    texts = [part.text for message in request.messages for part in message.parts]
    start, end = part_bounds[span.part]
    text = texts[span.part]
    in_text = template.tokens_of_span(text, span.start, span.end)[:: span.step]
    positions = [start + token for token in in_text if 0 < start + token < end]
    turn_end = range(end, end + len(template.end_ids))
    if span.ends and end - start == len(template.tokens_of_span(text, 0, None)):  # not cut: the end is the text's own
        positions += turn_end if tuple(prompt[end : turn_end.stop]) == template.end_ids else ()
    return tuple(positions)


def to_likelihood(request_id: str, request: RowRequest, values: Iterator[list[float]]) -> Likelihood:
    """Puts the answer to a request together.

    Args:
        request_id: The id of the likelihood request.
        request: Its rows.
        values: For each row the log-probabilities at its positions, then those of its choices.
    """
    rows = [next(values) for _ in request.rows]
    first = iter(rows[0])
    spans = tuple(SpanLikelihood(sum(next(first) for _ in range(count)), count) for count in request.span_counts)
    continuations = [list(first), *rows[1:]]
    single_tokens = len(rows) == 1 and set(request.target_counts) <= {1}
    sums = tuple(continuations[0]) if single_tokens else tuple(map(sum, continuations))
    return Likelihood(request_id, sums, request.target_counts, request.tokens, spans=spans)
