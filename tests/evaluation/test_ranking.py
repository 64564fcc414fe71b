import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from humpback.evaluation.ranking import (
    Judged,
    at_k,
    auroc,
    calibration,
    correlations,
    correlations_within,
    pairwise_accuracy,
)


def judged(scores, labels, groups=None):
    groups = groups or [str(number) for number in range(len(scores))]
    return [
        Judged(f"p{number}", score, float(label), bool(label), group)
        for number, (score, label, group) in enumerate(zip(scores, labels, groups, strict=True))
    ]


def noisy(count, signal, seed=0, step=None):
    """Pairs of which half are good; scores are the label times `signal` with noise of deviation 1, maybe in steps."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(count) % 2)
    scores = labels * signal + draw.normal(size=count)
    scores = np.round(scores / step) * step if step else scores
    return judged(scores.tolist(), labels.tolist())


scored = st.lists(st.tuples(st.sampled_from([1.0, 2.0, 2.5, 3.0, 4.0]), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: len({label for _, label in rows}) == 2
)


@settings(deadline=None)
@given(scored)
def test_auroc_is_scikit_learns_ties_included(rows):
    scores, labels = zip(*rows, strict=True)

    assert auroc(judged(scores, labels)).value == pytest.approx(roc_auc_score(labels, scores))


def test_a_pair_without_a_score_is_worse_than_all_others():
    without = judged([3.0, None, 2.0], [1, 0, 1])

    assert auroc(without).value == 1.0
    assert auroc([replace(row, good=not row.good) for row in without]).value == 0.0
    assert at_k(without, [2])[0].value == 1.0


def test_pairs_of_which_nobody_knows_whether_they_are_good_are_left_out():
    rows = [*judged([1.0, 2.0], [0, 1]), Judged("x", 9.0, 0.5, None, "x")]

    assert (auroc(rows).value, auroc(rows).of) == (1.0, 2)


@pytest.mark.parametrize("labels", [[], [1, 1, 1], [0, 0, 0]])
def test_one_kind_alone_has_no_auroc(labels):
    figure = auroc(judged([1.0, 2.0, 3.0][: len(labels)], labels))

    assert math.isnan(figure.value)
    assert math.isnan(figure.interval.low)


def test_the_interval_of_chance_holds_one_half_and_that_of_a_good_scorer_does_not():
    chance, good = auroc(noisy(300, 0.0)), auroc(noisy(300, 1.5))

    assert chance.interval.low < 0.5 < chance.interval.high
    assert 0.75 < good.interval.low < good.value < good.interval.high < 0.95


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    truth = stats.norm.cdf(1 / math.sqrt(2))  # of two normal draws one deviation apart
    covered = [
        figure.interval.low <= truth <= figure.interval.high
        for figure in (auroc(noisy(120, 1.0, seed=seed)) for seed in range(100))
    ]

    assert 88 <= sum(covered) <= 100


def test_intervals_of_few_pairs_are_wide_enough():
    truth = stats.norm.cdf(2 / math.sqrt(2))
    intervals = [auroc(noisy(24, 2.0, seed=seed)).interval for seed in range(200)]
    assert 184 <= sum(interval.low <= truth <= interval.high for interval in intervals) <= 200
    whole = auroc(judged([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]))
    assert whole.value == whole.interval.high == 1
    assert whole.interval.low < 0.6, "two above two say next to nothing"


def test_pairs_of_one_prompt_are_drawn_together():
    scores, labels = [1.0, 2.0, 3.0, 4.0] * 40, [0, 1, 0, 1] * 40
    alone = auroc(judged(scores, labels)).interval
    together = auroc(judged(scores, labels, ["a", "b"] * 80)).interval
    copies = auroc(judged(scores, labels, [str(number // 4) for number in range(160)])).interval

    assert copies.high - copies.low < 1e-9 < alone.high - alone.low
    assert together != alone


def test_the_same_seed_gives_the_same_interval():
    rows = noisy(120, 1.0)

    assert auroc(rows, 1) == auroc(rows, 1) != auroc(rows, 2)


def test_precision_and_recall_of_the_best():
    rows = judged([9, 8, 7, 6, 5, 4], [1, 1, 0, 1, 0, 0])
    figures = {figure.name: figure.value for figure in at_k(rows, [2, 4])}

    assert figures == {
        "precision at 2": 1.0,
        "precision at 4": 0.75,
        "recall at 2": pytest.approx(2 / 3),
        "recall at 4": 1.0,
    }


@settings(deadline=None)
@given(scored, st.integers(1, 40))
def test_equal_scores_at_the_cut_count_by_their_mean_over_all_orders(rows, count):
    scores, labels = map(list, zip(*rows, strict=True))
    count = min(count, len(rows))
    found = at_k(judged(scores, labels), [count])[0].value
    draw, places = random.Random(0), list(range(len(rows)))
    means = []
    for _ in range(400):
        draw.shuffle(places)
        best = sorted(places, key=lambda place: -scores[place])[:count]
        means.append(sum(labels[place] for place in best) / count)

    assert found == pytest.approx(np.mean(means), abs=4 * np.std(means) / 20 + 1e-9)


def test_more_than_there_are_is_all():
    assert [figure.name for figure in at_k(judged([1, 2], [0, 1]), [50])] == ["precision at 2", "recall at 2"]
    assert math.isnan(at_k([], [5])[0].value)


def test_pairs_are_compared_within_their_group_only():
    rows = [
        Judged("a", 1.0, -0.0, None, "one"),
        Judged("b", 2.0, -1.0, None, "one"),
        Judged("c", 0.5, -2.0, None, "one"),
        Judged("d", 9.0, -5.0, None, "two"),
        Judged("e", None, -6.0, None, "two"),
        Judged("f", 3.0, -3.0, None, "three"),
    ]
    figure = pairwise_accuracy(rows)

    assert figure.value == pytest.approx(3 / 4)  # a > b is missed; a > c, b > c and d > e are right
    assert figure.of == 2


def test_equal_scores_and_equal_labels_within_a_group():
    rows = [Judged("a", 1.0, 1.0, None, "g"), Judged("b", 1.0, 0.0, None, "g"), Judged("c", 5.0, 0.0, None, "g")]

    assert pairwise_accuracy(rows).value == 0.25
    assert math.isnan(pairwise_accuracy(rows[1:]).value)


def test_correlations_are_scipys():
    draw = np.random.default_rng(0)
    scores, labels = draw.normal(size=80), draw.integers(0, 5, 80)
    rows = [
        Judged(str(n), float(s), float(x), None, str(n)) for n, (s, x) in enumerate(zip(scores, labels, strict=True))
    ]
    spearman, kendall = correlations(rows)

    assert spearman.value == pytest.approx(stats.spearmanr(scores, labels).statistic)
    assert kendall.value == pytest.approx(stats.kendalltau(scores, labels).statistic)
    assert spearman.interval.low < spearman.value < spearman.interval.high


def test_a_pair_without_a_score_takes_part_in_correlations_as_the_worst():
    rows = [Judged("a", 4.0, 3.0, None, "a"), Judged("b", 2.0, 2.0, None, "b"), Judged("c", None, 1.0, None, "c")]

    assert [figure.value for figure in correlations(rows)] == pytest.approx([1.0, 1.0])


def test_equal_scores_everywhere_correlate_with_nothing():
    rows = [Judged(str(n), 3.0, float(n), None, str(n % 4)) for n in range(12)]

    assert [figure.value for figure in correlations(rows)] == [0.0, 0.0]
    assert [figure.value for figure in correlations_within(rows)] == [0.0, 0.0]


def test_correlations_within_groups_do_not_see_differences_between_groups():
    rows = [
        Judged(f"{group}{n}", 100.0 * group + n, float(n), None, str(group)) for group in range(5) for n in range(4)
    ]
    shifted = [replace(row, label=row.label - 50 * int(row.group)) for row in rows]

    assert [figure.value for figure in correlations_within(shifted)] == pytest.approx([1.0, 1.0])
    assert correlations(shifted)[0].value < 0


def test_probabilities_that_mean_what_they_say_have_little_error():
    draw = np.random.default_rng(0)
    chances = draw.uniform(size=4000)
    shares = (0, 1)
    honest = calibration(judged(chances.tolist(), (draw.uniform(size=4000) < chances).tolist()), shares)
    boastful = calibration(judged((chances**0.25).tolist(), (draw.uniform(size=4000) < chances).tolist()), shares)

    assert honest.error.value < 0.04
    assert boastful.error.value > 0.2
    assert boastful.error.interval.low > honest.error.interval.high
    assert sum(one.pairs for one in honest.bins) == 4000
    assert all(one.low <= one.predicted <= one.high for one in honest.bins)


def test_the_calibration_error_is_that_of_the_bins():
    rows = judged([0.95, 0.95, 0.1, 0.12], [1, 0, 0, 0])
    found = calibration(rows, (0, 1))

    assert [(one.pairs, one.good) for one in found.bins] == [(2, 0.0), (2, 0.5)]
    assert found.error.value == pytest.approx((2 * 0.11 + 2 * 0.45) / 4)


def test_probabilities_are_read_on_their_scale():
    assert calibration(judged([5.0, 3.0, 1.0], [1, 1, 0]), (1, 5)).bins[1].predicted == 0.5
    assert calibration(judged([None, None], [0, 1]), (1, 5)) is None
