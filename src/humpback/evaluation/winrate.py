"""Win rate: how often a judge prefers a model's answers to a baseline's.

Any engine can judge. Every pair is shown in both orders, because judges favour a position; a pair that wins in one
order only is a tie. Where a reply holds no verdict, the judge is asked again with another draw. A pair that then has no
verdict in one of the orders has no preference: it is counted, but is not in the win rate.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from humpback.engines.base import NO_ANSWER, Engine, answers
from humpback.evaluation.comparisons import Comparison, Judging
from humpback.prompts import judge_messages, parse_verdict, prompt_digest
from humpback.records import record_rng_seed
from humpback.requests import Completion, Request, Sampling
from humpback.statistics.intervals import Interval, bootstrap_mean

_STAGE = "judge"
_POINTS = {"1": 1.0, "2": 2.0, "tie": 1.5, "same": 1.5}
_SHOWN = ({"first": "1", "second": "2"}, {"first": "2", "second": "1"})
"""The output that the judge means, in each order."""


@dataclass(frozen=True, slots=True)
class WinRate:
    """The win rate of a model, in percent, with its parts."""

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
    """95 %, percentile bootstrap over prompts, 2,000 draws; nan for one prompt."""
    discrete_win_rate: float
    """(wins + ties / 2) / all, each preference taken as a win, a tie or a loss."""
    agreement: float | None
    """Share of the pairs judged in both orders whose two verdicts agree; None where there are no verdicts."""
    first_share: float | None
    """Of the verdicts that are no tie, the share for the answer shown first; .5 is a judge without a position bias."""
    reasons: tuple[tuple[str, int], ...] = ()
    """Why verdicts are missing, each with its count."""
    avg_length: float = math.nan
    """Characters of the model's answers."""
    avg_length_base: float = math.nan
    """Of the baseline's."""


def annotator(engine: Engine, settings: Judging) -> str:
    """The judge's name in annotations: the model, and a digest of everything that decides its verdicts."""
    decoding = f"{settings.max_new_tokens}/{settings.temperature}/{settings.top_p}/{settings.seed}"
    return f"{engine.model}/{prompt_digest('judge')[:8]}/{decoding}"


def judge(comparisons: Sequence[Comparison], engine: Engine, settings: Judging) -> list[Comparison]:
    """Lets a judge compare pairs, each in both orders.

    Two equal answers are a tie, and the judge is not asked. Earlier verdicts of this judge stay; where it gave none, it
    is asked again.

    Returns:
        The comparisons in their order, with preference, verdicts and replies; without a preference where the judge gave
        no verdict.
    """
    name = annotator(engine, settings)
    rows = [_with_earlier_verdicts(comparison, name) for comparison in comparisons]
    for _ in range(settings.tries):
        open_questions = [
            (i, order) for i, row in enumerate(rows) for order in (0, 1) if not _is_verdict(row.verdicts[order])
        ]
        if not open_questions:
            break
        requests = (_request(rows[i], i, order, settings) for i, order in open_questions)
        completions = answers(engine, requests)
        for i, order in open_questions:
            rows[i] = _with(rows[i], order, completions.get(f"{i}/{order}"))
        for i in {i for i, _ in open_questions}:
            rows[i] = replace(rows[i], tries=rows[i].tries + 1)
    return [replace(row, preference=_preference(row.verdicts)) for row in rows]


def win_rate(comparisons: Sequence[Comparison], rng_seed: int = 0) -> WinRate:
    """The win rate of generator_2 against generator_1. The first five figures are AlpacaEval's, by its definitions."""
    judged = [(row.instruction, row.preference - 1) for row in comparisons if row.preference is not None]
    points = [value for _, value in judged]
    wins, losses = sum(value > 0.5 for value in points), sum(value < 0.5 for value in points)
    draws = len(points) - wins - losses
    prompts = [instruction for instruction, _ in judged]
    # Of one prompt every draw is the same.
    interval = bootstrap_mean(points if len(set(prompts)) > 1 else [], prompts, rng_seed)
    verdicts = [row.verdicts for row in comparisons if len(row.verdicts) == 2 and "same" not in row.verdicts]
    both = [pair for pair in verdicts if all(map(_is_verdict, pair))]
    # Output 1 is shown first in the first order, output 2 in the second.
    first = [
        verdict == first_side
        for pair in both
        for verdict, first_side in zip(pair, "12", strict=True)
        if verdict != "tie"
    ]
    missing = Counter(verdict for row in comparisons for verdict in row.verdicts if not _is_verdict(verdict))
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
        agreement=sum(pair[0] == pair[1] for pair in both) / len(both) if both else None,
        first_share=sum(first) / len(first) if first else None,
        reasons=tuple(sorted(missing.items())),
        avg_length=fmean(len(row.output_2) for row in comparisons) if comparisons else math.nan,
        avg_length_base=fmean(len(row.output_1) for row in comparisons) if comparisons else math.nan,
    )


def in_sentences(rate: WinRate, model: str, baseline: str, judge: str) -> str:
    """What a judge says of a model's answers and a baseline's, for people."""
    total, low, high = rate.n_total + rate.unjudged, rate.interval.low, rate.interval.high
    unsure = ", which is no clear difference from 50 %" if low <= 50 <= high else ""
    interval = "no interval: one prompt" if math.isnan(low) else f"95 % interval {low:.1f} to {high:.1f}{unsure}"
    agreement = (
        "" if rate.agreement is None else f" Its verdicts in both orders agree on {100 * rate.agreement:.0f} % of them."
    )
    return (
        f"{judge} prefers the answers of {model} to those of {baseline} on {rate.win_rate:.1f} % of {rate.n_total:,} "
        f"prompts, a tie counting half ({interval}).{agreement} It gave no verdict on {rate.unjudged:,} of {total:,} "
        f"({100 * rate.unjudged / max(1, total):.0f} %). Answers of {model} have {rate.avg_length:,.0f} characters "
        f"on average, those of {baseline} {rate.avg_length_base:,.0f}."
    )


def _with_earlier_verdicts(comparison: Comparison, name: str) -> Comparison:
    """The comparison with the earlier verdicts of this judge; those of another judge are removed."""
    if comparison.output_1 == comparison.output_2:
        return replace(comparison, annotator=name, verdicts=("same", "same"), replies=("", ""), reasoning=(), tries=0)
    if comparison.annotator == name and len(comparison.verdicts) == len(comparison.replies) == 2:
        return comparison
    return replace(comparison, annotator=name, verdicts=("not asked",) * 2, replies=("", ""), reasoning=(), tries=0)


def _is_verdict(verdict: str) -> bool:
    return verdict in _POINTS


def _preference(verdicts: Sequence[str]) -> float | None:
    return sum(_POINTS[verdict] for verdict in verdicts) / 2 if all(map(_is_verdict, verdicts)) else None


def _request(comparison: Comparison, index: int, order: int, settings: Judging) -> Request:
    outputs = (comparison.output_1, comparison.output_2)
    messages = judge_messages(comparison.instruction, outputs[order], outputs[1 - order])
    seed = record_rng_seed(settings.seed, _STAGE, f"{comparison.id}/{order}/{comparison.tries}")
    temperature = settings.temperature if comparison.tries else 0.0
    sampling = Sampling(settings.max_new_tokens, temperature, settings.top_p, seed)
    return Request(f"{index}/{order}", messages, sampling, form="verdict")


def _with(comparison: Comparison, order: int, answer: Completion | None) -> Comparison:
    verdicts, replies = list(comparison.verdicts), list(comparison.replies)
    thoughts = list(comparison.reasoning or ("", ""))
    if answer is None or answer.error or answer.finish_reason == "error":
        verdicts[order], replies[order] = "error", answer.error if answer else NO_ANSWER
    else:
        verdict = parse_verdict(answer.text, answer.finish_reason)
        verdicts[order], replies[order] = _SHOWN[order].get(verdict, verdict), answer.text
        thoughts[order] = answer.reasoning
    reasoning = tuple(thoughts) if any(thoughts) else ()
    return replace(comparison, verdicts=tuple(verdicts), replies=tuple(replies), reasoning=reasoning)
