"""Held-out losses to a table of differences with their uncertainty.

The models are measured on the same pairs, so that they are compared pair by pair: a bootstrap draws pairs, with all
their losses, again and again. That is far sharper than comparing two means, and honest about how few the pairs are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from humpback.deliver.report.data import Difference, LossSummary
from humpback.records import Direction, HeldOutLoss

DRAWS = 2000
DRAWS_AT_ONCE = 100

ByPair = Mapping[str, HeldOutLoss]
FloatArray = npt.NDArray[np.float64]


def loss_summaries(rows: Iterable[HeldOutLoss], *, seed: int = 0) -> tuple[LossSummary, ...]:
    """One summary for each model and direction: forwards first, the base before its finetuned models.

    Args:
        rows: Losses of any number of models, in any order. A pair without target tokens is left out.
        seed: Of the bootstrap's draws.
    """
    by_model: dict[tuple[Direction, str], dict[str, HeldOutLoss]] = {}
    for row in rows:
        if row.tokens > 0:
            by_model.setdefault((row.direction, row.model), {})[row.id] = row
    directions: tuple[Direction, ...] = ("forward", "backward")
    summaries: list[LossSummary] = []
    for direction in directions:
        models = sorted((model for other_direction, model in by_model if other_direction == direction), key=_order)
        for number, model in enumerate(models):
            pairs = by_model[direction, model]
            earlier = [(name, by_model[direction, name]) for name in models[:number]]
            summaries.append(_summary(model, direction, pairs, earlier, seed))
    return tuple(summaries)


def _summary(
    model: str, direction: Direction, pairs: ByPair, earlier: Sequence[tuple[str, ByPair]], seed: int
) -> LossSummary:
    # Exact summation: the order in which the losses were measured must not show in the last digit.
    nats = math.fsum(row.nats for row in pairs.values())
    tokens = sum(row.tokens for row in pairs.values())
    differences = tuple(
        difference
        for name, theirs in earlier
        if (difference := paired_difference(pairs, theirs, against=name, seed=seed))
    )
    return LossSummary(model, direction, len(pairs), tokens, nats / tokens, differences)


def paired_difference(ours: ByPair, theirs: ByPair, *, against: str, seed: int = 0) -> Difference | None:
    """The loss of one model minus that of another, in nats per token, over the pairs that both have.

    Args:
        ours: Losses of the model, by pair.
        theirs: Losses of the other.
        against: Name of the other.
        seed: Of the draws.

    Returns:
        None where they have no pair in common.
    """
    ids = sorted(ours.keys() & theirs.keys())
    if not ids:
        return None
    table = np.array(
        [(ours[item].nats, ours[item].tokens, theirs[item].nats, theirs[item].tokens) for item in ids], dtype=np.float64
    )
    drawn = _bootstrap(table, np.random.default_rng(seed))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Difference(
        against=against,
        difference=float(_ratio_difference(table.sum(axis=0))),
        standard_error=float(drawn.std()),
        low=float(low),
        high=float(high),
        pairs=len(ids),
    )


def _bootstrap(table: FloatArray, generator: np.random.Generator) -> FloatArray:
    n = len(table)
    # Multinomial weights are draws with replacement; a few at a time bound the memory for many pairs.
    parts = [
        _ratio_difference(generator.multinomial(n, np.full(n, 1.0 / n), size=DRAWS_AT_ONCE) @ table)
        for _ in range(DRAWS // DRAWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _ratio_difference(sums: FloatArray) -> FloatArray:
    difference: FloatArray = sums[..., 0] / sums[..., 1] - sums[..., 2] / sums[..., 3]
    return difference


def _order(model: str) -> tuple[int, int, str]:
    """The base first, then by the number at the end of the stage's name: forward-2 before forward-10."""
    number = model.rpartition("-")[2]
    return (0 if model == "base" else 1, int(number) if number.isdigit() else 0, model)
