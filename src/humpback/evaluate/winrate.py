"""Win rate: how often a judge prefers a model's answers to a baseline's.

Any engine judges. Every pair is shown in both orders, for judges lean to a place; a pair that wins in one order alone
is a tie. A reply without a verdict is no verdict: the judge is asked again with another draw, and a pair that still has
none in one of the orders has no preference. It is counted, and it is not in the win rate.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from humpback.engines.base import Engine
from humpback.evaluate.comparisons import Comparison
from humpback.prompts import judge_messages, parse_verdict, prompt_digest
from humpback.records import Completion, Request, Sampling, record_rng_seed
from humpback.statistics.intervals import Interval, bootstrap_mean

_STAGE = "judge"
_POINTS = {"1": 1.0, "2": 2.0, "tie": 1.5, "same": 1.5}
_SHOWN = ({"first": "1", "second": "2"}, {"first": "2", "second": "1"})
"""Which output the judge means, in each order."""


@dataclass(frozen=True, slots=True)
class Judging:
    """How a judge is asked."""

    seed: int = 0
    max_new_tokens: int = 512
    tries: int = 2
    """How often a pair without a verdict is asked. The first time greedily, then drawn as below."""
    temperature: float = 0.7
    top_p: float = 0.9


@dataclass(frozen=True, slots=True)
class WinRate:
    """The win rate of a model, in percent, with what it was made from."""

    n_total: int
    """Comparisons with a preference."""
    n_wins: int
    n_wins_base: int
    n_draws: int
    unjudged: int
    """Comparisons without a preference."""
    win_rate: float
    """Mean preference for the model: a tie counts half. nan where nothing was judged."""
    standard_error: float
    interval: Interval
    """95 %, percentile bootstrap over prompts, 2,000 draws."""
    discrete_win_rate: float
    """(wins + ties / 2) / all, each preference taken as a win, a tie or a loss."""
    agreement: float | None
    """Share of the pairs judged in both orders whose two verdicts agree; None where verdicts are not known."""
    first_share: float | None
    """Of the verdicts that are no tie, the share for the answer shown first; .5 is a judge without a leaning."""
    reasons: tuple[tuple[str, int], ...] = ()
    """Why verdicts are missing, each with its count."""
    avg_length: float = math.nan
    """Characters of the model's answers."""


def annotator(engine: Engine, settings: Judging) -> str:
    """What a judge is called in annotations: the model, then a digest of all that decides its verdicts."""
    decoding = f"{settings.max_new_tokens}/{settings.temperature}/{settings.top_p}/{settings.seed}"
    return f"{engine.model}/{prompt_digest('judge')[:8]}/{decoding}"


def judge(comparisons: Sequence[Comparison], engine: Engine, settings: Judging) -> list[Comparison]:
    """Lets a judge compare pairs, each in both orders.

    Two answers that are the same are a tie, and the judge is not asked. A verdict that this judge gave before is kept;
    where it gave none, it is asked again.

    Returns:
        The comparisons in their order, with preference, verdicts and replies; without a preference where the judge gave
        no verdict.
    """
    name = annotator(engine, settings)
    found = [_begun(one, name) for one in comparisons]
    for _ in range(settings.tries):
        asked = [(i, order) for i, one in enumerate(found) for order in (0, 1) if not _stands(one.verdicts[order])]
        if not asked:
            break
        answers = {one.id: one for one in engine.generate(_request(found[i], i, order, settings) for i, order in asked)}
        for i, order in asked:
            found[i] = _with(found[i], order, answers.get(f"{i}/{order}"))
        for i in {i for i, _ in asked}:
            found[i] = replace(found[i], tries=found[i].tries + 1)
    return [replace(one, preference=_preference(one.verdicts)) for one in found]


def win_rate(comparisons: Sequence[Comparison], seed: int = 0) -> WinRate:
    """The win rate of generator_2 against generator_1. The first five figures are AlpacaEval's, by its definitions."""
    judged = [(one, one.preference - 1) for one in comparisons if one.preference is not None]
    points = [value for _, value in judged]
    wins, losses = sum(value > 0.5 for value in points), sum(value < 0.5 for value in points)
    draws = len(points) - wins - losses
    interval = bootstrap_mean(points, [one.instruction for one, _ in judged], seed)
    verdicts = [one.verdicts for one in comparisons if len(one.verdicts) == 2 and "same" not in one.verdicts]
    both = [one for one in verdicts if all(map(_stands, one))]
    first = [verdict == shown for one in both for verdict, shown in zip(one, "12", strict=True) if verdict != "tie"]
    missing = Counter(verdict for one in comparisons for verdict in one.verdicts if not _stands(verdict))
    return WinRate(
        n_total=len(points),
        n_wins=wins,
        n_wins_base=losses,
        n_draws=draws,
        unjudged=len(comparisons) - len(points),
        win_rate=100 * fmean(points) if points else math.nan,
        standard_error=100 * stdev(points) / math.sqrt(len(points)) if len(points) > 1 else math.nan,
        interval=Interval(100 * interval.low, 100 * interval.high),
        discrete_win_rate=100 * (wins + draws / 2) / len(points) if points else math.nan,
        agreement=sum(one == two for one, two in both) / len(both) if both else None,
        first_share=sum(first) / len(first) if first else None,
        reasons=tuple(sorted(missing.items())),
        avg_length=fmean(len(one.output_2) for one in comparisons) if comparisons else math.nan,
    )


def _begun(comparison: Comparison, name: str) -> Comparison:
    """The comparison with what this judge said of it before."""
    if comparison.output_1 == comparison.output_2:
        return replace(comparison, annotator=name, verdicts=("same", "same"), replies=("", ""), tries=0)
    if comparison.annotator == name and len(comparison.verdicts) == len(comparison.replies) == 2:
        return comparison
    return replace(comparison, annotator=name, verdicts=("not asked",) * 2, replies=("", ""), tries=0)


def _stands(verdict: str) -> bool:
    return verdict in _POINTS


def _preference(verdicts: Sequence[str]) -> float | None:
    return sum(_POINTS[one] for one in verdicts) / 2 if all(map(_stands, verdicts)) else None


def _request(comparison: Comparison, index: int, order: int, settings: Judging) -> Request:
    outputs = (comparison.output_1, comparison.output_2)
    messages = judge_messages(comparison.instruction, outputs[order], outputs[1 - order])
    seed = record_rng_seed(settings.seed, _STAGE, f"{comparison.id}/{order}/{comparison.tries}")
    temperature = settings.temperature if comparison.tries else 0.0
    return Request(f"{index}/{order}", messages, Sampling(settings.max_new_tokens, temperature, settings.top_p, seed))


def _with(comparison: Comparison, order: int, answer: Completion | None) -> Comparison:
    verdicts, replies = list(comparison.verdicts), list(comparison.replies)
    if answer is None or answer.error or answer.finish_reason == "error":
        verdicts[order], replies[order] = "error", answer.error if answer else "the engine gave no answer"
    else:
        said = parse_verdict(answer.text, answer.finish_reason)
        verdicts[order], replies[order] = _SHOWN[order].get(said, said), answer.text
    return replace(comparison, verdicts=tuple(verdicts), replies=tuple(replies))
