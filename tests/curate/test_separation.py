import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.curate import separation


def test_the_papers_distribution_separates():
    found = separation([5.0] * 8 + [4.0] * 31 + [3.0] * 30 + [2.0] * 16 + [1.0] * 15)

    assert not found.flat
    assert found.mode == 4
    assert found.mode_share == pytest.approx(0.31)
    assert found.sentence == (
        "The scorer separates candidates (100 scores, mean 3.01, standard deviation 1.18; 31% of them are 4)."
    )


def test_nearly_one_value_is_flat_whatever_the_deviation():
    found = separation([4.0] * 95 + [1.0] * 5)

    assert found.standard_deviation > 0.5
    assert found.flat
    assert "nearly all candidates get the same score" in found.sentence


def test_a_narrow_band_is_flat():
    found = separation([3.01, 3.02, 3.03, 3.04, 3.05] * 4, "expected-rating")

    assert found.flat
    assert "narrow band" in found.sentence


def test_expected_ratings_are_allowed_to_lie_closer_together():
    scores = [2.9 + index * 0.01 for index in range(40)]

    assert not separation(scores, "expected-rating").flat
    assert separation(scores, "rating").flat


@pytest.mark.parametrize(("scores", "words"), [([], "no scores"), ([4.0], "One score alone")])
def test_too_few_to_say(scores, words):
    found = separation(scores)

    assert found.flat
    assert found.n == len(scores)
    assert words in found.sentence


def test_no_scores_have_no_mean():
    assert math.isnan(separation([]).mean)


@pytest.mark.parametrize("scorer", ["rating", "expected-rating", "another"])
@given(scores=st.lists(st.floats(1, 5), min_size=1))
def test_figures_lie_where_they_must(scorer, scores):
    found = separation(scores, scorer)

    assert found.n == len(scores)
    assert min(scores) - 1e-9 <= found.mean <= max(scores) + 1e-9
    assert 0 <= found.standard_deviation <= 2.0 + 1e-9
    assert 1 <= found.mode <= 5
    assert 0 < found.mode_share <= 1
    assert found.sentence.endswith(".")
