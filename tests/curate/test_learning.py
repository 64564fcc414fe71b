"""What a calibration learns from decisions, and how it is measured on those that were left out."""

import pytest

from humpback.config import CurateSettings, TagSettings
from humpback.curate import make_scorer
from humpback.curate.learning import learn, learned_sentence
from humpback.engines.fake import FakeEngine
from humpback.errors import StageError
from tests.curate.test_calibration import calibrated, candidate, good

ENGINE = FakeEngine("M_0")
CALIBRATION = calibrated()
CANDIDATES = [candidate(good(number)) for number in range(100, 180)]


def scores(scales):
    scorer = make_scorer(CurateSettings(scorer="calibrated"), 0, 1, "ratings-1", None, scales)
    return {rating.id: rating.score for rating in scorer.score(CANDIDATES, ENGINE).kept}


def learned(labelled):
    sides = ([pair for pair, is_good in labelled if is_good is side] for side in (True, False))
    return learn(CALIBRATION, *sides, ENGINE, TagSettings(), CurateSettings(), 0)


def by_closing(candidates=CANDIDATES):
    """Labels of people who like what ends in a way that the seed's pairs do not: no sum of suspicions can know that."""
    from humpback.curate.signs import read_signs

    readings, _ = read_signs(candidates, ENGINE, TagSettings(), follow_up=False)
    closing = [signs.values["closing"] for signs in readings]
    middle = sorted(closing)[len(closing) // 2]
    return [(pair, value < middle) for pair, value in zip(candidates, closing, strict=True)]


def test_labels_teach_what_the_seed_cannot_know_and_are_told_when_left_out():
    outcome = learned(by_closing())
    first = outcome.kept[0]

    assert first.labels == len(CANDIDATES)
    assert first.unlearned[0] < 0.6
    assert first.learned[0] > 0.8
    assert first.learned[1] < first.learned[0] < first.learned[2]
    weights = {scale.id: scale.weight for scale in outcome.kept}
    assert min(weights, key=weights.__getitem__) == "closing"
    assert outcome.usage.read > CALIBRATION.usage.read
    assert "learned from 80 decisions" in learned_sentence(outcome.kept)
    assert "did not help" not in learned_sentence(outcome.kept)
    assert scores(outcome.kept) != scores(CALIBRATION.kept)


def test_labels_by_chance_teach_nothing_and_the_sentence_says_so():
    outcome = learned([(pair, number % 2 == 0) for number, pair in enumerate(CANDIDATES)])

    low, high = outcome.kept[0].learned[1:]
    assert low < 0.5 < high or high < 0.6
    assert learned_sentence(CALIBRATION.kept) == ""


def test_the_order_of_labels_changes_nothing_and_few_change_little():
    labels = by_closing()
    assert learned(labels).kept == learned(labels[::-1]).kept
    few = [label for value in (True, False) for label in [one for one in labels if one[1] is value][:8]]
    closing = {len(some): next(s.weight for s in learned(some).kept if s.id == "closing") for some in (few, labels)}
    assert abs(closing[16]) < abs(closing[80])


def test_too_few_that_can_be_read_are_one_line():
    with pytest.raises(StageError, match="15 of 15 labelled pairs can be read, and 8"):
        learned([(pair, number < 7) for number, pair in enumerate(CANDIDATES[:15])])
