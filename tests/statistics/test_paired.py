"""Models are compared item by item and seed by seed, and the intervals hold what they should."""

import numpy as np
import pytest

from humpback.statistics.intervals import Interval, percentile_interval
from humpback.statistics.paired import UNTRAINED, Measured, Noise, Trainings, difference, draws, line_up


def trainings(values: np.ndarray, seeds: tuple[int, ...] | None = None) -> Trainings:
    """Rows are trainings, columns items, each of weight 1."""
    return Trainings(seeds or tuple(range(1, len(values) + 1)), values, np.ones_like(values))


def test_a_figure_is_a_ratio_of_sums():
    found, left_out = line_up({"m": {1: [Measured("a", 6.0, 3), Measured("b", 1.0, 1)]}})
    assert found["m"].value == pytest.approx(7 / 4), "not the mean of 2 and 1"
    assert left_out == 0


def test_only_items_that_every_model_was_measured_on_count():
    found, left_out = line_up(
        {
            "m": {1: [Measured("a", 1.0), Measured("b", 9.0)], 2: [Measured("b", 9.0), Measured("a", 3.0)]},
            "n": {1: [Measured("a", 2.0), Measured("c", 9.0)]},
        }
    )
    assert left_out == 2
    assert found["m"].value == pytest.approx(2.0)
    assert found["m"].by_seed == (1.0, 3.0), "joined by item, whatever the order"
    assert found["n"].value == pytest.approx(2.0)


def test_a_small_steady_difference_is_told_apart_where_the_figures_themselves_overlap():
    hard = np.random.default_rng(0).normal(2.0, 1.0, 80)
    ours, theirs = trainings(np.tile(hard - 0.05, (3, 1))), trainings(np.tile(hard, (3, 1)))
    assert percentile_interval(draws(ours)).high > percentile_interval(draws(theirs)).low
    found = difference(ours, theirs)
    assert found.difference == pytest.approx(-0.05)
    assert found.interval.low == pytest.approx(-0.05)
    assert found.interval.high == pytest.approx(-0.05)
    assert found.lower == 3


def test_a_difference_that_hangs_on_the_seed_is_not_told_apart():
    items = np.random.default_rng(1).normal(2.0, 0.01, 400)
    ours = trainings(np.stack([items - 0.2, items + 0.1, items - 0.05]))
    found = difference(ours, trainings(np.stack([items, items, items])))
    assert found.interval.low < 0 < found.interval.high
    assert found.lower == 2


def test_only_seeds_that_both_have_are_compared():
    items = np.ones(10)
    ours = trainings(np.stack([items, items * 5]), (1, 2))
    theirs = trainings(np.stack([items * 2, items * 9]), (1, 3))
    found = difference(ours, theirs)
    assert (found.difference, found.seeds, found.lower) == (-1.0, 1, 1)
    base = trainings(np.stack([items * 3]), (0,))
    assert difference(ours, base).difference == pytest.approx(0.0), "no seed in common: all of each"


def test_intervals_of_few_trainings_hold_the_truth_as_often_as_they_say():
    """Four ways to train with three seeds each, no difference between them: 95 % of the intervals hold 0."""
    generator = np.random.default_rng(2)
    held = 0
    for _ in range(300):
        levels, items = generator.normal(0.0, 1.0, (4, 3)), generator.normal(2.0, 0.1, 30)
        ways = [trainings(levels[way, :, None] + items) for way in range(4)]
        interval = difference(ways[0], ways[1], Noise.of(ways)).interval
        held += interval.low <= 0 <= interval.high
    assert 0.92 <= held / 300 <= 0.98


def test_what_other_ways_to_train_vary_by_counts_for_one_with_a_single_training():
    items = np.random.default_rng(4).normal(2.0, 0.01, 400)
    steady = trainings(items[None], (1,)), trainings(items[None] - 0.05, (1,))
    restless = trainings(np.stack([items, items + 0.2, items - 0.1]))
    assert difference(steady[1], steady[0]).interval.high < 0, "these two models alone"
    apart = difference(steady[1], steady[0], Noise.of([*steady, restless])).interval
    assert apart.low < 0 < apart.high
    untrained = trainings(items[None], (UNTRAINED,))
    assert percentile_interval(draws(untrained, Noise(1.0, 2))) == percentile_interval(draws(untrained))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """One training, 60 items: 95 % of intervals of the mean hold it."""
    generator = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        interval = percentile_interval(draws(trainings(generator.normal(1.0, 1.0, (1, 60)))))
        held += interval.low <= 1.0 <= interval.high
    assert 0.89 <= held / 200 <= 0.99


def test_a_recorded_difference_is_found_again_to_the_last_digit():
    generator = np.random.default_rng(7)
    readings = {
        name: {
            seed: [Measured(str(item), generator.gamma(3, 5), generator.integers(1, 9)) for item in range(25)]
            for seed in (1, 2, 3)
        }
        for name in "ab"
    }
    lined_up, _ = line_up(readings)
    result = difference(lined_up["a"], lined_up["b"], rng_seed=5)
    assert result.difference == -0.10292992941645585
    assert result.interval == Interval(-1.035555689476666, 0.8597552891273893)
    assert (result.seeds, result.lower) == (3, 2)
