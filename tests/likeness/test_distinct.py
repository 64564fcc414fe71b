"""Which segments say the same as another."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from humpback.likeness.distinct import SAME_MEANING, apply, find_repeats, map_shard, reduce_keys
from humpback.likeness.packed import Packed, pack, similarities
from humpback.records import Outcome, Segment, SegmentVector

VECTORS = arrays(np.int8, st.tuples(st.integers(0, 40), st.just(3)), elements=st.integers(-3, 3))
SIMILARITIES = st.floats(0.01, 1)
CLUSTERS = 4


def planted(count: int, kinds: int, seed: int = 0) -> Packed:
    """Vectors near one of so many points."""
    draw = np.random.default_rng(seed)
    points = draw.normal(size=(kinds, 24))
    return pack(points[draw.integers(kinds, size=count)] + draw.normal(size=(count, 24)) * 0.1)


def one_by_one(vectors: Packed, least: float) -> dict[int, int]:
    """The rule as it is said: each is compared with all before it that stay."""
    values, staying, repeats = similarities(vectors, vectors), [], {}
    for row in range(len(vectors)):
        nearest = max(staying, key=lambda earlier: (values[row, earlier], -earlier), default=None)
        if nearest is not None and values[row, nearest] >= least:
            repeats[row] = nearest
        else:
            staying.append(row)
    return repeats


def shuffled(items: list[SegmentVector], rows: int, passes: int, least: float) -> Outcome[Segment]:
    """What becomes of segments in shards of so many rows, with keys reduced in so many passes."""
    shards = [items[at : at + rows] for at in range(0, len(items), rows)]
    firsts = [number << 20 for number in range(len(shards))]
    mapped = pa.concat_tables(map_shard(shard, at, CLUSTERS) for shard, at in zip(shards, firsts, strict=True))
    mapped = mapped.sort_by([("key", "ascending"), ("place", "ascending")])
    keys = mapped.column("key").to_numpy()
    ranges = (keys.astype(object) * passes >> 64).astype(np.int64)
    reduced = pa.concat_tables(reduce_keys(mapped.filter(pa.array(ranges == part)), least) for part in range(passes))
    places = reduced.column("place").to_numpy()
    outcomes = [
        apply([segment(item.id) for item in shard], at, reduced.filter(pa.array(places >> np.uint64(20) == at >> 20)))
        for shard, at in zip(shards, firsts, strict=True)
    ]
    kept, dropped = ([item for one in outcomes for item in getattr(one, side)] for side in ("kept", "dropped"))
    return Outcome(tuple(kept), tuple(dropped), sum(one.read for one in outcomes))


def segment(id_: str) -> Segment:
    return Segment(id_, "d", "page.html", (), f"Text {id_}", "en")


@settings(deadline=None)
@given(VECTORS, SIMILARITIES)
def test_what_is_dropped_is_alike_to_something_earlier_that_is_kept(vectors, least):
    repeats = find_repeats(vectors, least)
    kept = np.setdiff1d(np.arange(len(vectors)), repeats.rows)
    values = similarities(vectors, vectors)

    assert np.isin(repeats.earlier, kept).all()
    assert (repeats.earlier < repeats.rows).all()
    assert (repeats.similarity >= least).all()
    assert np.array_equal(repeats.similarity, values[repeats.rows, repeats.earlier])
    among_kept = values[np.ix_(kept, kept)]
    assert (among_kept[np.triu_indices(len(kept), 1)] < least).all(), "no two that stay are alike"


@pytest.mark.parametrize("compared", [1024, 7, 1])
def test_it_does_not_matter_how_many_are_compared_at_a_time(compared):
    vectors = planted(300, 40)
    repeats = find_repeats(vectors, 0.9, compared)

    assert dict(zip(repeats.rows.tolist(), repeats.earlier.tolist(), strict=True)) == one_by_one(vectors, 0.9)
    assert 100 < len(repeats.rows) < 300


def test_wholly_alike_are_only_vectors_that_are_the_same():
    vectors = np.concatenate([planted(60, 3), planted(60, 3)[::-1]])
    repeats = find_repeats(vectors, 1.0)

    assert len(repeats.rows) >= 60
    assert np.array_equal(vectors[repeats.rows], vectors[repeats.earlier])
    assert not len(find_repeats(vectors, 1 + 1e-9).rows)


def test_of_a_chain_every_second_stays():
    angles = np.radians([0, 20, 40, 60])
    repeats = find_repeats(pack(np.stack([np.cos(angles), np.sin(angles)], axis=1)), 0.9)

    assert repeats.rows.tolist() == [1, 3]
    assert repeats.earlier.tolist() == [0, 2]


@pytest.mark.parametrize(("rows", "passes"), [(200, 1), (200, 9), (13, 3), (1, 4)])
def test_shards_and_passes_change_nothing(rows, passes):
    vectors = planted(200, 30)
    items = [SegmentVector(f"s{n}", n % 3, vector.tobytes()) for n, vector in enumerate(vectors)]
    items[5] = SegmentVector("s5", -1, b"")
    outcome, expected = shuffled(items, rows, passes, 0.9), shuffled(items, 50, 1, 0.9)

    assert (outcome.kept, outcome.dropped, outcome.read) == (expected.kept, expected.dropped, 200)
    assert {item.reason for item in outcome.dropped} == {SAME_MEANING}
    assert "s5" in {item.id for item in outcome.kept}, "what the model cannot read stays"
    first = outcome.dropped[0]
    _, similarity, _, _, other = first.detail.split()
    assert int(other[1:]) % 3 == int(first.id[1:]) % 3, "only segments of one group are compared"
    pair = vectors[[int(other[1:]), int(first.id[1:])]]
    assert float(similarity) == pytest.approx(similarities(pair, pair)[0, 1], abs=0.001)


def test_shards_without_a_row_are_no_trouble():
    empty = map_shard([SegmentVector("a", -1, b"")], 0, CLUSTERS)

    assert reduce_keys(empty, 0.9).num_rows == 0
    assert apply([segment("a")], 0, reduce_keys(empty, 0.9)).kept == (segment("a"),)
