from collections import Counter

import pytest

from humpback.augment import clean, validate
from humpback.config import ENGINES, AugmentSettings, TagSettings
from humpback.engines.base import Engine
from humpback.engines.fake import FakeEngine
from humpback.errors import ConfigError
from humpback.prompts import (
    backward_messages,
    expected_rating_messages,
    forward_messages,
    parse_rating,
    rating_messages,
)
from humpback.requests import Completion, LikelihoodRequest, Message, Part, Request, Sampling

from .contract import EngineContract

SEGMENT = "Humpback whales sing long songs that change from year to year. Males of one population share a song. "


class TestContract(EngineContract):
    spec = ENGINES["fake"]

    @pytest.fixture
    def engine(self):
        return FakeEngine(max_chars=10_000)


def _ratings(count, **options):
    requests = [Request(str(i), rating_messages(f"Question {i}?", SEGMENT), Sampling(256)) for i in range(count)]
    return [parse_rating(one.text, one.finish_reason) for one in FakeEngine(**options).generate(requests)]


def _instructions(count, **options):
    requests = [Request(str(i), backward_messages(f"{SEGMENT} {i}"), Sampling(96)) for i in range(count)]
    return list(FakeEngine(**options).generate(requests))


def test_it_is_an_engine():
    engine: Engine = FakeEngine()

    assert engine.model == "fake"
    assert FakeEngine("fake-2").model == "fake-2"


def test_answers_follow_from_content_and_seed_not_from_the_id():
    def answer(name, text, seed, temperature=0.7):
        return next(
            FakeEngine().generate([Request(name, backward_messages(text), Sampling(96, temperature, 0.9, seed))])
        ).text

    texts = {answer("a", SEGMENT, seed) for seed in range(30)}
    assert len(texts) > 10
    assert answer("a", SEGMENT, 1) == answer("b", SEGMENT, 1)
    assert answer("a", SEGMENT, 1, 0.0) == answer("a", SEGMENT, 2, 0.0)


def test_models_of_different_identity_answer_differently():
    one, other = _instructions(20, model="one"), _instructions(20, model="other")

    assert [answer.text for answer in one] != [answer.text for answer in other]


def test_ratings_are_distributed_about_as_in_the_paper():
    ratings = _ratings(5_000)
    states = Counter(rating.state for rating in ratings)
    scores = [rating.score for rating in ratings if rating.score is not None]

    assert 0.01 < states["unparsed"] / 5_000 < 0.04
    assert 0.005 < states["truncated"] / 5_000 < 0.03
    assert 0.06 < sum(score >= 4.5 for score in scores) / len(scores) < 0.10
    assert 0.35 < sum(score >= 4 for score in scores) / len(scores) < 0.42
    assert set(scores) == {1, 2, 3, 3.5, 4, 4.5, 5}


def test_without_flaws_every_rating_is_read_and_every_instruction_is_valid():
    assert {rating.state for rating in _ratings(500, flaws=0)} == {"scored"}
    answers = _instructions(500, flaws=0)

    assert {answer.finish_reason for answer in answers} == {"stop"}
    assert {validate(clean(answer.text), SEGMENT, AugmentSettings()) for answer in answers} == {None}


def test_flaws_take_every_path():
    answers = _instructions(500, flaws=1)
    reasons = {validate(clean(answer.text), SEGMENT, AugmentSettings()) for answer in answers}

    assert "length" in {answer.finish_reason for answer in answers}
    assert {"empty", "echo of the prompt", "refusal"} <= reasons
    assert {rating.state for rating in _ratings(100, flaws=1)} == {"unparsed", "truncated"}


@pytest.mark.parametrize("flaws", [-0.1, 1.1])
def test_flaws_are_a_share(flaws):
    with pytest.raises(ConfigError, match="share from 0 to 1"):
        FakeEngine(flaws=flaws)


def test_instructions_have_variety_and_take_up_the_text():
    texts = [answer.text for answer in _instructions(200, flaws=0)]

    assert len(set(texts)) > 80
    assert sum(any(word in text for word in ("humpback", "whales", "song", "population")) for text in texts) > 80


def test_it_answers_instructions():
    messages = forward_messages("Explain tides.", TagSettings(), ("seed", "augmented"))
    (answer,) = FakeEngine().generate([Request("a", messages, Sampling(200))])

    assert answer.finish_reason == "stop"
    assert answer.text.endswith(".")


def test_a_text_without_words_is_no_trouble():
    (answer,) = FakeEngine(flaws=0).generate([Request("a", backward_messages("12 + 13 = 25"), Sampling(96))])

    assert answer.text


def test_an_empty_prompt_is_an_error():
    blank = (Message("user", (Part("  "),)),)
    (answer,) = FakeEngine().generate([Request("a", blank, Sampling(8))])
    (weighed,) = FakeEngine().loglikelihood([LikelihoodRequest("a", blank, ("x",))])

    assert (answer.finish_reason, answer.error) == ("error", "the prompt is empty")
    assert weighed.error == "the prompt is empty"


def test_a_long_document_is_cut_and_a_long_rest_is_an_error():
    engine = FakeEngine(max_chars=3_000)
    cut, whole = (Message("user", (Part("x" * 9_000, cut=may),)) for may in (True, False))
    fits, fails = engine.generate([Request("a", (cut,), Sampling(8)), Request("b", (whole,), Sampling(8))])

    assert (fits.error, fits.prompt_tokens) == ("", 750)
    assert "9000 characters" in fails.error


def test_a_reply_is_cut_at_the_limit():
    engine = FakeEngine(reply=lambda request: "x" * 100)
    long, short = engine.generate([Request(str(n), backward_messages("y"), Sampling(n)) for n in (5, 50)])

    assert (len(long.text), long.finish_reason, long.completion_tokens) == (20, "length", 5)
    assert (len(short.text), short.finish_reason) == (100, "stop")


def test_it_can_be_scripted():
    whole = Completion("a", "written", "length", 1, 2, -3.0)
    request = Request("a", backward_messages("y"), Sampling(8))

    assert next(FakeEngine(reply=lambda one: whole).generate([request])) == whole
    assert next(FakeEngine(reply=lambda one: f"to {one.id}").generate([request])).text == "to a"
    weighed = next(
        FakeEngine(likelihoods=lambda one: [-1.0, -2.0]).loglikelihood(
            [LikelihoodRequest("a", backward_messages("y"), ("one", "two"))]
        )
    )
    assert weighed.log_probabilities == (-1.0, -2.0)


def test_grades_are_a_distribution_that_leaves_a_little():
    from math import exp

    requests = [
        LikelihoodRequest(str(i), expected_rating_messages(f"Q {i}?", SEGMENT), ("1", "2", "3", "4", "5"), "Score: ")
        for i in range(200)
    ]
    best = Counter()
    for answer in FakeEngine().loglikelihood(requests):
        assert sum(map(exp, answer.log_probabilities)) == pytest.approx(0.97)
        best[answer.log_probabilities.index(max(answer.log_probabilities))] += 1

    assert len(best) == 5


def test_the_loss_of_a_long_continuation_is_of_a_usual_size():
    continuation = "A long answer about whales and their songs. " * 10
    (answer,) = FakeEngine().loglikelihood([LikelihoodRequest("a", backward_messages("y"), (continuation,), ends=True)])

    assert 1.2 <= -answer.log_probabilities[0] / answer.tokens[0] <= 2.4
