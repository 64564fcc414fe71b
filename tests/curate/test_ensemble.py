import pytest

from humpback import models
from humpback.config import Config
from humpback.curate import Ranks, mean_ranks
from humpback.errors import ConfigError
from humpback.method.plan import plan
from humpback.records import Candidate, Rating
from humpback.runs.executor import execute
from humpback.runs.store import Run

CANDIDATES = [Candidate(f"c{i}", f"s{i}", "d", "doc", (), "Why?", "Because.", "M_yx", -1.0) for i in range(4)]


def rated(scorer, *scores):
    return [
        Rating(one.id, 1, scorer, "M_0", "scored" if score is not None else "unparsed", score, "no", "stop")
        for one, score in zip(CANDIDATES, scores, strict=True)
    ]


def combined(*members, **weights):
    ranks = [Ranks(rating.score for rating in member) for member in members]
    return mean_ranks(CANDIDATES, members, ranks, weights, 1).kept


def test_scales_do_not_matter_but_ranks():
    grades, nats = rated("rating", 1, 2, 3, 4), rated("gain", -900, -2, -1.5, -1.4)
    ratings = combined(grades, nats, rating=1, gain=1)

    assert [rating.score for rating in ratings] == [0.125, 0.375, 0.625, 0.875]
    assert ratings[3].reply == "rating=0.875 gain=0.875"
    assert {(rating.scorer, rating.model, rating.state) for rating in ratings} == {("ensemble", "M_0", "scored")}


def test_weights_decide_where_members_disagree():
    up, down = rated("rating", 1, 2, 3, 4), rated("gain", 4, 3, 2, 1)

    assert [rating.score for rating in combined(up, down, rating=1, gain=1)] == [0.5] * 4
    assert [rating.score for rating in combined(up, down, rating=3, gain=1)] == [0.3125, 0.4375, 0.5625, 0.6875]


def test_equal_scores_share_their_rank():
    assert [Ranks([1, 2, 2, 3]).share(score) for score in (1, 2, 3)] == [0.125, 0.5, 0.875]


def test_where_a_member_says_nothing_the_others_decide_and_where_all_do_there_is_no_score():
    ratings = combined(rated("rating", None, None, 3, 4), rated("gain", 1, None, 3, 4), rating=1, gain=1)

    assert ratings[0].score == pytest.approx(1 / 6)
    assert (ratings[1].state, ratings[1].score, ratings[1].reply) == ("unparsed", None, "no")


def test_a_run_ranks_by_all_members(settings, tmp_path):
    settings = settings | {"run": settings.get("run", {}) | {"iterations": 1}}
    curate = {"scorer": "ensemble", "select": {"top_share": 0.3}, "ensemble": {"calibrated": 2, "stored-gain": 1}}
    config = Config.model_validate(settings | {"curate": curate})
    stages = plan(config, models.identify(config.model))
    run = Run(tmp_path / "run")
    with run.locked():
        execute(stages, run, config)
    ratings = list(run.stage("ratings-1").records(Rating))

    assert [stage.name for stage in stages if stage.name.endswith(("-calibrated", "-stored-gain"))] == [
        "scores-1-calibrated",
        "scores-1-stored-gain",
    ]
    assert all(rating.score is not None and 0 < rating.score < 1 for rating in ratings)
    assert len({rating.score for rating in ratings}) > 1


def test_ranks_have_no_scale_for_a_threshold(settings):
    config = Config.model_validate(settings | {"curate": {"scorer": "ensemble"}})
    with pytest.raises(ConfigError, match="top_share"):
        plan(config, models.identify(config.model))
