import random
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.config import DeduplicateSettings
from humpback.corpus.cutting.piece import segment_id
from humpback.corpus.duplicates import SKETCH_BYTES, WINDOW, apply, map_shard, reduce_keys
from humpback.records import Outcome, Segment
from tests.corpus.samples import BREAD_TEXT, TIDES_TEXT

DEFAULT = DeduplicateSettings()
VOCABULARY = [f"{start}{middle}{end}" for start in "bdfgklmnprst" for middle in "aeiou" for end in "lmnrst"]


def segment(text: str, source: str = "a.md") -> Segment:
    return Segment(segment_id(text), "d", source, (), text, "en")


def ordered(table: pa.Table) -> pa.Table:
    return table.sort_by([("key", "ascending"), ("place", "ascending")])


def unique(segments: Sequence[Segment], chosen: DeduplicateSettings = DEFAULT) -> Outcome[Segment]:
    """All three steps, as one worker does them."""
    reduced = reduce_keys(ordered(map_shard(segments, 0, chosen)), chosen)
    return apply(segments, 0, reduced.sort_by("place"))


def kept(texts: Iterable[str], chosen: DeduplicateSettings = DEFAULT) -> list[str]:
    return [one.text for one in unique([segment(text) for text in texts], chosen).kept]


def prose(rng: random.Random, count: int = 240) -> list[str]:
    return rng.choices(VOCABULARY, k=count)


def reworded(said: list[str], rng: random.Random, count: int) -> list[str]:
    changed = list(said)
    for at in rng.sample(range(len(said)), count):
        changed[at] = "other" + changed[at]
    return changed


def jaccard(one: list[str], other: list[str]) -> float:
    """By the definition: sets of word 5-grams."""
    first, second = ({tuple(said[at : at + 5]) for at in range(len(said) - 4)} for said in (one, other))
    return len(first & second) / len(first | second)


def test_of_copies_the_first_stays_whatever_their_case_and_white_space() -> None:
    first, copy, other = segment(BREAD_TEXT, "a.md"), segment(BREAD_TEXT.upper() + " ", "b.md"), segment(TIDES_TEXT)
    outcome = unique([first, other, copy])
    assert outcome.kept == (first, other)
    assert outcome.read == 3
    (dropped,) = outcome.dropped
    assert (dropped.id, dropped.reason, dropped.source) == (copy.id, "duplicate", "b.md")
    assert dropped.detail == f"of segment {first.id[:16]}..."
    assert BREAD_TEXT.upper().startswith(dropped.excerpt)


def test_a_near_duplicate_goes_and_the_ledger_says_how_near_to_which() -> None:
    first, near = segment(BREAD_TEXT), segment(BREAD_TEXT.replace("ten minutes", "a while"))
    outcome = unique([first, segment(TIDES_TEXT), near])
    (dropped,) = outcome.dropped
    assert (dropped.id, dropped.reason) == (near.id, "near duplicate")
    assert dropped.detail.startswith("similarity 0.9")
    assert dropped.detail.endswith(f"to segment {first.id[:16]}...")


def test_markdown_and_punctuation_make_no_difference() -> None:
    marked = "- " + BREAD_TEXT.replace("dough", "**dough**").replace(", ", " – ")
    (dropped,) = unique([segment(BREAD_TEXT), segment(marked)]).dropped
    assert (dropped.reason, dropped.detail[:15]) == ("near duplicate", "similarity 1.00")


def test_the_settings_say_which_kinds_go() -> None:
    texts = [BREAD_TEXT, BREAD_TEXT + " ", BREAD_TEXT + " Enjoy."]
    assert kept(texts) == texts[:1]
    assert kept(texts, DeduplicateSettings(near=False)) == [texts[0], texts[2]]
    assert kept(texts, DeduplicateSettings(exact=False)) == texts[:1]
    assert kept(texts, DeduplicateSettings(exact=False, near=False)) == texts
    assert {d.reason for d in unique(list(map(segment, texts)), DeduplicateSettings(exact=False)).dropped} == {
        "near duplicate"
    }


def test_copies_alone_need_one_row_for_each_segment() -> None:
    assert map_shard([segment(BREAD_TEXT)] * 3, 0, DeduplicateSettings(near=False)).num_rows == 3


def test_planted_near_duplicates_are_found_and_unlike_texts_stay() -> None:
    rng = random.Random(5)
    found: dict[str, list[bool]] = {"near": [], "edge": [], "unlike": []}
    for changes in [*range(1, 5)] * 60 + [5, 6] * 100 + [*range(16, 40)] * 10:
        base = prose(rng)
        other = reworded(base, rng, changes)
        similarity = jaccard(base, other)
        kind = "near" if similarity >= 0.85 else "edge" if similarity >= 0.8 else "unlike" if similarity <= 0.5 else ""
        if kind:
            found[kind].append(len(kept([" ".join(base), " ".join(other)])) == 1)
    assert min(map(len, found.values())) > 150
    assert np.mean(found["near"]) >= 0.98
    assert np.mean(found["edge"]) >= 0.95
    assert not any(found["unlike"])


def test_of_a_chain_each_goes_for_the_one_before_and_the_first_stays() -> None:
    rng = random.Random(1)
    chain = [prose(rng)]
    for _ in range(3):
        chain.append(reworded(chain[-1], rng, 4))
    assert jaccard(chain[0], chain[-1]) < 0.75
    assert min(jaccard(one, other) for one, other in pairwise(chain)) > 0.8
    assert kept(map(" ".join, chain)) == [" ".join(chain[0])]
    assert kept(map(" ".join, [chain[0], chain[-1]])) == [" ".join(chain[0]), " ".join(chain[-1])]


def bucket(sketches: list[int], exact: list[int] | None = None) -> pa.Table:
    """One bucket of texts: those of one number are alike, and no others."""
    rng = np.random.default_rng(0)
    drawn = {number: rng.bytes(SKETCH_BYTES) for number in sorted(set(sketches))}
    return pa.table(
        {
            "key": pa.array([7] * len(sketches), pa.uint64()),
            "place": pa.array(range(len(sketches)), pa.uint64()),
            "band": pa.array([0] * len(sketches), pa.uint16()),
            "exact": pa.array(exact or range(100, 100 + len(sketches)), pa.uint64()),
            "sketch": pa.array([drawn[number] for number in sketches], pa.binary(SKETCH_BYTES)),
        }
    )


def matches(table: pa.Table) -> list[tuple[int, int]]:
    reduced = reduce_keys(table, DEFAULT)
    return list(zip(reduced.column("place").to_pylist(), reduced.column("of").to_pylist(), strict=True))


def test_in_a_bucket_of_unlike_texts_the_likes_among_them_are_found() -> None:
    assert matches(bucket([1, 2, 3, 2, 3, 1])) == [(3, 101), (4, 102), (5, 100)]


def test_the_first_of_a_bucket_is_always_compared_and_others_so_far_back() -> None:
    between = list(range(10, 10 + 2 * WINDOW))
    assert matches(bucket([1, 2, *between, 1])) == [(2 + len(between), 100)]
    assert matches(bucket([1, 2, *between, 2])) == []
    assert matches(bucket([1, 2, *between[: WINDOW - 1], 2])) == [(1 + WINDOW, 101)]


def test_copies_take_no_room_among_those_compared() -> None:
    sketches, exact = [1, 2, 3, *[4] * 50, 2], [1, 2, 3, *[4] * 50, 5]
    assert matches(bucket(sketches, exact))[-1] == (53, 2)


def test_a_text_that_stands_there_thousands_of_times_gives_one_line_for_each_copy() -> None:
    copies = map_shard([segment(BREAD_TEXT)], 0, DEFAULT)
    table = pa.concat_tables([copies.set_column(1, "place", pa.array([at] * 16, pa.uint64())) for at in range(3000)])
    reduced = reduce_keys(ordered(table), DEFAULT)
    assert sorted(reduced.column("place").to_pylist()) == list(range(1, 3000))
    assert all(reduced.column("exact").to_pylist())


def corpus(seed: int) -> list[Segment]:
    rng = random.Random(seed)
    texts: list[list[str]] = []
    for _ in range(30):
        texts.append(reworded(rng.choice(texts), rng, rng.choice([0, 2, 4, 8])) if texts and rng.random() < 0.6 else [])
        texts[-1] = texts[-1] or prose(rng, 120)
    return [segment(" ".join(text), f"{at}.md") for at, text in enumerate(texts)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 11), st.integers(2, 9))
def test_neither_shards_nor_ranges_of_keys_change_the_result(seed: int, rows: int, ranges: int) -> None:
    segments = corpus(seed)
    whole = unique(segments)
    mapped = ordered(pa.concat_tables([map_shard(segments[at : at + rows], at, DEFAULT) for at in range(0, 30, rows)]))
    part = mapped.column("key").to_numpy() // np.uint64(2**64 // ranges + 1)
    reduced = pa.concat_tables([reduce_keys(mapped.filter(pa.array(part == at)), DEFAULT) for at in range(ranges)])
    place = reduced.column("place").to_numpy()
    outcomes = [
        apply(segments[at : at + rows], at, reduced.filter(pa.array((place >= at) & (place < at + rows))))
        for at in range(0, 30, rows)
    ]
    assert tuple(one for outcome in outcomes for one in outcome.kept) == whole.kept
    assert tuple(one for outcome in outcomes for one in outcome.dropped) == whole.dropped


def test_places_may_begin_anywhere() -> None:
    first = 5 << 40
    mapped = map_shard([segment(TIDES_TEXT), segment(BREAD_TEXT), segment(BREAD_TEXT + " Enjoy.")], first, DEFAULT)
    reduced = reduce_keys(ordered(mapped), DEFAULT)
    assert set(reduced.column("place").to_pylist()) == {first + 2}
    outcome = apply([segment(BREAD_TEXT + " Enjoy.")], first + 2, reduced)
    assert [one.reason for one in outcome.dropped] == ["near duplicate"]


def test_keys_are_spread_evenly() -> None:
    key = map_shard(corpus(1), 0, DEFAULT).column("key").to_numpy()
    assert 0.45 < np.mean(key / 2**64) < 0.55
    assert 0.45 < np.mean(key & np.uint64(1)) < 0.55


@pytest.mark.parametrize("texts", [["one two", "One, two!"], ["…", "…"], ["漢" * 3, "漢" * 3 + "。"]])
def test_texts_of_a_few_words_or_none_are_compared_whole(texts: list[str]) -> None:
    assert kept(texts) == texts[:1]


def test_texts_without_words_are_no_likes_of_one_another() -> None:
    assert kept(["…", "!!!", "one", "two", "one two", "two three"]) == [
        "…",
        "!!!",
        "one",
        "two",
        "one two",
        "two three",
    ]


def test_nothing_in_nothing_out() -> None:
    assert unique([]) == Outcome()
    assert map_shard([], 0, DEFAULT).schema == map_shard([segment(BREAD_TEXT)], 0, DEFAULT).schema


def test_signatures_are_the_same_with_every_version_on_every_machine() -> None:
    mapped = map_shard([segment(BREAD_TEXT)], 0, DEFAULT)
    assert mapped.column("key")[0].as_py() == 14951382829288690323
    assert mapped.column("sketch")[0].as_py().hex()[:16] == "5b77a3c2ce2840c6"
