"""How much a text adds to its instruction, as M_yx sees it: a score that costs next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from humpback.engines.base import Engine
from humpback.prompts import backward_messages
from humpback.records import Candidate, Likelihood, LikelihoodRequest, Usage


def with_gains(candidates: Sequence[Candidate], engine: Engine) -> tuple[list[Candidate], Usage]:
    """Adds log p(x|y) - log p(x) for a token of x, both under M_yx: the second with an empty text to write x for.

    Mutual information (Li et al. 2016, 'A diversity-promoting objective function'). All such prompts are the same, so
    that only the instructions are read. A candidate that cannot be read is left as it is.

    Args:
        candidates: With the mean log-probability of a token of their instruction, as M_yx wrote it.
        engine: The backward model M_yx.
    """
    alone, read = _means([(one, "") for one in candidates], engine)
    kept = [
        one if prior is None else replace(one, gain=one.log_probability - prior)
        for one, prior in zip(candidates, alone, strict=True)
    ]
    return kept, read


def read_by(candidates: Sequence[Candidate], engine: Engine) -> tuple[list[Candidate], Usage]:
    """Gives candidates that M_yx did not write the log-probability and the gain that they would have.

    One that cannot be read is left as it is.

    Args:
        candidates: Pairs of whatever origin.
        engine: The backward model M_yx.
    """
    given, read = _means([(one, one.response) for one in candidates], engine)
    known = [
        one if mean is None else replace(one, log_probability=mean) for one, mean in zip(candidates, given, strict=True)
    ]
    found, more = with_gains(known, engine)
    kept = [one if mean is None else new for one, new, mean in zip(candidates, found, given, strict=True)]
    return kept, read + more


def _means(asked: Sequence[tuple[Candidate, str]], engine: Engine) -> tuple[list[float | None], Usage]:
    """Of each instruction the mean log-probability of a token, end included, as what a text asks for; None: unread."""
    requests = [
        LikelihoodRequest(one.id, backward_messages(text), (one.instruction,), ends=True) for one, text in asked
    ]
    answers = {answer.id: answer for answer in engine.loglikelihood(requests)}
    usage = Usage(sum(answer.prompt_tokens for answer in answers.values()), 0)
    return [_mean(answers.get(one.id)) for one, _ in asked], usage


def _mean(answer: Likelihood | None) -> float | None:
    if answer is None or answer.error or not answer.tokens[0]:
        return None
    return answer.log_probabilities[0] / answer.tokens[0]
