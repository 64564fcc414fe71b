import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.config import SelectSettings
from humpback.curate import curate, cutoff, explain_empty
from humpback.errors import StageError
from humpback.records import Candidate, Rating

HALVES = [None, 1.0, 2.0, 3.0, 3.5, 4.0, 4.5, 5.0]
RULES = [SelectSettings(), SelectSettings(threshold=4.0), SelectSettings(top_share=0.2), SelectSettings(top_n=7)]

scored = st.lists(st.sampled_from(HALVES), max_size=60).map(
    lambda scores: [(f"id-{index}", score) for index, score in enumerate(scores)]
)


def chosen(scores, settings):
    line = cutoff(scores, settings)
    return {name for name, score in scores if line.keeps(name, score)}


def candidate(index):
    return Candidate(f"c{index}", f"s{index}", "d", "doc.html", ("A",), f"Why {index}?", "Because.", "M_yx", -1.0)


def rating(index, score, state="scored", reply="Score"):
    return Rating(f"c{index}", 1, "rating", "M_0", state, score, reply, "stop")


def test_the_default_is_the_papers_a_5():
    scores = [("a", 4.0), ("b", 4.5), ("c", 5.0), ("d", None)]

    assert chosen(scores, SelectSettings()) == {"b", "c"}
    assert cutoff(scores, SelectSettings()).rule == "curate.select.threshold 4.5"


def test_a_threshold_of_zero_is_a_threshold():
    assert chosen([("a", 1.0), ("b", None)], SelectSettings(threshold=0.0)) == {"a"}


def test_a_share_is_of_all_candidates_scored_or_not():
    scores = [(str(i), float(i % 5 + 1) if i < 10 else None) for i in range(100)]

    assert len(chosen(scores, SelectSettings(top_share=0.05))) == 5
    assert chosen(scores, SelectSettings(top_share=0.5)) == {str(i) for i in range(10)}


@pytest.mark.parametrize(
    ("share", "total", "kept"), [(0.29, 100, 29), (0.1, 30, 3), (0.5, 3, 1), (0.01, 10, 1), (1, 7, 7)]
)
def test_a_share_is_rounded_down_to_at_least_one(share, total, kept):
    assert len(chosen([(str(i), 3.0) for i in range(total)], SelectSettings(top_share=share))) == kept


@given(scored, st.sampled_from(RULES), st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order(scores, settings, rng):
    mixed = rng.sample(scores, len(scores))

    assert chosen(mixed, settings) == chosen(scores, settings)
    assert cutoff(mixed, settings) == cutoff(scores, settings)


@given(scored, st.sampled_from(RULES))
def test_nothing_that_is_left_out_is_better_than_what_is_kept(scores, settings):
    kept = chosen(scores, settings)
    inside = [score for name, score in scores if name in kept]
    outside = [score for name, score in scores if name not in kept and score is not None]

    assert None not in inside
    assert not inside or not outside or min(inside) >= max(outside)


@given(scored, st.sampled_from(RULES))
def test_the_cutoff_counts_what_it_keeps(scores, settings):
    line = cutoff(scores, settings)

    assert line.kept == len(chosen(scores, settings))
    assert line.candidates == len(scores)
    assert line.scored == sum(score is not None for _, score in scores)


@given(scored, st.integers(1, 80))
def test_a_number_is_kept_exactly_where_there_are_so_many(scores, wanted):
    available = sum(score is not None for _, score in scores)

    assert len(chosen(scores, SelectSettings(top_n=wanted))) == min(wanted, available)


def test_ties_are_not_broken_by_position():
    scores = [(f"id-{i}", 4.0) for i in range(100)]
    kept = chosen(scores, SelectSettings(top_n=10))

    assert kept != {f"id-{i}" for i in range(10)}
    assert kept != {f"id-{i}" for i in range(90, 100)}


@pytest.mark.parametrize("settings", RULES)
def test_what_has_no_score_is_never_kept(settings):
    scores = [("a", None), ("b", float("nan")), ("c", float("inf"))]
    line = cutoff(scores, settings)

    assert (line.scored, line.kept, line.best) == (0, 0, None)
    assert not any(line.keeps(name, score) for name, score in scores)


@pytest.mark.parametrize("settings", RULES)
def test_no_candidates_at_all(settings):
    line = cutoff([], settings)

    assert (line.candidates, line.kept) == (0, 0)


@pytest.mark.parametrize(("settings", "most"), [(SelectSettings(top_share=0.1), 40), (SelectSettings(), 1)])
def test_few_bytes_are_held_for_each_candidate(settings, most):
    count, grades = 100_000, (1.0, 2.0, 3.0, 4.0, 5.0)
    tracemalloc.start()
    line = cutoff(((str(i), grades[i % 5]) for i in range(count)), settings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < most * count
    assert sum(line.keeps(str(i), grades[i % 5]) for i in range(count)) == line.kept


def test_curated_records_carry_candidate_and_rating():
    line = cutoff([("c0", 5.0)], SelectSettings())
    one = candidate(0)
    (kept,) = curate([one], [rating(0, 5.0)], line).kept

    assert (kept.id, kept.segment_id, kept.document_id, kept.source, kept.title_path) == (
        one.id,
        one.segment_id,
        one.document_id,
        one.source,
        one.title_path,
    )
    assert (kept.instruction, kept.response, kept.model) == (one.instruction, one.response, one.model)
    assert (kept.score, kept.iteration, kept.scorer, kept.rated_by) == (5.0, 1, "rating", "M_0")


def test_every_candidate_is_kept_or_dropped_with_its_reason():
    ratings = [
        rating(0, 5.0),
        rating(1, 3.0),
        rating(2, None, "unparsed", "No idea."),
        rating(3, None, "truncated", "A very long"),
        rating(9, 5.0),
        rating(5, None, "skipped", "out of reach: gain=0.2"),
    ]
    line = cutoff([(one.id, one.score) for one in ratings], SelectSettings())
    outcome = curate([candidate(i) for i in range(6)], reversed(ratings), line)

    assert [one.id for one in outcome.kept] == ["c0"]
    assert [(one.id, one.reason) for one in outcome.dropped] == [
        ("c1", "below the threshold"),
        ("c2", "unrated: unparsed"),
        ("c3", "unrated: truncated"),
        ("c4", "unrated: missing"),
        ("c5", "not rated: out of the cascade's reach"),
    ]
    assert outcome.dropped[4].detail == "out of reach: gain=0.2"
    assert outcome.dropped[0].detail == "score 3, cutoff 4.5 (curate.select.threshold 4.5)"
    assert "No idea." in outcome.dropped[1].detail
    assert outcome.read == len(outcome.kept) + len(outcome.dropped) == 6


def test_shards_together_keep_what_the_cutoff_counted():
    ratings = [rating(i, float(i % 5 + 1)) for i in range(100)]
    line = cutoff(((one.id, one.score) for one in ratings), SelectSettings(top_share=0.13))
    shards = [curate([candidate(i) for i in range(start, start + 10)], ratings, line) for start in range(0, 100, 10)]

    assert sum(len(shard.kept) for shard in shards) == line.kept == 13


def test_an_empty_result_says_what_took_everything():
    scores = [(str(i), 3.1 if i == 0 else 2.0) for i in range(268)] + [(f"x{i}", None) for i in range(12)]
    error = explain_empty(cutoff(scores, SelectSettings()), {"scored": 268, "unparsed": 12})

    assert isinstance(error, StageError)
    assert str(error) == (
        "no candidate reached 4.5: the best of 280 scored 3.1 (unparsed 12): "
        "lower curate.select.threshold, or use curate.select.top_share"
    )


def test_an_empty_result_without_any_score_says_so():
    line = cutoff([("a", None), ("b", None), ("c", None)], SelectSettings())
    text = str(explain_empty(line, ["unparsed", "truncated", "truncated"]))

    assert text.startswith("none of 3 candidates got a score (unparsed 1, truncated 2): ")
    assert "expected-rating" in text


def test_an_empty_result_of_nothing_points_upstream():
    assert "candidates" in explain_empty(cutoff([], SelectSettings()), []).hint


def test_the_ledger_names_the_signs_that_speak_against_a_pair():
    low = Rating("c1", 1, "calibrated", "M_0", "scored", 1.2, "suspicion=4.00 closing=-2.00 ending=-0.10", "stop")
    line = cutoff([("c0", 5.0), ("c1", 1.2)], SelectSettings())
    (dropped,) = curate([candidate(1)], [low], line).dropped

    assert dropped.reason == "below the threshold"
    assert dropped.detail.endswith("(curate.select.threshold 4.5): the answer stops before its end")
