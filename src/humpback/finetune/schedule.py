"""How many steps of what batch, and the learning rate along them (paper, section 3.1 and appendix)."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from humpback.config import TrainSettings
from humpback.errors import ConfigError

_TABLE = (
    (100, 8, 30),
    (800, 8, 300),
    (1_600, 8, 600),
    (3_200, 32, 500),
    (6_400, 32, 600),
    (12_800, 32, 600),
    (25_600, 32, 1_200),
    (51_200, 32, 1_600),
)
"""Number of pairs, batch, steps: the paper's table of trainings."""

_LARGE_BATCH_FROM = 3_000

Order = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The shape of one training.

    Attributes:
        steps: Optimiser steps.
        batch_size: Examples in each.
        micro_batch_size: Examples in one padded forward pass.
    """

    steps: int
    batch_size: int
    micro_batch_size: int


def steps_and_batch(n: int, settings: TrainSettings) -> Schedule:
    """Steps and batch for `n` examples.

    'paper' reads the table: exact at its rows; between two rows the number of examples seen (steps times batch) is
    interpolated on logarithmic axes; below the first row it is proportional to `n`, above the last it is one epoch.
    A batch never holds more examples than there are.
    """
    table_batch = 8 if n < _LARGE_BATCH_FROM else 32
    batch = min(n, table_batch if settings.batch_size == "paper" else settings.batch_size)
    if settings.epochs is not None:
        steps = max(1, round(n * settings.epochs / batch))
    else:
        steps = max(1, round(_examples_seen(n) / batch)) if settings.steps == "paper" else settings.steps
    return Schedule(steps, batch, min(batch, settings.micro_batch_size))


def _examples_seen(n: int) -> float:
    rows = [(size, batch * steps) for size, batch, steps in _TABLE]
    if n <= rows[0][0]:
        return n * rows[0][1] / rows[0][0]
    for (smaller, seen_smaller), (larger, seen_larger) in pairwise(rows):
        if n == larger:
            return seen_larger
        if n < larger:
            share = math.log(n / smaller) / math.log(larger / smaller)
            return math.exp((1 - share) * math.log(seen_smaller) + share * math.log(seen_larger))
    return n


def order_of_examples(count: int, schedule: Schedule, seed: int) -> Order:
    """Which example is seen when: one index for each place in each batch of the whole training.

    Every epoch is a seeded permutation of its own, and a batch may span two. Within a batch the order counts for
    nothing: a step weighs all its target tokens alike. With the order fixed beforehand a resumed training continues
    with the right examples.

    Args:
        count: How many examples there are.
        schedule: Steps and batch.
        seed: Of the permutations.
    """
    needed = schedule.steps * schedule.batch_size
    order = np.empty(needed, dtype=np.int32)
    for epoch, start in enumerate(range(0, needed, count)):
        indices = list(range(count))
        random.Random(f"{seed}/{epoch}").shuffle(indices)  # noqa: S311
        end = min(start + count, needed)
        order[start:end] = indices[: end - start]
    return order


def check_rates(settings: TrainSettings, direction: str, steps: int) -> None:
    """Refuses rates that cannot be followed.

    Raises:
        ConfigError: The rate would rise, or the warm-up is as long as the training.
    """
    if settings.learning_rate < settings.final_learning_rate:
        raise ConfigError(
            f"{direction}.learning_rate ({settings.learning_rate:g}) is below "
            f"{direction}.final_learning_rate ({settings.final_learning_rate:g})",
            "lower the final rate: it is a rate, not a factor",
        )
    if settings.warmup_steps >= steps and settings.warmup_steps:
        raise ConfigError(
            f"{direction}.warmup_steps ({settings.warmup_steps}) leaves nothing of a training of {steps} steps",
            "lower it",
        )


def scheduler_options(settings: TrainSettings) -> dict[str, object]:
    """The schedule in the words of `TrainingArguments`: linear from the first rate to the final one.

    The rate is the final one when the last step has been made.
    """
    if settings.learning_rate == settings.final_learning_rate:
        return {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": settings.warmup_steps}
    return {
        "lr_scheduler_type": "polynomial",
        "lr_scheduler_kwargs": {"lr_end": settings.final_learning_rate, "power": 1.0},
        "warmup_steps": settings.warmup_steps,
    }
