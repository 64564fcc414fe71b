"""Held-out losses to a table of differences with their uncertainty, compared pair by pair (`statistics.paired`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from humpback.deliver.facts import Difference, LossSummary
from humpback.records import Direction, HeldOutLoss
from humpback.statistics import paired

ByPair = Mapping[str, HeldOutLoss]


def loss_summaries(rows: Iterable[HeldOutLoss], *, order: Sequence[str] = ()) -> tuple[LossSummary, ...]:
    """One summary for each model and direction: forwards first, the base before its finetuned models.

    Args:
        rows: Losses of any number of models, in any order. A pair without target tokens is left out.
        order: Models as they were trained; each is compared with those before it. The base comes first in any case.
    """
    rank = {model: number for number, model in enumerate(("base", *order))}
    by_model: dict[tuple[Direction, str], dict[str, HeldOutLoss]] = {}
    for row in rows:
        if row.tokens > 0:
            by_model.setdefault((row.direction, row.model), {})[row.id] = row
    directions: tuple[Direction, ...] = ("forward", "backward")
    summaries: list[LossSummary] = []
    for direction in directions:
        unordered = (model for other_direction, model in by_model if other_direction == direction)
        models = sorted(unordered, key=lambda model: (rank.get(model, len(rank)), model))
        for number, model in enumerate(models):
            pairs = by_model[direction, model]
            earlier = [(name, by_model[direction, name]) for name in models[:number]]
            summaries.append(_summary(model, direction, pairs, earlier))
    return tuple(summaries)


def _summary(model: str, direction: Direction, pairs: ByPair, earlier: Sequence[tuple[str, ByPair]]) -> LossSummary:
    # Exact summation: the order in which the losses were measured must not show in the last digit.
    nats = math.fsum(row.nats for row in pairs.values())
    tokens = sum(row.tokens for row in pairs.values())
    differences = tuple(
        difference
        for name, theirs in earlier
        if (difference := paired_difference(pairs, theirs, against=name)) and math.isfinite(difference.difference)
    )
    return LossSummary(model, direction, len(pairs), tokens, nats / tokens, differences)


def paired_difference(ours: ByPair, theirs: ByPair, *, against: str) -> Difference | None:
    """The loss of one model minus that of another, in nats per token, over the pairs that both have.

    Args:
        ours: Losses of the model, by pair.
        theirs: Losses of the other.
        against: Name of the other.

    Returns:
        None where they have no pair in common.
    """
    trainings, _ = paired.line_up({"ours": {0: _readings(ours)}, "theirs": {0: _readings(theirs)}})
    pairs = trainings["ours"].totals.shape[1]
    if not pairs:
        return None
    result = paired.difference(trainings["ours"], trainings["theirs"])
    return Difference(
        against=against,
        difference=result.difference,
        standard_error=result.standard_error,
        low=result.interval.low,
        high=result.interval.high,
        pairs=pairs,
    )


def _readings(losses: ByPair) -> list[paired.Measured]:
    return [paired.Measured(item, loss.nats, loss.tokens) for item, loss in losses.items()]
