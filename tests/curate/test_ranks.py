from dataclasses import replace

import pytest

from humpback import models
from humpback.config import Config
from humpback.curate import Question, Ranks, RankScorer
from humpback.curate.baselines import NoModel
from humpback.curate.findings import finding
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
    ranks = {member[0].scorer: Ranks(rating.score for rating in member) for member in members}
    return RankScorer("ensemble", 1, [Question("", weights, ranks)]).rate(CANDIDATES, members).kept


def test_a_rating_names_the_model_that_was_asked_though_a_member_asks_none():
    kept = [replace(rating, model=NoModel.model) for rating in rated("stored-gain", 0.1, 0.2, 0.3, 0.4)]
    ratings = combined(kept, rated("gain", 1, 2, 3, 4), **{"stored-gain": 1, "gain": 1})
    assert {rating.model for rating in ratings} == {"M_0"}
    assert {rating.model for rating in combined(kept, **{"stored-gain": 1})} == {NoModel.model}


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


def two_questions(asks, answers):
    members = (asks, *answers)
    scores = {member[0].scorer: [rating.score for rating in member] for member in members}
    ranks = {name: Ranks(column) for name, column in scores.items()}
    weights = {"asks": {asks[0].scorer: 1}, "answers": {member[0].scorer: 1 for member in answers}}
    questions = [Question(name, group, ranks, scores) for name, group in weights.items()]
    return RankScorer("two-questions", 1, questions).rate(CANDIDATES, members).kept


def test_one_question_does_not_make_up_for_the_other():
    ratings = two_questions(rated("gain", 9, 8, 7, 1), [rated("rating", 1, 3, 4, 5), rated("length", 2, 3, 4, 5)])

    assert [rating.score for rating in ratings] == [0.125, 0.375, 0.375, 0.125]
    assert ratings[0].reply == "asks=0.875 answers=0.125 gain=0.875 rating=0.125 length=0.125"
    assert finding(ratings[0]) == (
        "Its instruction asks for the response better than that of 88% of all candidates; its response is more of an "
        "answer than that of 12% (gain 88%, rating 12%, length 12%)."
    )


def test_the_mean_of_several_ranks_counts_as_much_as_one_rank():
    """Members that disagree have means near to the middle; their order decides all the same."""
    ratings = two_questions(rated("gain", 4, 3, 2, 1), [rated("rating", 4, 1, 3, 2), rated("length", 2, 1, 4, 3)])

    assert [rating.reply.split()[1] for rating in ratings] == [
        f"answers={share}" for share in ("0.625", "0.125", "0.875", "0.375")
    ]


def test_a_question_that_nobody_answers_leaves_no_score():
    ratings = two_questions(rated("gain", None, 3, 2, 1), [rated("rating", 4, 3, 2, 1), rated("length", 1, 2, 3, 4)])

    assert (ratings[0].state, ratings[0].score, ratings[0].reply) == ("unparsed", None, "no")
    assert ratings[1].score is not None


@pytest.mark.parametrize(
    "curate",
    [
        {"scorer": "ensemble", "ensemble": {"calibrated": 2, "stored-gain": 1}},
        {"scorer": "two-questions", "questions": {"asks": {"stored-gain": 1}, "answers": {"calibrated": 1}}},
    ],
)
def test_a_run_ranks_by_all_members(settings, tmp_path, curate):
    settings = settings | {"run": settings.get("run", {}) | {"iterations": 1}}
    config = Config.model_validate(settings | {"curate": curate | {"select": {"top_share": 0.3}}})
    stages = plan(config, models.identify(config.model))
    run = Run(tmp_path / "run")
    with run.locked():
        execute(stages, run, config)
    ratings = list(run.stage("ratings-1").records(Rating))

    assert {stage.name for stage in stages if stage.name.endswith(("-calibrated", "-stored-gain"))} == {
        "scores-1-calibrated",
        "scores-1-stored-gain",
    }
    assert all(rating.score is not None and 0 < rating.score < 1 for rating in ratings)
    assert len({rating.score for rating in ratings}) > 1


def test_a_run_reads_each_response_as_an_answer_once(settings, tmp_path):
    config = Config.model_validate(settings | {"curate": {"scorer": "two-questions", "select": {"top_n": 3}}})
    stages = {stage.name: stage for stage in plan(config, models.identify(config.model))}
    names = [*stages][: [*stages].index("scores-1-opening-likelihood") + 1]
    run = Run(tmp_path / "run")
    answers = run.stage(names[-1])
    scores, tokens = [], []
    with run.locked():
        for left_out in ({"scores-1-relative-gain", "scores-1-answer-likelihood"}, set()):
            execute([stages[name] for name in names if name not in left_out], run, config)
            scores.append(list(answers.column("score")))
            tokens.append(answers.counts().tokens_read)
            answers.clear()

    assert scores[0] == scores[1]
    assert tokens[0] > 0 == tokens[1]


def test_where_augmentation_stored_no_gain_the_other_scorers_answer(settings, tmp_path):
    curate = {"scorer": "two-questions", "select": {"top_n": 3}}
    config = Config.model_validate(settings | {"curate": curate, "augment": {"gain": False}})
    stages = [stage for stage in plan(config, models.identify(config.model)) if stage.name != "report"]
    names = [stage.name for stage in stages]
    run = Run(tmp_path / "run")
    with run.locked():
        execute(stages[: names.index("ratings-1") + 1], run, config)

    assert set(run.stage("scores-1-stored-relative-gain").column("state")) == {"unparsed"}
    assert set(run.stage("ratings-1").column("state")) == {"scored"}


def test_ranks_have_no_scale_for_a_threshold(settings):
    config = Config.model_validate(settings | {"curate": {"scorer": "ensemble"}})
    with pytest.raises(ConfigError, match="top_share"):
        plan(config, models.identify(config.model))
