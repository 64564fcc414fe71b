"""The scorer `cycle`: does the instruction lead back to the response?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from humpback.config import CurateSettings, TagSettings
from humpback.curate.base import rate_each
from humpback.engines.base import Engine, answers
from humpback.prompts import forward_messages
from humpback.records import Candidate, Outcome, Rating
from humpback.requests import Request, Sampling
from humpback.text.likeness import f1, words


@dataclass(frozen=True, slots=True)
class CycleScorer:
    """How much the model's own answer to the instruction is like the response: F1 of their words, from 0 to 1.

    One model turned the response into an instruction, and another turns the instruction back into a response. What the
    second response does not have was lost between them. Cycle consistency is from Zhu et al. 2017; as a score for pairs
    it is ours. The answer is written greedily, and compared with as much of the response as it is long.
    """

    iteration: int
    settings: CurateSettings
    tags: TagSettings
    name: str = "cycle"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot answer is 'unparsed', with the error as the reply."""
        return rate_each(
            self, candidates, engine, answers(engine, map(self._request, candidates)).values(),
            lambda candidate, answer: (likeness(answer.text, candidate.response), answer.text),
        )  # fmt: skip

    def _request(self, candidate: Candidate) -> Request:
        messages = forward_messages(candidate.instruction, self.tags, ("seed", "augmented"))
        return Request(candidate.id, messages, Sampling(self.settings.max_new_tokens, temperature=0))


def likeness(answer: str, response: str) -> float:
    """F1 of the words of an answer and of as many words of a response; 0 where either has none."""
    answer_words = words(answer)
    # `curate.max_new_tokens` bounds the answer and not the response, so only as many words of it are compared.
    return f1(answer_words, words(response)[: max(1, len(answer_words))])
