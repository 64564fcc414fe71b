"""Archives that are read in stretches, each by itself."""

from __future__ import annotations

import gzip
import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpus.test_archive import RECORDS, TEXTS, packed
from tests.corpus.warc_samples import PACKINGS, blocks, harmed, read, record


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(list(PACKINGS)),
    st.integers(0, 3),
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
)
def test_the_stretches_of_a_file_have_what_the_whole_file_has(
    draw: random.Random, packing: str, hits: int, shares: list[float]
):
    archive = harmed(draw, packing, hits)
    bounds = [0, *sorted({int(share * len(archive.data)) for share in shares} - {0}), None]
    spans = [
        read(archive.data, begin, end, look_back=archive.largest + 600, compression=packing)
        for begin, end in itertools.pairwise(bounds)
    ]
    assert list(itertools.chain(*spans)) == read(archive.data, compression=packing)


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_an_archive_inside_of_a_record_is_no_archive_wherever_a_stretch_begins(packing: str):
    inner = packed(packing, *RECORDS)
    data = packed(packing, RECORDS[0], record(inner), RECORDS[1])
    assert RECORDS[2] in data or packing
    for begin in range(0, len(data), 997):
        parts = read(data, 0, begin or None) + (read(data, begin) if begin else [])
        assert blocks(parts) == [TEXTS[0], inner, TEXTS[1]]


def test_a_stretch_of_a_file_packed_as_a_whole_has_all_or_nothing():
    data = gzip.compress(b"".join(RECORDS))
    assert blocks(read(data, 0, 10)) == TEXTS
    assert read(data, 10) == []


def test_a_stretch_behind_the_end_is_empty():
    for data in (b"".join(RECORDS), packed(".gz", *RECORDS)):
        assert read(data, len(data) + 10, len(data) + 20, look_back=5) == []
