"""StepRows and batch of the paper's table, the order of the examples, and the learning rate."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import get_scheduler

from humpback.config import TrainSettings
from humpback.errors import ConfigError
from humpback.training.schedule import Schedule, check_warmup, order_of_examples, scheduler_options, steps_and_batch

TABLE = [
    (100, 8, 30),
    (800, 8, 300),
    (1600, 8, 600),
    (3200, 32, 500),
    (6400, 32, 600),
    (12800, 32, 600),
    (25600, 32, 1200),
    (51200, 32, 1600),
]


@pytest.mark.parametrize(("pairs", "batch", "steps"), TABLE)
def test_rows_of_the_paper(pairs: int, batch: int, steps: int) -> None:
    assert steps_and_batch(pairs, TrainSettings()) == Schedule(steps, batch, 4)


def test_between_rows_the_examples_seen_never_fall() -> None:
    seen = []
    for pairs in range(1, 60_000, 37):
        schedule = steps_and_batch(pairs, TrainSettings())
        assert schedule.batch_size == min(pairs, 8 if pairs < 3000 else 32)
        seen.append(schedule.steps * schedule.batch_size)
    assert all(later >= earlier - 32 for earlier, later in pairwise(seen))


@pytest.mark.parametrize(("pairs", "batch", "steps"), [(1, 1, 2), (10, 8, 3), (50, 8, 15), (102_400, 32, 3200)])
def test_below_the_table_in_proportion_and_above_it_one_epoch(pairs: int, batch: int, steps: int) -> None:
    schedule = steps_and_batch(pairs, TrainSettings())
    assert (schedule.batch_size, schedule.steps) == (batch, steps)


def test_settings_override_the_table() -> None:
    settings = TrainSettings(steps=7, batch_size=6, micro_batch_size=4)
    schedule = steps_and_batch(100, settings)
    assert schedule == Schedule(7, 6, 4)


def test_the_order_is_seeded_and_each_epoch_sees_every_example_once() -> None:
    schedule = Schedule(steps=3, batch_size=4, micro_batch_size=2)
    from_seed = np.array([True] * 6)
    order = order_of_examples(from_seed, schedule, seed=1).tolist()
    assert order == [2, 1, 0, 4, 3, 5, 2, 5, 1, 4, 0, 3]  # as before there was `forward.order`
    assert order != order_of_examples(from_seed, schedule, seed=2).tolist()
    assert sorted(order[:6]) == sorted(order[6:]) == list(range(6))
    assert order[:6] != order[6:]


def _rates(settings: TrainSettings, steps: int) -> list[float]:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=settings.learning_rate)
    options = scheduler_options(settings)
    scheduler = get_scheduler(
        options["lr_scheduler_type"],
        optimizer,
        num_warmup_steps=settings.warmup_steps,
        num_training_steps=steps,
        scheduler_specific_kwargs=options.get("lr_scheduler_kwargs"),
    )
    rates = [scheduler.get_last_lr()[0]]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    return rates


def test_the_rate_falls_on_a_line_from_the_first_to_the_final_rate() -> None:
    rates = _rates(TrainSettings(), steps=10)
    assert rates[0] == pytest.approx(1e-5, rel=1e-9)
    assert rates[5] == pytest.approx(9.5e-6, rel=1e-9)
    assert rates[-1] == pytest.approx(9e-6, rel=1e-9)


def test_a_constant_rate_and_a_warm_up() -> None:
    assert set(_rates(TrainSettings(learning_rate=2e-5, final_learning_rate=2e-5), 3)) == {2e-5}
    rates = _rates(TrainSettings(warmup_steps=2), 6)
    assert (rates[0], rates[2]) == (0.0, pytest.approx(1e-5))
    assert rates[-1] == pytest.approx(9e-6)


def test_a_warm_up_as_long_as_the_training_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"backward\.warmup_steps"):
        check_warmup(TrainSettings(warmup_steps=10), "backward", 10)


def test_epochs_give_every_pair_its_share_whatever_their_number():
    settings = TrainSettings(epochs=0.5, batch_size=8)
    assert steps_and_batch(160, settings).steps == 10
    assert steps_and_batch(320, settings).steps == 20
    assert steps_and_batch(4, settings).steps == 1


def test_steps_and_epochs_contradict_one_another():
    with pytest.raises(ValueError, match="give only one of steps and epochs"):
        TrainSettings(epochs=0.5, steps=10)
