"""A reply without a score is asked for the grade alone, behind the reasons that it gave."""

from math import log

import pytest

from humpback.config import CurateSettings, ModelSettings
from humpback.curate import make_scorer
from humpback.engines.fake import FakeEngine
from humpback.engines.transformers import TransformersEngine
from humpback.prompts import GRADES, rating_messages
from humpback.records import Candidate
from humpback.requests import Completion, Likelihood, LikelihoodRequest
from tests.engines.loopback import Loopback, open_on, reply, serving

SHARES = (0.1, 0.1, 0.2, 0.4, 0.2)
MEAN = sum(grade * share for grade, share in enumerate(SHARES, 1))


def candidate(name, response="Whales sing."):
    return Candidate(name, "s", "d", "doc.html", ("A",), f"Why {name}?", response, "M_yx", -1.0)


def scorer(**settings):
    return make_scorer(CurateSettings(scorer="rating", **settings), 0, 1, "ratings-1")


class Recorded(FakeEngine):
    """Replies as it is told, by the id of the candidate, and remembers what it was asked to weigh, batch by batch."""

    def __init__(self, replies, likelihoods=lambda request: [log(share) for share in SHARES]):
        super().__init__("M_0", reply=lambda request: replies[request.id], likelihoods=likelihoods)
        self.batches = []

    def loglikelihood(self, requests):
        self.batches.append(list(requests))
        return super().loglikelihood(self.batches[-1])


def test_a_reply_without_a_score_is_asked_for_the_grade_behind_its_reasons():
    engine = Recorded({"a": "It is clear and complete."})
    (rating,) = scorer().score([candidate("a")], engine).kept

    assert engine.batches == [
        [
            LikelihoodRequest(
                "a", rating_messages("Why a?", "Whales sing."), GRADES, "It is clear and complete.\nScore: "
            )
        ]
    ]
    assert (rating.state, rating.finish_reason) == ("asked-again", "stop")
    assert rating.score == pytest.approx(MEAN)
    assert rating.reply == "It is clear and complete.\n[asked again: p=0.1000,0.1000,0.2000,0.4000,0.2000]"


def test_only_what_has_no_score_is_asked_again_and_all_of_it_at_once():
    replies = {"a": "Good.\nScore: 4", "b": "No idea.", "c": "Poor.\nScore: 1", "d": "Well. " * 500, "e": ""}
    engine = Recorded(replies)
    outcome = scorer().score([candidate(name) for name in replies], engine)

    assert [[one.id for one in batch] for batch in engine.batches] == [["b", "d", "e"]]
    assert [rating.state for rating in outcome.kept] == [
        "scored",
        "asked-again",
        "scored",
        "asked-again",
        "asked-again",
    ]
    assert [rating.score for rating in outcome.kept] == [4, *[pytest.approx(MEAN)], 1, *[pytest.approx(MEAN)] * 2]
    assert engine.batches[0][2].answer_prefix == "Score: "


def test_a_sentence_that_the_limit_cut_off_is_no_part_of_the_question():
    engine = Recorded({"a": "It is clear. " * 90})
    (rating,) = scorer().score([candidate("a")], engine).kept

    assert rating.finish_reason == "length"
    assert engine.batches[0][0].answer_prefix.endswith("It is clear.\nScore: ")


def test_nothing_is_asked_again_where_every_reply_has_a_score_or_where_the_settings_say_no():
    scored, silent = Recorded({"a": "Score: 3"}), Recorded({"a": "No idea."})
    scorer().score([candidate("a")], scored)
    (rating,) = scorer(ask_again=False).score([candidate("a")], silent).kept

    assert scored.batches == silent.batches == []
    assert (rating.state, rating.score, rating.reply) == ("unparsed", None, "No idea.")


@pytest.mark.parametrize("text", ["Score: 10", "Score: 3-4", "Good.\nScore: 4/10", "7"])
def test_a_score_on_another_scale_is_an_answer_and_stays_unparsed(text):
    engine = Recorded({"a": text})
    (rating,) = scorer().score([candidate("a")], engine).kept

    assert engine.batches == []
    assert (rating.state, rating.score, rating.reply) == ("unparsed", None, text)


def test_an_error_of_the_engine_is_not_asked_again():
    engine = Recorded({"a": Completion("a", "", "error", 0, 0, 0.0, "out of memory")})
    (rating,) = scorer().score([candidate("a")], engine).kept

    assert engine.batches == []
    assert (rating.state, rating.reply, rating.finish_reason) == ("unparsed", "out of memory", "error")


@pytest.mark.parametrize("values", [[], [-1.0] * 4, [float("nan")] * 5, [float("-inf")] * 5])
def test_what_cannot_be_weighed_stays_as_it_was(values):
    (rating,) = scorer().score([candidate("a")], Recorded({"a": "No idea."}, lambda request: values)).kept

    assert (rating.state, rating.score, rating.reply) == ("unparsed", None, "No idea.")


def test_an_error_of_one_harms_no_other():
    class Half(Recorded):
        def loglikelihood(self, requests):
            for one in super().loglikelihood(requests):
                yield Likelihood(one.id, error="cannot read this") if one.id == "a" else one

    first, second = scorer().score([candidate("a"), candidate("b")], Half({"a": "Hm.", "b": "Hm."})).kept

    assert (first.state, first.score, first.reply) == ("unparsed", None, "Hm.")
    assert second.state == "asked-again"


def test_a_server_without_distributions_leaves_the_ratings_as_they_were():
    bare = reply("It is clear.")
    bare["choices"][0]["logprobs"] = None
    with serving(Loopback(lambda handler, body: handler.send_json(200, bare))) as server:
        engine = open_on(server)
        ratings = scorer().score([candidate("a"), candidate("b")], engine).kept
        engine.close()

    assert [(rating.state, rating.score, rating.reply) for rating in ratings] == [
        ("unparsed", None, "It is clear.")
    ] * 2


def test_what_is_read_again_is_counted_among_the_tokens():
    replies = {"a": "No idea."}
    once, twice = (scorer(ask_again=ask).score([candidate("a")], Recorded(replies)).usage for ask in (False, True))

    assert twice.read > once.read
    assert twice.written == once.written


def test_of_several_replies_each_is_asked_again_and_the_rating_says_so_where_none_wrote_a_score():
    def rated(*texts):
        replies = iter(texts)
        engine = FakeEngine(
            reply=lambda request: next(replies), likelihoods=lambda request: [log(share) for share in SHARES]
        )
        (rating,) = scorer(samples=len(texts)).score([candidate("a")], engine).kept
        return rating

    mixed, none = rated("No idea.", "Good.\nScore: 4", "Score: 10"), rated("No idea.", "Nor have I.")

    assert (mixed.state, mixed.score) == ("scored", pytest.approx((MEAN + 4) / 2))
    assert mixed.reply == "[mean of 3.5 (asked-again), 4, unparsed]\nGood.\nScore: 4"
    assert (none.state, none.score) == ("asked-again", pytest.approx(MEAN))


def test_a_real_model_that_never_ends_in_a_score_rates_every_candidate_whatever_the_shard(tiny_model):
    settings = ModelSettings(name="tiny", device="cpu", max_tokens=2000)
    engine = TransformersEngine(tiny_model, "tiny", settings)
    some = [candidate("a"), candidate("b", "The sea. The wind. " * 9), candidate("c", "Because it is.")]
    ratings = scorer(max_new_tokens=12).score(some, engine).kept
    alone = [scorer(max_new_tokens=12).score([one], engine).kept[0] for one in some]
    engine.close()

    assert [rating.state for rating in ratings] == ["asked-again"] * 3
    assert all(1 < rating.score < 5 for rating in ratings)
    assert [rating.score for rating in alone] == pytest.approx([rating.score for rating in ratings], abs=1e-3)


def test_what_the_rater_thought_is_kept_apart_and_gives_no_score():
    replies = {
        "a": "<think>\nScore: 2 at first.\n</think>\n\nGood.\nScore: 4",
        "b": "<think>\nScore: 2 would be",
        "c": Completion("c", "Fine.\nScore: 3", "stop", 1, 1, 0.0, reasoning="Score: 1?"),
    }
    ratings = scorer(ask_again=False).score([candidate(name) for name in replies], Recorded(replies)).kept

    assert [(rating.state, rating.score) for rating in ratings] == [("scored", 4), ("unparsed", None), ("scored", 3)]
    assert [rating.reasoning for rating in ratings] == ["Score: 2 at first.", "Score: 2 would be", "Score: 1?"]
    assert [rating.reply for rating in ratings] == ["Good.\nScore: 4", "", "Fine.\nScore: 3"]


def test_a_grade_is_asked_for_behind_what_was_said_not_what_was_thought():
    engine = Recorded({"a": "<think>\nScore: 2?\n</think>\n\nIt is clear."})
    scorer().score([candidate("a")], engine)

    assert engine.batches[0][0].answer_prefix == "It is clear.\nScore: "
