"""Segments get vectors and groups by what a model makes of their beginnings."""

import numpy as np
import pytest

from humpback.engines.fake import FakeEngine
from humpback.errors import StageError
from humpback.likeness.meaning import MeaningReader, find_groups
from humpback.likeness.packed import similarities, unpack
from humpback.records import Segment

TEXTS = [f"Text number {number}, and no other." for number in range(60)]


def segments(*texts: str) -> list[Segment]:
    return [Segment(f"s{number}", "d", "x", (), text, "en") for number, text in enumerate(texts)]


def test_each_segment_is_in_the_group_that_it_is_most_like():
    (groups,) = find_groups(TEXTS, FakeEngine("base"), 64, 5, 0).kept
    reader = MeaningReader(groups, FakeEngine("base"), 64)
    vectors = reader.read(segments(*TEXTS)).kept

    centroids, packed = unpack(groups.centroids, 16), unpack(b"".join(item.vector for item in vectors), 16)
    assert centroids.shape == (5, 16)
    assert [item.cluster for item in vectors] == similarities(packed, centroids).argmax(axis=1).tolist()
    assert {item.cluster for item in vectors} == set(range(5))
    assert np.abs(packed.mean(axis=0)).max() < 10, "vectors are standardised"


def test_the_same_seed_gives_the_same_groups():
    first, second = (find_groups(TEXTS, FakeEngine("base"), 64, 5, 3).kept for _ in range(2))
    assert first == second


def test_shards_change_no_vector():
    (groups,) = find_groups(TEXTS, FakeEngine("base"), 64, 5, 0).kept
    reader = MeaningReader(groups, FakeEngine("base"), 64)
    read = segments(*TEXTS)

    assert reader.read(read).kept == sum((reader.read(read[at : at + 7]).kept for at in range(0, 60, 7)), ())


def test_texts_that_begin_alike_are_the_same_and_an_empty_one_has_no_vector():
    (groups,) = find_groups(TEXTS, FakeEngine("base"), 2, 3, 0).kept
    outcome = MeaningReader(groups, FakeEngine("base"), 2).read(segments("The sea is blue.", "The sea is not.", ""))
    first, second, empty = outcome.kept

    assert (first.cluster, first.vector) == (second.cluster, second.vector)
    assert (empty.cluster, empty.vector) == (-1, b"")
    assert (outcome.read, outcome.usage.read) == (3, 4)
    assert MeaningReader(groups, FakeEngine("base"), 2).read([]).kept == ()


def test_texts_that_cannot_be_read_are_one_clear_line():
    with pytest.raises(StageError, match="none of 3 segments"):
        find_groups(["", "", ""], FakeEngine("base"), 64, 5, 0)
