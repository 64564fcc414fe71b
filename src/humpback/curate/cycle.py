"""The scorer `cycle`: does the instruction lead back to the response?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from humpback.config import CurateSettings, TagSettings
from humpback.engines.base import Engine
from humpback.prompts import forward_messages
from humpback.records import Candidate, Completion, Outcome, Rating, Request, Sampling, Usage

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class CycleScorer:
    """How much the model's own answer to the instruction is like the response: F1 of their words, from 0 to 1.

    The response was turned into an instruction by one model, and the instruction is turned back by another; what does
    not come back has been lost on the way. Cycle consistency is from Zhu et al. 2017; as a score for pairs it is ours.
    The answer is written greedily, and compared with as much of the response as it is long.
    """

    iteration: int
    settings: CurateSettings
    tags: TagSettings
    name: str = "cycle"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot answer is 'unparsed', with the error as the reply."""
        answers = {answer.id: answer for answer in engine.generate(map(self._request, candidates))}
        ratings = tuple(self._rating(one, answers.get(one.id), engine.model) for one in candidates)
        read = sum(answer.prompt_tokens for answer in answers.values())
        written = sum(answer.completion_tokens for answer in answers.values())
        return Outcome(ratings, (), len(candidates), Usage(read, written))

    def _request(self, one: Candidate) -> Request:
        messages = forward_messages(one.instruction, self.tags, ("seed", "augmented"))
        return Request(one.id, messages, Sampling(self.settings.max_new_tokens, temperature=0))

    def _rating(self, one: Candidate, answer: Completion | None, model: str) -> Rating:
        if answer is None or answer.error or answer.finish_reason == "error":
            reply = answer.error if answer else "the engine gave no answer"
            return Rating(one.id, self.iteration, self.name, model, "unparsed", None, reply, "error")
        score = likeness(answer.text, one.response)
        return Rating(
            one.id, self.iteration, self.name, model, "scored", score, answer.text, answer.finish_reason
        )  # fmt: skip


def likeness(answer: str, response: str) -> float:
    """F1 of the words of an answer and of as many words of a response; 0 where either has none."""
    written = _WORD.findall(answer.casefold())
    wanted = _WORD.findall(response.casefold())[: max(1, len(written))]
    common = (Counter(written) & Counter(wanted)).total()
    return 2 * common / (len(written) + len(wanted)) if common else 0.0
