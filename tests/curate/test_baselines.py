import dataclasses

import pytest
from pydantic import ValidationError

from humpback.config import CurateSettings
from humpback.curate import make_scorer
from humpback.engines.fake import FakeEngine
from humpback.records import Candidate

CANDIDATES = [
    Candidate(f"c{i}", f"s{i}", "d", "doc.html", ("A",), f"Why {i}?", "x" * (i + 1), "M_yx", -1.0) for i in range(200)
]


class Silent(FakeEngine):
    """Must not be asked."""

    def generate(self, requests):
        raise AssertionError

    def loglikelihood(self, requests):
        raise AssertionError


def scores(seed=0, stage="ratings-1", candidates=CANDIDATES, **settings):
    scorer = make_scorer(CurateSettings(**settings), seed, 1, stage)
    return [rating.score for rating in scorer.score(candidates, Silent()).kept]


def test_the_longest_response_scores_highest():
    assert scores(scorer="length") == [float(i + 1) for i in range(200)]


def test_chance_is_spread_over_the_scale_and_each_stage_draws_anew():
    first = scores(scorer="random")

    assert 1 <= min(first) < 1.2
    assert 4.8 < max(first) <= 5
    assert len(set(first)) == 200
    assert not set(first) & set(scores(scorer="random", stage="ratings-2"))
    assert not set(first) & set(scores(scorer="random", seed=1))


def test_what_augmentation_kept_is_a_score_and_where_it_kept_nothing_there_is_none():
    known = [dataclasses.replace(one, gain=0.5 * place) for place, one in enumerate(CANDIDATES[:3])]
    ratings = make_scorer(CurateSettings(scorer="stored-gain"), 0, 1, "x").score([*known, CANDIDATES[3]], Silent()).kept

    assert [rating.score for rating in ratings] == [0, 0.5, 1.0, None]
    assert ratings[3].state == "unparsed"
    assert "augment.gain" in ratings[3].reply


def test_several_replies_are_averaged_and_those_without_a_score_left_out():
    replies = iter(["Good.\nScore: 4", "No idea.", "Fair.\nScore: 3"])
    scorer = make_scorer(CurateSettings(scorer="rating", samples=3, ask_again=False), 0, 1, "ratings-1")
    (rating,) = scorer.score(CANDIDATES[:1], FakeEngine(reply=lambda request: next(replies))).kept

    assert (rating.state, rating.score, rating.scorer) == ("scored", 3.5, "rating")
    assert rating.reply == "[mean of 4, unparsed, 3]\nGood.\nScore: 4"


def test_the_first_of_several_replies_is_the_one_that_would_be_drawn_alone():
    seen = []
    engine = FakeEngine(reply=lambda request: seen.append(request.sampling.seed) or "Score: 3")
    make_scorer(CurateSettings(scorer="rating"), 7, 1, "ratings-1").score(CANDIDATES[:2], engine)
    outcome = make_scorer(CurateSettings(scorer="rating", samples=3), 7, 1, "ratings-1").score(CANDIDATES[:2], engine)

    assert seen[:2] == seen[2:4]
    assert len(set(seen[2:])) == 6
    assert outcome.read == len(outcome.kept) == 2
    assert outcome.usage.read > 0


def test_a_candidate_that_no_reply_scores_keeps_the_reason():
    scorer = make_scorer(CurateSettings(scorer="rating", samples=2, ask_again=False), 0, 1, "ratings-1")
    (rating,) = scorer.score(CANDIDATES[:1], FakeEngine(reply=lambda request: "No idea.")).kept

    assert (rating.state, rating.score, rating.reply) == ("unparsed", None, "No idea.")


def test_several_replies_at_temperature_0_are_refused():
    with pytest.raises(ValidationError, match="all the same at temperature 0"):
        CurateSettings(samples=2, temperature=0)
