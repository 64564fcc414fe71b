"""Vectors in a byte for each dimension."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from humpback.likeness.packed import pack, similarities, unpack

PACKED = arrays(np.int8, (6, 5), elements=st.integers(-127, 127))


@pytest.mark.parametrize(("dimensions", "error"), [(16, 0.01), (640, 0.002), (4096, 0.001)])
def test_directions_stay_nearly_what_they_were(dimensions, error):
    vectors = np.random.default_rng(0).normal(size=(40, dimensions))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors / lengths) @ (vectors / lengths).T

    assert np.abs(similarities(pack(vectors), pack(vectors)) - cosines).max() < error


@pytest.mark.parametrize("dimensions", [640, 4096])
def test_the_same_two_have_the_same_similarity_in_any_company(dimensions):
    packed = pack(np.random.default_rng(0).normal(size=(30, dimensions)))
    together = similarities(packed, packed)

    alone = [[similarities(packed[[a]], packed[[b]])[0, 0] for b in range(30)] for a in range(30)]
    assert np.array_equal(together, alone)
    assert np.array_equal(together, together.T)


@settings(deadline=None)
@given(PACKED, PACKED)
def test_only_the_same_packed_direction_is_wholly_alike(first, second):
    values = similarities(pack(first.astype(np.float64)), pack(second.astype(np.float64)))
    same = [[np.array_equal(a, b) and a.any() for b in pack(second.astype(float))] for a in pack(first.astype(float))]

    assert np.array_equal(values == 1, same)
    assert (np.abs(values) <= 1).all()


def test_length_does_not_count_and_no_direction_is_alike_to_nothing():
    packed = pack(np.array([[1.0, -2.0], [10.0, -20.0], [0.0, 0.0]]))

    assert packed.tolist() == [[64, -127], [64, -127], [0, 0]]
    assert similarities(packed, packed).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert np.array_equal(unpack(packed.tobytes(), 2), packed)
