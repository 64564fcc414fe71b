"""Ranks with ties: against scipy, scikit-learn, and the definition written out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from humpback.statistics.ranks import TieBlocks, auroc, mean_ranks, spearman

values = st.lists(st.sampled_from([-math.inf, 1.0, 2.0, 2.5, 3.0]), min_size=1, max_size=30)


@given(values)
def test_equal_values_share_the_mean_of_their_ranks(scores):
    assert (mean_ranks(np.array(scores)) == stats.rankdata(scores)).all()


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=40))
def test_spearman_is_that_of_scipy_to_the_last_digit(pairs):
    first, second = np.array(pairs, dtype=float).T
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert spearman(first, second) is None
    else:
        assert spearman(first, second) == float(stats.spearmanr(first, second)[0])


def test_one_value_has_no_correlation():
    assert spearman(np.ones(1), np.ones(1)) is None


@given(values, values)
def test_auroc_is_the_share_of_pairs_in_the_right_order(lower, higher):
    points = [(below < above) + (below == above) / 2 for below in lower for above in higher]
    assert auroc(np.array(lower), np.array(higher)) == pytest.approx(sum(points) / len(points))


@given(values, values)
def test_with_a_weight_of_one_each_blocks_give_the_same(lower, higher):
    is_higher = np.repeat([[0.0, 1.0]], [len(lower), len(higher)], axis=1)
    blocks = TieBlocks(np.array(lower + higher))
    assert blocks.auroc(1 - is_higher, is_higher)[0] == pytest.approx(auroc(np.array(lower), np.array(higher)))


def test_a_draw_that_holds_none_of_a_kind_has_no_auroc():
    (figure,) = TieBlocks(np.arange(3.0)).auroc(np.zeros((1, 3)), np.ones((1, 3)))
    assert math.isnan(figure)
    assert math.isnan(auroc(np.empty(0), np.ones(2)))
