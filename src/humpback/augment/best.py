"""The best of several instructions: M_0 says under which of them it finds the segment the likeliest answer. Ours."""

from __future__ import annotations

import math
from collections.abc import Sequence

from humpback.config import TagSettings
from humpback.engines.base import Engine, usage_of
from humpback.prompts import answer_request
from humpback.records import Candidate, Dropped, Outcome
from humpback.requests import Likelihood

_EXCERPT = 200


def keep_best(drafts: Sequence[Candidate], engine: Engine, tags: TagSettings, keep: int) -> Outcome[Candidate]:
    """Keeps for each segment the instructions x with the highest log p(y|x) for a token of the segment y.

    What log p(y) is does not matter, for all drafts of a segment share it. A draft that cannot be read ranks last.

    Args:
        drafts: One shard; the drafts of a segment stand side by side.
        engine: The seed model M_0.
        tags: What M_0 was trained to see behind an instruction.
        keep: Instructions to keep for each segment.
    """
    requests = [answer_request(draft.id, draft.instruction, draft.response, tags) for draft in drafts]
    answers = {answer.id: answer for answer in engine.loglikelihood(requests)}
    by_segment: dict[str, list[Candidate]] = {}
    for draft in drafts:
        by_segment.setdefault(draft.segment_id, []).append(draft)
    candidates, dropped = [], []
    for segment_drafts in by_segment.values():
        # The sort is stable: of equals the one that M_yx finds likelier comes first.
        ranked = sorted(segment_drafts, key=lambda draft: -_likelihood(answers.get(draft.id)))
        candidates += ranked[:keep]
        dropped += [_passed_over(draft, answers.get(draft.id)) for draft in ranked[keep:]]
    return Outcome(tuple(candidates), tuple(dropped), len(drafts), usage_of(answers.values()))


def _likelihood(answer: Likelihood | None) -> float:
    if answer is None or answer.error or not answer.spans[0].tokens:
        return -math.inf
    return answer.spans[0].log_probability / answer.spans[0].tokens


def _passed_over(draft: Candidate, answer: Likelihood | None) -> Dropped:
    detail = f"{_likelihood(answer):.3f} nats for a token of the segment"
    return Dropped(draft.id, "another instruction fits better", detail, draft.source, draft.instruction[:_EXCERPT])
