"""The numbers: equal to numpy's on data small enough to hold."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.deliver.report.charts import length_charts, rating_chart
from humpback.deliver.report.losses import loss_summaries, paired_difference
from humpback.deliver.report.render import clip, duration
from humpback.deliver.report.samples import choose, from_dropped
from humpback.deliver.report.sentences import cascade_sentence
from humpback.deliver.report.statistics import SCORE_EDGES, Tally, length_summary, movement, rating_summary
from humpback.records import Candidate, Dropped, HeldOutLoss, Rating, RatingState


@given(st.lists(st.floats(0.5, 5.5), min_size=1, max_size=80))
def test_moments_and_bins_are_those_of_numpy(values: list[float]) -> None:
    tally = Tally(SCORE_EDGES)
    for value in values:
        tally.add(value)
    found = tally.distribution()
    assert found.n == len(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.standard_deviation == pytest.approx(np.std(values), abs=1e-9)
    assert (found.minimum, found.maximum) == (min(values), max(values))
    inside = np.clip(values, SCORE_EDGES[0], np.nextafter(SCORE_EDGES[-1], 0))
    assert list(found.histogram.counts) == list(np.histogram(inside, SCORE_EDGES)[0])


def test_lengths_are_in_characters(candidates: list[Candidate]) -> None:
    found = length_summary("candidates", iter(candidates))
    lengths = [len(row.response) for row in candidates]
    assert found.response.mean == pytest.approx(np.mean(lengths))
    assert found.response.standard_deviation == pytest.approx(np.std(lengths))
    assert sum(found.instruction.histogram.counts) == len(candidates)


def test_every_bar_of_a_histogram_is_drawn(candidates: list[Candidate]) -> None:
    found = length_summary("candidates", candidates)
    (chart,) = length_charts([found.response], ["candidates"])
    assert len(chart.bars) == sum(1 for count in found.response.histogram.counts if count)
    assert max(bar.height for bar in chart.bars) == 100


def test_ratings_are_counted_by_state(candidates: list[Candidate], ratings: Callable[..., list[Rating]]) -> None:
    rows = ratings(candidates, 1)
    found = rating_summary(iter(rows), iteration=1, kept=7, threshold=4.0)
    scores = [row.score for row in rows if row.score is not None]
    assert found.scored == found.distribution.n == len(scores)
    assert found.states["unparsed"] == sum(1 for row in rows if row.state == "unparsed") > 0
    assert found.states["truncated"] == sum(1 for row in rows if row.state == "truncated") > 0
    assert found.total == len(rows)
    assert found.distribution.mean == pytest.approx(np.mean(scores))
    assert (found.scorer, found.model, found.kept) == ("rating", "forward-0", 7)


def test_every_state_is_counted_and_only_those_with_a_score_are_scored() -> None:
    states: dict[RatingState, float | None] = dict.fromkeys(get_args(RatingState), None)
    states |= {"scored": 4.0, "asked-again": 3.25, "checked": 1.0}
    rows = [Rating(state, 1, "rating", "m", state, score, "", "stop") for state, score in states.items()]
    found = rating_summary(rows, iteration=1, kept=1)
    assert found.states == dict.fromkeys(states, 1)
    assert (found.scored, found.total) == (3, 6)


def test_whole_and_half_scores_get_a_bar_each() -> None:
    scores = [1.0, 2.5, 2.5, 4.0, 4.5, 5.0]
    rows = [Rating(str(n), 1, "rating", "m", "scored", score, "", "stop") for n, score in enumerate(scores)]
    chart = rating_chart(rating_summary(rows, iteration=1, kept=2, threshold=4.5))
    assert [bar.height for bar in chart.bars] == [50, 100, 50, 50, 50]
    assert [bar.faded for bar in chart.bars] == [True, True, True, False, False]


def test_movement_is_counted_over_what_both_scored(ratings: Callable[..., list[Rating]]) -> None:
    def row(name: str, score: float | None) -> Rating:
        return Rating(name, 1, "rating", "m", "scored" if score else "unparsed", score, "", "stop")

    first = [row("a", 1.0), row("b", 3.0), row("c", 5.0), row("d", None), row("e", 2.0)]
    second = [row("e", None), row("c", 4.5), row("b", 3.5), row("a", 1.0), row("d", 4.0)]
    found = movement(first, second, ["b", "c", "a"], ["c", "d", "b"])
    cells = {
        (place, other): count for place, line in enumerate(found.counts) for other, count in enumerate(line) if count
    }
    assert cells == {(0, 0): 1, (4, 5): 1, (8, 7): 1}
    assert (found.pairs, found.kept_first, found.kept_second, found.kept_both) == (3, 3, 3, 2)
    assert found.correlation == pytest.approx(1.0)
    assert found.mean_change == pytest.approx(0.0)


def test_movement_of_narrow_scores_still_fills_the_table(
    candidates: list[Candidate], ratings: Callable[..., list[Rating]]
) -> None:
    def squeeze(rows: list[Rating]) -> list[Rating]:
        return [Rating(r.id, 1, "e", "m", r.state, r.score and 3 + r.score / 1000, "", "stop") for r in rows]

    found = movement(squeeze(ratings(candidates, 1, expected=True)), squeeze(ratings(candidates, 2)), [], [])
    assert sum(map(sum, found.counts)) == found.pairs
    assert sum(1 for line in found.counts if any(line)) >= 7


def test_losses_are_sums_over_sums(losses: list[HeldOutLoss]) -> None:
    random.Random(3).shuffle(losses)
    found = loss_summaries(losses)
    assert [(row.direction, row.model) for row in found] == [
        ("forward", "base"),
        ("forward", "forward-0"),
        ("forward", "forward-1"),
        ("forward", "forward-2"),
        ("backward", "base"),
        ("backward", "backward"),
    ]
    mine = [row for row in losses if row.model == "forward-2"]
    assert found[3].nats_per_token == pytest.approx(sum(r.nats for r in mine) / sum(r.tokens for r in mine))
    assert [item.against for item in found[3].differences] == ["base", "forward-0", "forward-1"]
    for item in found[3].differences:
        other = next(row for row in found if row.model == item.against)
        assert item.difference == pytest.approx(found[3].nats_per_token - other.nats_per_token)
        assert item.low < item.difference < item.high
    assert found == loss_summaries(reversed(losses))


def test_models_come_in_the_order_of_their_training() -> None:
    rows = [HeldOutLoss("p", name, "forward", 2.0, 1) for name in ("third", "stranger", "second", "base", "first")]
    models = [row.model for row in loss_summaries(rows, order=("first", "second", "third"))]
    assert models == ["base", "first", "second", "third", "stranger"]


def test_the_bootstrap_agrees_with_theory_on_equal_lengths() -> None:
    generator = np.random.default_rng(0)
    gaps = generator.normal(-0.1, 0.5, 400)
    ours = {str(n): HeldOutLoss(str(n), "a", "forward", 20 + float(gap), 10) for n, gap in enumerate(gaps)}
    theirs = {str(n): HeldOutLoss(str(n), "b", "forward", 20.0, 10) for n in range(400)}
    found = paired_difference(ours, theirs, against="b")
    assert found is not None
    expected = float(np.std(gaps)) / 10 / 400**0.5
    assert found.difference == pytest.approx(float(np.mean(gaps)) / 10)
    assert found.standard_error == pytest.approx(expected, rel=0.08)
    assert found.high - found.low == pytest.approx(2 * 1.96 * expected, rel=0.1)


def test_models_on_other_pairs_are_not_compared() -> None:
    rows = [HeldOutLoss("a", "base", "forward", 1.0, 1), HeldOutLoss("b", "forward-0", "forward", 1.0, 1)]
    assert loss_summaries(rows)[1].differences == ()
    assert loss_summaries([HeldOutLoss("a", "base", "forward", 0.0, 0)]) == ()


def test_a_sample_does_not_depend_on_the_order(candidates: list[Candidate]) -> None:
    first = choose(candidates, 7, key=lambda row: row.id)
    assert first == choose(reversed(candidates), 7, key=lambda row: row.id)
    assert len(set(first)) == 7
    assert len(choose(candidates[:3], 7, key=lambda row: row.id)) == 3


def test_a_dropped_record_becomes_a_sample() -> None:
    found = from_dropped(Dropped("x", "too short", "41 characters", "a.html", "Menu"), "segments")
    assert (found.kept, found.stage, found.reason, found.detail) == (False, "segments", "too short", "41 characters")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.44, "0.4 s"), (59.9, "59.9 s"), (200, "3 min 20 s"), (3599.9, "1 h 00 min"), (18_180, "5 h 03 min")],
)
def test_durations_are_said_as_people_do(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_long_text_says_what_is_left_out() -> None:
    assert clip("a" * 10, 4) == "aaaa … (6 more characters)"
    assert clip("abc", 4) == "abc"


def test_a_cascade_says_what_it_saved_and_what_it_cost() -> None:
    states: list[RatingState] = ["scored"] * 288 + ["checked"] * 32 + ["skipped"] * 480
    rows = [
        Rating(str(n), 1, "rating", "m", state, None if state == "skipped" else 4.0, "", "stop")
        for n, state in enumerate(states)
    ]
    found = rating_summary(rows, iteration=1, kept=80, kept_ids={"1", "2", "300"})
    assert (found.skipped, found.checked, found.checked_kept, found.scored) == (480, 32, 1, 320)
    text = cascade_sentence(found)
    assert "left 480 of 800 candidates unrated (60%)" in text
    assert "1 was kept: about 15 (3 to 76, Wilson's 95 % interval)" in text
    assert cascade_sentence(rating_summary(rows[:288], iteration=1, kept=80)) == ""
    assert "is not known" in cascade_sentence(rating_summary([*rows[:9], rows[-1]], iteration=1, kept=1))


@pytest.mark.parametrize(("scorer", "low", "high"), [("length", 480, 1400), ("ifd", 0.2, 1.1), ("gain", -0.5, 2.25)])
def test_scores_on_no_scale_are_drawn_over_what_occurs(scorer: str, low: float, high: float) -> None:
    scores = [low + (high - low) * place / 99 for place in range(100)]
    rows = [Rating(str(n), 1, scorer, "m", "scored", score, "", "stop") for n, score in enumerate(scores)]
    chart = rating_chart(rating_summary(rows, iteration=1, kept=20, threshold=scores[80]))
    assert len(chart.bars) == 40, "not all in the outermost bins of a scale from 1 to 5"
    assert sum(bar.faded for bar in chart.bars) == 32
    assert chart.mark is not None
    assert 75 <= chart.mark.at <= 82
    assert len(chart.x_ticks) >= 3
    moved = movement(rows, rows, [], [])
    assert sum(1 for line in moved.counts if any(line)) == 9
