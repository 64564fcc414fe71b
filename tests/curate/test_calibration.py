"""How suspicious is too suspicious: from good pairs, and the same with faults."""

import pytest

from humpback.config import CurateSettings, TagSettings
from humpback.curate import make_scorer
from humpback.curate.calibration import calibrate, distance, probability
from humpback.curate.signs import SIGNS
from humpback.engines.fake import FakeEngine
from humpback.errors import ConfigError, StageError
from humpback.records import Candidate, Pair, content_id

SCALES = {"closing": (-1.0, 0.5), "opening": (-3.0, 1.0)}
FACTS = (
    "The harbour lies behind wall {0} of grey stone, where the wind seldom reaches it.",
    "Ships of {0} countries come in by the tide and leave their cargo on the quay.",
    "In the {0} days of autumn the fishermen mend their nets and talk about the sea.",
    "A lamp with {0} mirrors shows the way in the dark.",
)


def good(number: int) -> Pair:
    response = " ".join(fact.format(number + place) for place, fact in enumerate(FACTS))
    instruction = f"What is there to know about harbour number {number}?"
    return Pair(content_id(instruction, response), instruction, response, "seed", "")


def candidate(pair: Pair) -> Candidate:
    return Candidate(pair.id, "", "", "", (), pair.instruction, pair.response, "", 0.0)


PAIRS = [good(number) for number in range(40)]


def calibrated(pairs=PAIRS, count=24, model="M_0", follow_up=False):
    settings = CurateSettings(calibration_pairs=count, follow_up=follow_up)
    return calibrate(pairs, FakeEngine(model), TagSettings(), settings, 0)


def test_only_what_falls_is_suspicious():
    assert distance({"closing": -1.0, "opening": -3.0}, SCALES) == 0
    assert distance({"closing": -0.1, "opening": -0.1}, SCALES) == 0
    assert distance({"closing": -2.0, "opening": -3.0}, SCALES) == pytest.approx(4)
    assert distance({"closing": -2.0, "opening": -4.0}, SCALES) == pytest.approx(5)


def test_no_sign_decides_alone_without_bound_and_a_missing_one_says_nothing():
    assert distance({"closing": -99.0, "opening": -3.0}, SCALES) == distance({"closing": -9.0}, SCALES) == 64


def test_there_is_a_scale_for_each_sign():
    outcome = calibrated()

    assert [scale.id for scale in outcome.kept] == list(SIGNS)
    assert outcome.read == len(outcome.kept)
    assert all(scale.scale > 0 and scale.slope > 0 for scale in outcome.kept)
    assert outcome.kept[0].good == 24
    assert outcome.usage.read > 0


def test_the_order_of_the_pairs_changes_nothing():
    assert calibrated(PAIRS[::-1]).kept == calibrated().kept


def test_the_more_suspicious_the_less_probable():
    scales = calibrated().kept
    falls = ({scale.id: scale.centre - below * scale.scale for scale in scales} for below in (0, 1, 2, 4))
    chances = [probability(values, scales) for values in falls]

    assert chances == sorted(chances, reverse=True)
    assert all(0 < chance < 1 for chance in chances)


def test_a_rating_shows_every_sign_and_the_more_suspicious_pair_scores_lower():
    scales = calibrated().kept
    scorer = make_scorer(CurateSettings(scorer="calibrated"), 0, 1, "ratings-1", None, scales)
    ratings = scorer.score([candidate(pair) for pair in PAIRS[:8]], FakeEngine("M_0")).kept
    suspicions = [float(rating.reply.split()[0].removeprefix("suspicion=")) for rating in ratings]

    assert all(1 <= rating.score <= 5 for rating in ratings)
    assert all(f"{name}=" in rating.reply for name in SIGNS for rating in ratings)
    by_suspicion = sorted(zip(suspicions, ratings, strict=True), key=lambda one: one[0])
    assert [rating.score for _, rating in by_suspicion] == sorted((rating.score for rating in ratings), reverse=True)
    assert len(set(suspicions)) > 1


def test_a_calibration_that_asked_for_a_grade_has_candidates_asked_too():
    scales = calibrated(follow_up=True).kept
    scorer = make_scorer(CurateSettings(scorer="calibrated"), 0, 1, "ratings-1", None, scales)
    (rating,) = scorer.score([candidate(PAIRS[30])], FakeEngine("M_0")).kept

    assert [scale.id for scale in scales] == [*SIGNS, "grade"]
    assert "grade=" in rating.reply


def test_too_few_pairs_are_said_to_be_too_few():
    with pytest.raises(StageError, match="3 good pairs"):
        calibrated(PAIRS[:3])


def test_without_a_calibration_nothing_is_calibrated():
    with pytest.raises(ConfigError, match="calibrated"):
        make_scorer(CurateSettings(scorer="calibrated"), 0, 1, "ratings-1")
