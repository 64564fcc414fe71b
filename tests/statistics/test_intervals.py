"""Intervals are as wide as theory says, and the same seed gives the same one, to the last digit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from humpback.statistics.intervals import Interval, bootstrap_mean, percentile_interval, resample_counts, wilson


def test_the_bootstrap_is_as_wide_as_the_normal_interval_and_repeats():
    values = [float(n % 5 == 0) for n in range(500)]
    prompts = [str(n) for n in range(500)]
    interval = bootstrap_mean(values, prompts, 1)
    half = 1.96 * math.sqrt(0.2 * 0.8 / 500)
    assert interval.low == pytest.approx(0.2 - half, abs=0.006)
    assert interval.high == pytest.approx(0.2 + half, abs=0.006)
    assert interval == bootstrap_mean(values, prompts, 1)


def test_comparisons_of_one_prompt_are_drawn_together():
    values = [float(n % 2) for n in range(100)]
    alone = bootstrap_mean(values * 4, [str(n) for n in range(400)], 0)
    together = bootstrap_mean(values * 4, [str(n) for n in range(100)] * 4, 0)
    assert together.high - together.low == pytest.approx(2 * (alone.high - alone.low), rel=0.15)


def test_a_recorded_interval_is_found_again_to_the_last_digit():
    values = np.random.default_rng(7).random(50).tolist()
    assert bootstrap_mean(values, [str(n % 9) for n in range(50)], 2) == Interval(
        0.40393957570323336, 0.5867882897812087
    )


def test_nothing_has_no_interval():
    for interval in (bootstrap_mean([], [], 0), percentile_interval(np.full(3, math.nan)), wilson(0, 0)):
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)


def test_draws_without_a_figure_do_not_count():
    figures = np.linspace(0.0, 1.0, 41)
    with_gaps = np.insert(figures, [0, 20, 41], math.nan)
    interval = percentile_interval(with_gaps)
    assert interval == percentile_interval(figures)
    assert (interval.low, interval.high) == pytest.approx((0.025, 0.975))


def test_the_chunk_bounds_the_memory_and_does_not_change_what_is_drawn():
    whole = np.concatenate(list(resample_counts(5, 100, 100, 3)))
    chunks = list(resample_counts(5, 100, 7, 3))
    assert max(map(len, chunks)) == 7
    assert (np.concatenate(chunks) == whole).all()
    assert (whole.sum(axis=1) == 5).all()


@given(st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilsons_interval_holds_the_share_and_is_that_of_scipy(counts):
    count, total = counts
    interval = wilson(count, total)
    theirs = binomtest(count, total).proportion_ci(0.95, "wilson")
    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert interval.low - 1e-12 <= count / total <= interval.high + 1e-12
