"""Self-augmentation: the backward model writes an instruction for each segment (paper, section 2.2).

Takes segments, gives candidates. A generation that is not a usable instruction is dropped with its reason; nothing ever
stands in for it, above all no human instruction.
"""

from __future__ import annotations

from collections.abc import Sequence

from humpback.augment.checks import clean, validate
from humpback.augment.examples import Examples
from humpback.augment.gain import with_gains
from humpback.config import AugmentSettings
from humpback.engines.base import ALONE, Engine, answers, unanswered, usage_of
from humpback.prompts import backward_messages
from humpback.records import Candidate, Dropped, Outcome, Pair, Segment, content_id, record_rng_seed
from humpback.requests import Completion, Request, Sampling
from humpback.text.likeness import words

_EXCERPT = 200


def instruct(
    segments: Sequence[Segment],
    engine: Engine,
    settings: AugmentSettings,
    seed: int,
    stage: str,
    examples: Examples | None = None,
) -> Outcome[Candidate]:
    """Writes instructions for each segment.

    Of the `per_segment` generations the `keep` valid ones with the highest mean log-probability of a token are kept, or
    all valid ones where M_0 is to choose among them (`keep_best`). Where none is valid the segment is dropped for the
    reason of its first. A short pass over the instructions alone then gives each its `gain`, where the engine can read
    them.

    Args:
        segments: One shard.
        engine: The backward model M_yx, or a writer that was not trained.
        settings: How instructions are drawn, and which are valid.
        seed: The run's seed.
        stage: The stage's name; with the request's id it decides the random numbers of each request.
        examples: Pairs that the writer sees with each segment; M_yx sees none.
    """
    most = settings.per_segment if settings.reads_drafts else settings.keep
    pairs_of = {segment.id: examples.of(segment) if examples else () for segment in segments}
    # Those that see the same pairs together: a server's prefix cache then holds them.
    in_order = sorted(segments, key=lambda segment: [pair.id for pair in pairs_of[segment.id]])
    requests = [
        _request(segment, k, settings, seed, stage, pairs_of[segment.id])
        for segment in in_order
        for k in range(settings.per_segment)
    ]
    completions = answers(engine, requests)
    candidates: list[Candidate] = []
    dropped: list[Dropped] = []
    for segment in segments:
        written = [completions.get(_request_id(segment, k)) for k in range(settings.per_segment)]
        answered = [answer or unanswered(segment.id) for answer in written]
        result = _best(segment, answered, most, settings, engine.model, pairs_of[segment.id])
        if isinstance(result, Dropped):
            dropped.append(result)
        else:
            candidates += result
    usage = usage_of(completions.values())
    if settings.gain:
        candidates, gain_usage = with_gains(candidates, engine)
        usage += gain_usage
    return Outcome(tuple(candidates), tuple(dropped), len(candidates) + len(dropped), usage)


def shown(segment: Segment, settings: AugmentSettings) -> str:
    """What the backward model reads of a segment: its text, under its titles where the settings say so."""
    if not settings.title_path or not segment.title_path:
        return segment.text
    return f"{' > '.join(segment.title_path)}\n\n{segment.text}"


def _request_id(segment: Segment, k: int) -> str:
    return f"{segment.id}/{k}"


def _request(
    segment: Segment, k: int, settings: AugmentSettings, seed: int, stage: str, examples: Sequence[Pair]
) -> Request:
    name = _request_id(segment, k)
    sampling = Sampling(
        settings.max_new_tokens, settings.temperature, settings.top_p, record_rng_seed(seed, stage, name)
    )
    return Request(name, backward_messages(shown(segment, settings), examples), sampling)


def _best(
    segment: Segment,
    written: Sequence[Completion],
    most: int,
    settings: AugmentSettings,
    model: str,
    examples: Sequence[Pair],
) -> list[Candidate] | Dropped:
    instructions = [clean(completion.text) for completion in written]
    shown_instructions = {" ".join(words(pair.instruction)) for pair in examples}
    reasons = [
        "repeats an example"
        if " ".join(words(instruction)) in shown_instructions
        else _reason(completion, instruction, segment.text, settings)
        for completion, instruction in zip(written, instructions, strict=True)
    ]
    valid = [k for k, reason in enumerate(reasons) if reason is None]
    if not valid:
        return _dropped(segment, written, [reason or "" for reason in reasons])
    # By the mean, so that a long instruction is not at a disadvantage.
    ranked = sorted(valid, key=lambda k: -_mean_log_probability(written[k]))
    distinct: dict[str, int] = {}
    for k in ranked:
        distinct.setdefault(instructions[k], k)
    return [
        Candidate(
            id=content_id(segment.id, instructions[k]),
            segment_id=segment.id,
            document_id=segment.document_id,
            source=segment.source,
            title_path=segment.title_path,
            instruction=instructions[k],
            response=segment.text,
            model=model,
            log_probability=_mean_log_probability(written[k]),
            instruction_reasoning=written[k].reasoning,
        )
        for k in list(distinct.values())[:most]
    ]


def _reason(completion: Completion, instruction: str, response: str, settings: AugmentSettings) -> str | None:
    if completion.error or completion.finish_reason == "error":
        return "generation failed"
    if completion.finish_reason == "length" and (instruction or completion.reasoning):
        return "did not end"
    return validate(instruction, response, settings)


def _dropped(segment: Segment, written: Sequence[Completion], reasons: Sequence[str]) -> Dropped:
    first = written[0]
    detail = first.error or (f"{len(first.text)} characters" if first.text or not first.reasoning else ALONE)
    if len(reasons) > 1:
        detail += f"; the others: {', '.join(reasons[1:])}"
    return Dropped(segment.id, reasons[0], detail, segment.source, (first.text or first.reasoning)[:_EXCERPT])


def _mean_log_probability(completion: Completion) -> float:
    return completion.log_probability / max(completion.completion_tokens, 1)
