import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.statistics.axis import Axis


def test_values_lie_in_proportion_and_an_axis_may_be_turned_round():
    assert [Axis(1, 5, 0, 100).at(value) for value in (1, 2, 5)] == [0, 25, 100]
    assert Axis(0, 2, 330, 40).at(0.5) == pytest.approx(257.5)


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [(1, 5, 6, [1, 2, 3, 4, 5]), (0, 0.3, 6, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]), (-7, 13, 8, [-5, 0, 5, 10])],
)
def test_ticks_are_round_and_the_ends_count(low, high, most, ticks):
    assert Axis(low, high, 0, 100).ticks(most) == pytest.approx(ticks)


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), most=st.integers(4, 10))
def test_ticks_are_enough_and_not_too_many(low, span, most):
    ticks = Axis(low, low + span, 0, 100).ticks(most)

    assert 1 <= len(ticks) <= most + 1
    assert all(low - 1e-6 * span - 1e-6 <= tick <= low + span + 1e-6 * span + 1e-6 for tick in ticks)
