"""How many steps of what batch, and the learning rate along them (paper, section 3.1 and appendix)."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from humpback.config import ExampleOrder, ForwardSettings, TrainSettings
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
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The shape of one training.

    Attributes:
        steps: Optimiser steps.
        batch_size: Examples in each.
        micro_batch_size: Examples in one padded forward pass.
        order: How the examples of seed pairs lie among the augmented ones.
        seed_weight: How often a pass holds each example of a seed pair.
    """

    steps: int
    batch_size: int
    micro_batch_size: int
    order: ExampleOrder = "mixed"
    seed_weight: int = 1


def steps_and_batch(n: int, settings: TrainSettings, seed_count: int = 0) -> Schedule:
    """Steps and batch for `n` examples, of which `seed_count` come from seed pairs.

    'paper' reads the table: exact at its rows; between two rows the number of examples seen (steps times batch) is
    interpolated on logarithmic axes; below the first row it is proportional to `n`, above the last it is one epoch.
    A batch never holds more examples than there are.

    `epochs` counts each repetition of a seed pair, the table does not. Where all examples are of one origin, `order`
    and `seed_weight` have no effect.
    """
    order: ExampleOrder = "mixed"
    seed_weight = 1
    if isinstance(settings, ForwardSettings) and 0 < seed_count < n:
        order, seed_weight = settings.order, settings.seed_weight
    table_batch = 8 if n < _LARGE_BATCH_FROM else 32
    batch = min(n, table_batch if settings.batch_size == "paper" else settings.batch_size)
    if settings.epochs is not None:
        in_a_pass = n + (seed_weight - 1) * seed_count
        steps = max(1, round(in_a_pass * settings.epochs / batch))
    else:
        steps = max(1, round(_examples_seen(n) / batch)) if settings.steps == "paper" else settings.steps
    return Schedule(steps, batch, min(batch, settings.micro_batch_size), order, seed_weight)


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


def order_of_examples(from_seed: Mask, schedule: Schedule, seed: int) -> Order:
    """Which example is seen when: one index for each place in each batch of the whole training.

    Every epoch is a seeded permutation of its own, and a batch may span two. Within a batch the order counts for
    nothing: a step weighs all its target tokens alike. With the order fixed beforehand a resumed training continues
    with the right examples.

    'seed-last' and 'seed-first' make two phases of it, each with epochs of its own. A phase gets its part of all places
    by how much of a pass its examples are, so a training is as long as with 'mixed'. One batch may span both phases.

    Args:
        from_seed: For each example, whether it comes from a seed pair.
        schedule: Steps and batch, order and weight of the seed pairs.
        seed: Of the permutations.
    """
    slots = schedule.steps * schedule.batch_size
    weights = np.where(from_seed, schedule.seed_weight, 1)
    one_pass = np.repeat(np.arange(len(from_seed), dtype=np.int32), weights)
    if schedule.order == "mixed":
        return _passes(one_pass, slots, seed)
    in_first = from_seed[one_pass] == (schedule.order == "seed-first")
    first_slots = round(slots * np.count_nonzero(in_first) / len(one_pass))
    first = _passes(one_pass[in_first], first_slots, seed)
    return np.concatenate([first, _passes(one_pass[~in_first], slots - first_slots, seed)])


def _passes(examples: Order, slots: int, seed: int) -> Order:
    """So many places, filled with one permutation of the examples after the other; the last one may be cut short."""
    order = np.empty(slots, dtype=np.int32)
    for epoch, start in enumerate(range(0, slots, max(1, len(examples)))):  # without examples there are no places
        shuffled = list(range(len(examples)))
        random.Random(f"{seed}/{epoch}").shuffle(shuffled)  # noqa: S311
        end = min(start + len(examples), slots)
        order[start:end] = examples[shuffled[: end - start]]
    return order


def check_warmup(settings: TrainSettings, direction: str, steps: int) -> None:
    """Refuses a warm-up that is as long as the training, whose length may follow from the pairs.

    Raises:
        ConfigError: It is.
    """
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
