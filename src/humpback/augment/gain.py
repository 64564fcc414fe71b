"""How much a text adds to its instruction, as M_yx sees it: a score that costs next to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from humpback.engines.base import Engine, usage_of
from humpback.prompts import backward_messages
from humpback.records import Candidate, Usage
from humpback.requests import Likelihood, LikelihoodRequest


def with_gains(candidates: Sequence[Candidate], engine: Engine) -> tuple[list[Candidate], Usage]:
    """Adds log p(x|y) - log p(x) for a token of x, both under M_yx: the second with an empty text to write x for.

    Mutual information (Li et al. 2016, 'A diversity-promoting objective function'). The empty prompt is the same for
    all, so an engine reads only the instructions. A candidate that cannot be read is left as it is.

    Args:
        candidates: With the mean log-probability of a token of their instruction, as M_yx wrote it.
        engine: The backward model M_yx.
    """
    alone, usage = _means([(candidate, "") for candidate in candidates], engine)
    with_gain = [
        candidate if prior is None else replace(candidate, gain=candidate.log_probability - prior)
        for candidate, prior in zip(candidates, alone, strict=True)
    ]
    return with_gain, usage


def read_by(candidates: Sequence[Candidate], engine: Engine) -> tuple[list[Candidate], Usage]:
    """Gives candidates that M_yx did not write the log-probability and the gain that they would have.

    One that cannot be read is left as it is.

    Args:
        candidates: Pairs of whatever origin.
        engine: The backward model M_yx.
    """
    means, usage = _means([(candidate, candidate.response) for candidate in candidates], engine)
    with_means = [
        candidate if mean is None else replace(candidate, log_probability=mean)
        for candidate, mean in zip(candidates, means, strict=True)
    ]
    with_both, gain_usage = with_gains(with_means, engine)
    # Where the mean could not be read, the gain would be the difference to a log-probability that nobody measured.
    read = [before if mean is None else after for before, after, mean in zip(candidates, with_both, means, strict=True)]
    return read, usage + gain_usage


def _means(questions: Sequence[tuple[Candidate, str]], engine: Engine) -> tuple[list[float | None], Usage]:
    """The mean log-probability of a token of each instruction, end included, after a text; None: it was not read."""
    requests = [
        LikelihoodRequest(candidate.id, backward_messages(text), (candidate.instruction,), ends=True)
        for candidate, text in questions
    ]
    answers = {answer.id: answer for answer in engine.loglikelihood(requests)}
    return [_mean(answers.get(candidate.id)) for candidate, _ in questions], usage_of(answers.values())


def _mean(answer: Likelihood | None) -> float | None:
    if answer is None or answer.error or not answer.tokens[0]:
        return None
    return answer.log_probabilities[0] / answer.tokens[0]
