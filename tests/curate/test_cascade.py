import pytest
from pydantic import ValidationError

from humpback import models
from humpback.config import CascadeSettings, Config, CurateSettings
from humpback.curate import NoModel, make_scorer, rate_within, reach
from humpback.engines.fake import FakeEngine
from humpback.errors import EngineError, StageError
from humpback.method.plan import plan
from humpback.records import Candidate, Curated, Rating
from humpback.runs.executor import execute
from humpback.runs.store import Run

CANDIDATES = [
    Candidate(f"c{i}", f"s{i}", "d", "doc.html", ("A",), f"Why {i}?", "x" * (i + 1), "M_yx", -1.0, float(i))
    for i in range(100)
]


class Counting(FakeEngine):
    """Knows which candidates it was asked about."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def loglikelihood(self, requests):
        requests = list(requests)
        self.asked += [request.id for request in requests]
        return super().loglikelihood(requests)


def cheap(candidates=CANDIDATES):
    return make_scorer(CurateSettings(scorer="stored-gain"), 0, 1, "scores-1").score(candidates, NoModel()).kept


def cascade(shards=(CANDIDATES,), **settings):
    rated = cheap([one for shard in shards for one in shard])
    within = reach(lambda: ((rating.id, rating.score) for rating in rated), CascadeSettings(**settings))
    engine = Counting()
    scorer = make_scorer(CurateSettings(scorer="expected-rating"), 0, 1, "ratings-1")
    outcomes = [rate_within(shard, rated, within, scorer, engine) for shard in shards]
    return [rating for outcome in outcomes for rating in outcome.kept], engine.asked


def test_the_expensive_scorer_sees_what_the_cheap_one_leaves_in_reach_and_a_sample_of_the_rest():
    ratings, asked = cascade(share=0.3, check=10)
    states = [rating.state for rating in ratings]

    assert [rating.id for rating in ratings] == [one.id for one in CANDIDATES]
    assert states[70:] == ["scored"] * 30
    assert sorted(states[:70]) == ["checked"] * 10 + ["skipped"] * 60
    assert sorted(asked) == sorted(rating.id for rating in ratings if rating.state != "skipped")


def test_one_that_is_skipped_has_no_score_and_says_why():
    ratings, _ = cascade(share=0.3, check=0)
    first = ratings[0]

    assert (first.state, first.score, first.scorer, first.iteration) == ("skipped", None, "expected-rating", 1)
    assert first.reply == "out of reach: stored-gain=0"
    assert [rating.state for rating in ratings].count("checked") == 0


def test_who_is_seen_does_not_depend_on_the_shards():
    whole, _ = cascade(share=0.4, check=8)
    parts, _ = cascade(shards=(CANDIDATES[:13], CANDIDATES[13:80], CANDIDATES[80:]), share=0.4, check=8)

    assert parts == whole


def test_one_of_which_the_cheap_scorer_knows_nothing_is_rated():
    unknown = Candidate("u", "s", "d", "doc.html", (), "Why?", "because", "M_yx", -1.0)
    ratings, _ = cascade(shards=([*CANDIDATES, unknown],), share=0.1, check=0)

    assert ratings[-1].state == "scored"


def test_a_cascade_cannot_begin_with_a_scorer_that_knows_nothing():
    with pytest.raises(StageError, match=r"stored-relative-gain knows nothing of the 2 candidates.*augment\.gain"):
        reach(lambda: [("a", None), ("b", None)], CascadeSettings(share=0.5))


def test_a_check_larger_than_what_is_left_out_rates_everything():
    ratings, _ = cascade(share=0.9, check=1000)

    assert sorted({rating.state for rating in ratings}) == ["checked", "scored"]


def test_a_scorer_that_asks_nothing_is_given_no_model_and_cannot_use_it():
    with pytest.raises(EngineError):
        make_scorer(CurateSettings(scorer="gain"), 0, 1, "ratings-1").score(CANDIDATES[:1], NoModel())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"scorer": "gain", "cascade": {"scorer": "gain", "share": 0.5}}, "has no use"),
        ({"scorer": "ensemble", "cascade": {"share": 0.5}}, "has no use"),
        ({"scorer": "rating", "cascade": {"share": 0.2}, "select": {"top_share": 0.3}}, "keeps more than"),
        ({"scorer": "ensemble", "ensemble": {"gain": 1}}, "two scorers"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, says):
    with pytest.raises(ValidationError, match=says):
        CurateSettings.model_validate(settings)


def test_a_run_rates_only_what_is_in_reach(settings, tmp_path):
    settings = settings | {"run": settings.get("run", {}) | {"iterations": 2}}
    curate = {"scorer": "expected-rating", "select": {"top_share": 0.3}, "cascade": {"share": 0.5, "check": 1}}
    config = Config.model_validate(settings | {"curate": curate})
    stages = plan(config, models.identify(config.model))
    run = Run(tmp_path / "run")
    with run.locked():
        execute(stages, run, config)

    by_name = {stage.name: stage for stage in stages}
    assert by_name["scores-1-stored-relative-gain"].needs == ("candidates",)
    assert by_name["ratings-2"].needs == ("candidates", "forward-1", "scores-2-stored-relative-gain")
    ratings = list(run.stage("ratings-1").records(Rating))
    states = [rating.state for rating in ratings]
    assert states.count("checked") == 1
    assert states.count("scored") == len(ratings) // 2
    assert states.count("skipped") == len(ratings) - len(ratings) // 2 - 1
    kept = {one.id for one in run.stage("curated-1").records(Curated)}
    assert kept <= {rating.id for rating in ratings if rating.score is not None}
