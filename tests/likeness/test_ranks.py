"""The value at a rank, in passes over values that are never held together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.likeness.ranks import from_sortable, nth_largest, sortable

FLOATS = st.floats(allow_nan=False)


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), min_size=1, max_size=60), st.data())
def test_it_is_what_sorting_gives_however_little_is_held(values, data):
    rank = data.draw(st.integers(1, len(values)))
    blocks = [np.array(values[at : at + 7], np.uint64) for at in range(0, len(values), 7)]
    expected = sorted(values, reverse=True)[rank - 1]
    for held in (0, 3, 1000):
        ranked = nth_largest(lambda: blocks, rank, held)
        assert ranked is not None
        assert ranked.value == expected
        assert ranked.above == sum(value > expected for value in values)


def test_there_is_none_where_there_are_fewer_values():
    assert nth_largest(lambda: [np.arange(3, dtype=np.uint64)], 4) is None
    assert nth_largest(list, 1) is None


@given(FLOATS, FLOATS)
def test_floats_keep_their_order(first, second):
    keys = sortable(np.array([first, second]))
    assert (keys[0] < keys[1]) == (first < second)
    assert (keys[0] == keys[1]) == (first == second)
    assert from_sortable(int(keys[0])) == first


@pytest.mark.parametrize("value", [math.inf, -math.inf, 0.0, 5e-324])
def test_no_score_has_a_place_of_its_own(value):
    keys = sortable(np.array([math.nan, value, -value]))
    assert keys[0] == 0
    assert (keys[1:] > 0).all()
