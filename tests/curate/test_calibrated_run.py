"""A run whose scorer looks at good pairs first."""

import pytest

from humpback import models
from humpback.config import Config
from humpback.curate.signs import SIGNS
from humpback.data_access.decisions import Decisions
from humpback.errors import ConfigError
from humpback.method.plan import plan
from humpback.records import Rating, SignScale
from humpback.runs.executor import execute
from humpback.runs.store import Run


def planned(settings: dict, **curate: object):
    config = Config.model_validate(settings | {"curate": {"select": {"top_share": 0.3}} | curate})
    return config, plan(config, models.identify(config.model))


def test_the_model_that_rates_is_calibrated_first(settings):
    _, stages = planned(settings, scorer="calibrated")
    by_name = {stage.name: stage for stage in stages}

    assert by_name["calibration-1"].needs == ("seed", "forward-0")
    assert by_name["calibration-2"].needs == ("seed", "forward-1")
    assert by_name["ratings-2"].needs == ("candidates", "forward-1", "calibration-2")


def test_no_other_scorer_is(settings):
    _, stages = planned(settings, scorer="expected-rating")

    assert not [stage for stage in stages if stage.name.startswith("calibration")]


def test_a_run_rates_with_what_it_found_out_and_learns_from_decisions(settings, tmp_path):
    settings = settings | {"run": settings.get("run", {}) | {"iterations": 1}}
    config, stages = planned(settings, scorer="calibrated")
    run, decisions = Run(tmp_path / "run"), Decisions(tmp_path / "decisions")
    with run.locked():
        execute(stages, run, config)
    scales = list(run.stage("calibration-1").records(SignScale))
    ratings = list(run.stage("ratings-1").records(Rating))

    assert [scale.id for scale in scales] == list(SIGNS)
    assert ratings
    assert {rating.scorer for rating in ratings} == {"calibrated"}
    assert all(rating.score is not None and 1 <= rating.score <= 5 for rating in ratings)

    labels = {"scorer": "calibrated", "labels": True, "decisions": str(tmp_path / "decisions")}
    decisions.record("anna", [rating.id for rating in ratings[:8]], {"verdict": "approve"})
    with pytest.raises(ConfigError, match="have approved 8 and rejected 0"):
        planned(settings, **labels)
    decisions.record("anna", [rating.id for rating in ratings[8:18]], {"verdict": "reject"})
    config, stages = planned(settings, **labels)
    with run.locked():
        execute(stages[: [stage.name for stage in stages].index("calibration-1") + 1], run, config, ["calibration-1"])
    first = next(run.stage("calibration-1").records(SignScale))

    assert first.labels == 18
    assert 0 <= first.learned[1] <= first.learned[0] <= first.learned[2] <= 1
    decisions.record("anna", [ratings[17].id], {"verdict": "approve"})
    before, after = (
        next(stage for stage in plan_ if stage.name == "calibration-1")
        for plan_ in (stages, planned(settings, **labels)[1])
    )
    assert before.needs == ("seed", "candidates", "forward-0")
    assert before.settings != after.settings


def test_asking_for_a_grade_is_another_rating_and_nothing_to_other_scorers(settings):
    recipes = {}
    for scorer in ("calibrated", "rating", "expected-rating"):
        for follow_up in (False, True):
            _, stages = planned(settings, scorer=scorer, follow_up=follow_up)
            recipes[scorer, follow_up] = {stage.name: stage.settings for stage in stages}

    differ = {
        name for name, found in recipes["calibrated", True].items() if found != recipes["calibrated", False][name]
    }
    assert differ == {"calibration-1", "ratings-1", "calibration-2", "ratings-2"}
    for scorer in ("rating", "expected-rating"):
        assert recipes[scorer, True] == recipes[scorer, False]


@pytest.mark.parametrize("scorer", ["gain", "ifd", "backward-gain", "end-of-sequence", "length"])
def test_no_threshold_fits_scores_without_a_scale(settings, scorer):
    with pytest.raises(ConfigError, match="top_share"):
        planned(settings, scorer=scorer, select={"threshold": 4})
    assert planned(settings, scorer=scorer, select={"top_n": 3})


@pytest.mark.parametrize("scorer", ["calibrated", "expected-rating", "yes-no", "additive", "gain", "ensemble"])
def test_a_scorer_that_cannot_reach_the_threshold_asks_for_a_share_before_anything_runs(settings, scorer):
    with pytest.raises(ConfigError, match=r"set curate\.select\.top_share"):
        planned(settings, scorer=scorer, select={})


def test_written_grades_reach_the_threshold_and_one_of_your_own_fits_a_probability(settings):
    assert planned(settings, scorer="rating", select={})
    assert planned(settings, scorer="calibrated", select={"threshold": 3})


def test_labels_for_another_scorer_are_refused(settings):
    with pytest.raises(ConfigError, match=r"curate\.labels teaches the scorer calibrated"):
        planned(settings, scorer="expected-rating", labels=True)
