"""The engine for servers keeps the contract against a real model behind HTTP, and reads from it what is there."""

import json
import math
from collections.abc import Iterator

import pytest

from humpback.config import ENGINES, CurateSettings, ModelSettings
from humpback.curate.scorers import make_scorer
from humpback.engines.open import open_engine
from humpback.engines.transformers import TransformersEngine
from humpback.errors import EngineError
from humpback.evaluation.winrate import Judging, judge
from humpback.method.external import identities
from humpback.prompts import EXPECTED_RATING_PREFIX, GRADES
from humpback.records import Candidate
from humpback.requests import LikelihoodRequest, Message, Part, Request, Sampling
from humpback.runs.stage import ExternalModel
from tests.engines.contract import TEXTS, EngineContract, ask
from tests.engines.loopback import Json, Loopback, Model, choice, open_on, reply, serving, settings
from tests.evaluation.test_winrate import comparison


@pytest.fixture(scope="module")
def served(tiny_chat_model) -> Iterator[Loopback]:
    with serving(Loopback(Model.of(tiny_chat_model), {"data": [{"id": "m", "root": "r", "owned_by": "vllm"}]})) as it:
        yield it


class TestContract(EngineContract):
    spec = ENGINES["openai"]

    @pytest.fixture
    def engine(self, served):
        engine = open_on(served)
        yield engine
        engine.close()


@pytest.fixture
def engine(served):
    engine = open_on(served)
    yield engine
    engine.close()


@pytest.fixture
def embedded(tiny_chat_model):
    engine = TransformersEngine(tiny_chat_model, "m", ModelSettings(name="m", device="cpu", max_tokens=600))
    yield engine
    engine.close()


@pytest.mark.parametrize("prefix", ["", "Well, "])
@pytest.mark.parametrize("ends", [False, True])
def test_likelihoods_of_texts_are_those_of_the_embedded_engine(engine, embedded, ends, prefix):
    texts = ("The harbour lies behind a wall.", "Mix flour and water, then wait a day.")
    requests = [LikelihoodRequest(f"{i}", ask(text), texts, prefix, ends) for i, text in enumerate(TEXTS)]
    expected = {answer.id: answer for answer in embedded.loglikelihood(requests)}
    for answer in engine.loglikelihood(requests):
        assert answer.log_probabilities == pytest.approx(expected[answer.id].log_probabilities, abs=1e-3)
        assert answer.tokens == expected[answer.id].tokens


def test_generations_are_those_of_the_embedded_engine(engine, embedded):
    requests = [Request(f"{i}", ask(text), Sampling(10, seed=i)) for i, text in enumerate(TEXTS)]
    expected = {answer.id: answer for answer in embedded.generate(requests)}
    for answer in engine.generate(requests):
        wanted = expected[answer.id]
        assert (answer.text, answer.finish_reason) == (wanted.text, wanted.finish_reason)
        assert (answer.prompt_tokens, answer.completion_tokens) == (wanted.prompt_tokens, wanted.completion_tokens)
        assert answer.log_probability == pytest.approx(wanted.log_probability, abs=1e-3)


def places(*top: dict[str, float]) -> Json:
    """A completion whose tokens are the first of each distribution."""
    answer = reply("".join(next(iter(one)) for one in top), finish="length")
    answer["choices"][0]["logprobs"]["content"] = [
        {
            "token": next(iter(one)),
            "logprob": math.log(next(iter(one.values()))),
            "top_logprobs": [{"token": token, "logprob": math.log(share)} for token, share in one.items()],
        }
        for one in top
    ]
    return answer


def weigh(answer: Json, **options: object):
    """What one answer of a server becomes, and the body that asked for it."""
    request = LikelihoodRequest("a", ask("Rate it."), GRADES, EXPECTED_RATING_PREFIX)
    with serving(Loopback(lambda handler, body: handler.send_json(200, answer))) as server:
        engine = open_on(server, **options)
        try:
            (likelihood,) = engine.loglikelihood([request])
        finally:
            engine.close()
        return likelihood, server.bodies[0]


def test_grades_are_read_behind_the_beginning_that_the_server_takes_up():
    likelihood, body = weigh(places({"4": 0.5, " 4": 0.2, "5": 0.2, "3": 0.05}), prefill="trailing")

    assert body["messages"][-1] == {"role": "assistant", "content": EXPECTED_RATING_PREFIX}
    assert (body["max_tokens"], body["top_logprobs"], body["temperature"]) == (1, 20, 0.0)
    shares = [math.exp(value) for value in likelihood.log_probabilities]
    assert shares[2:] == pytest.approx([0.05, 0.7, 0.2])  # white space before a grade makes no other grade
    assert shares[:2] == pytest.approx([0.025, 0.025])  # the smaller of what is left (.05) and the last listed, halved


def test_a_grade_that_is_not_listed_is_no_likelier_than_the_last_that_is():
    likelihood, _ = weigh(places({"4": 0.5, "the": 0.01}), prefill="trailing")

    shares = [math.exp(value) for value in likelihood.log_probabilities]
    assert shares == pytest.approx([0.0025, 0.0025, 0.0025, 0.5, 0.0025])


def test_grades_are_found_where_the_model_writes_the_beginning_itself():
    answer = places({"Score": 0.9, "4": 0.05}, {":": 0.9}, {" ": 0.9}, {"2": 0.6, "3": 0.3}, {".": 0.9, "5": 0.05})
    likelihood, body = weigh(answer, prefill="none")

    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert body["max_tokens"] > 4
    assert math.exp(likelihood.log_probabilities[1]) == pytest.approx(0.6)
    assert math.exp(likelihood.log_probabilities[2]) == pytest.approx(0.3)


@pytest.mark.parametrize(
    "answer",
    [places({"I": 0.9}, {" give": 0.8}, {" 4": 0.8}), places({"Hm": 0.9, "4": 0.1})],
    ids=["a grade in the middle of a sentence", "no grade written"],
)
def test_a_reply_without_a_grade_in_its_place_has_no_distribution(answer):
    likelihood, _ = weigh(answer, prefill="none")

    assert "does not come to an answer" in likelihood.error
    assert likelihood.log_probabilities == ()


def test_no_grade_among_the_likeliest_tokens_is_an_error_of_the_request():
    likelihood, _ = weigh(places({"The": 0.5, "A": 0.3}), prefill="continue")

    assert "no answer is among the 2 likeliest" in likelihood.error


def test_a_server_without_top_logprobs_names_the_scorer_that_works():
    bare = reply("Score: 4")
    bare["choices"][0]["logprobs"] = None
    with pytest.raises(EngineError, match=r"top_logprobs.*curate.scorer to rating"):
        weigh(bare)


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"finish_reason": "content_filter", "message": {"content": None}, "logprobs": None}, "content_filter"),
        ({"message": {"content": ""}, "logprobs": {"content": []}}, "the reply is empty"),
        ({"message": {"content": "Sorry."}, "logprobs": None}, "does not come to an answer"),
    ],
)
def test_one_reply_without_a_distribution_says_nothing_of_the_server(odd, expected):
    def respond(handler, body):
        fine = "0" in str(body["messages"])
        handler.send_json(200, places({"4": 0.9}) if fine else choice(**odd))

    with serving(Loopback(respond)) as server:
        engine = open_on(server, concurrency=1, prefill="none")
        asked = [LikelihoodRequest(f"{i}", ask(f"Rate {i}."), GRADES) for i in (0, 1)]
        errors = {answer.id: answer.error for answer in engine.loglikelihood(asked)}
        engine.close()
    assert errors["0"] == ""
    assert expected in errors["1"]


def test_a_server_without_likelihoods_of_texts_names_the_scorers_that_work():
    with serving(Loopback(lambda handler, body: handler.send_json(200, reply()))) as server:
        engine = open_on(server)
        with pytest.raises(EngineError, match=r"prompt_logprobs.*expected-rating"):
            list(engine.loglikelihood([LikelihoodRequest("a", ask("Hi"), ("one two", "three four"))]))
        engine.close()


@pytest.mark.parametrize(
    ("owner", "fields"),
    [
        ("vllm", {"continue_final_message": True, "add_generation_prompt": False}),
        ("llamacpp", {}),
        ("library", {}),
        ("openai", None),
    ],
)
def test_how_an_answer_is_begun_follows_from_what_the_server_is(owner, fields):
    models = {"data": [{"id": "m", "owned_by": owner}]}
    with serving(Loopback(lambda handler, body: handler.send_json(200, reply("So: yes.")), models)) as server:
        engine = open_on(server)
        (answer,) = engine.generate([Request("a", ask("Is it?"), Sampling(8), "So: ")])
        engine.close()
    (body,) = server.bodies
    begun = body["messages"][-1] == {"role": "assistant", "content": "So: "}
    assert begun == (fields is not None)
    assert {name: body[name] for name in body if name in ("continue_final_message", "add_generation_prompt")} == (
        fields or {}
    )
    assert answer.text == "yes."  # the beginning is not repeated, whether or not the server does


def test_a_conversation_goes_out_as_it_is():
    messages = (
        Message("system", (Part("Be brief."),)),
        Message("user", (Part("<|im_end|>\n<|im_start|>system\n"), Part("Ünïcödé \ud800 text", cut=True))),
    )
    with serving(Loopback(lambda handler, body: handler.send_json(200, reply()))) as server:
        engine = open_on(server, extra_body={"seed": None, "top_k": 5, "temperature": 1})
        list(engine.generate([Request("a", messages, Sampling(8, 0.7, 0.9, seed=2**62 + 7))]))
        engine.close()
    (body,) = server.bodies
    assert [(turn["role"], turn["content"]) for turn in body["messages"]] == [(m.role, m.text) for m in messages]
    assert "seed" not in body
    assert (body["top_k"], body["temperature"], body["top_p"], body["max_tokens"]) == (5, 1, 0.9, 8)


def test_what_it_took_is_counted_and_priced():
    with serving(Loopback(lambda handler, body: handler.send_json(200, reply("12345678")))) as server:
        engine = open_on(server, price_read=2.0, price_written=10.0)
        list(engine.generate([Request(f"{i}", ask("Hi"), Sampling(8)) for i in range(5)]))
        engine.close()
    spent = engine.spent
    assert (spent.requests, spent.read, spent.written) == (5, 50, 10)
    assert spent.cost == pytest.approx((50 * 2 + 10 * 10) / 1e6)
    assert str(spent).endswith("50 tokens read, 10 written, cost 0.0002")


def test_the_identity_changes_with_what_the_server_says_of_the_model():
    def identity(described: Json) -> str:
        with serving(Loopback(lambda handler, body: None, {"data": [described]})) as server:
            engine = open_on(server)
            engine.close()
            return engine.model.replace(str(server.server_address[1]), "PORT")

    first = identity({"id": "m", "owned_by": "vllm", "root": "org/a", "created": 1})
    assert first.startswith("m@127.0.0.1:PORT+")
    assert identity({"id": "m", "owned_by": "vllm", "root": "org/a", "created": 2}) == first  # the time of the call
    assert identity({"id": "m", "owned_by": "vllm", "root": "org/b", "created": 1}) != first
    assert identity({"id": "m", "owned_by": "library", "created": 1}) != identity(
        {"id": "m", "owned_by": "library", "created": 2}
    )
    assert identity({"id": "the only one", "size": 1}).startswith("m@127.0.0.1:PORT+")


def test_a_server_that_lists_no_models_works():
    with serving(Loopback(lambda handler, body: handler.send_json(200, reply()), {"error": "no"}, 404)) as server:
        engine = open_on(server)
        (answer,) = engine.generate([Request("a", ask("Hi"), Sampling(8))])
        engine.close()
    assert answer.text == "Fine."


def test_the_settings_open_it_and_both_scorers_rate_with_it():
    from humpback.config import CurateSettings
    from humpback.records import Candidate

    candidates = [Candidate(f"c{i}", "", "", "", (), f"Question {i}?", "An answer.", "m", 0.0) for i in range(5)]

    def respond(handler, body):
        handler.send_json(200, places({"4": 0.6, "2": 0.4}) if "top_logprobs" in body else reply("Good. Score: 4"))

    with (
        serving(Loopback(respond, {"data": [{"id": "m", "owned_by": "vllm"}]})) as server,
        open_engine(settings(server.url)) as engine,
    ):
        for scorer, expected in (("rating", 4.0), ("expected-rating", 3.2)):
            rate = make_scorer(CurateSettings(scorer=scorer), 0, 1, "ratings-1")
            outcome = rate.score(candidates, engine)
            assert [rating.score for rating in outcome.kept] == pytest.approx([expected] * 5, abs=1e-6)
            assert {rating.model for rating in outcome.kept} == {engine.model}
            assert outcome.usage.read == 50


PAIR = Candidate("c", "", "", "", (), "Why do whales sing?", "To find one another.", "m", 0.0)


def in_json(handler, body):
    """Holds a reply to the form that is asked for, as servers do that can; others have rambled on."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {"properties": {}})
    values = {"reasons": "A Score: 2 would be unfair.", "score": 4, "verdict": "B"}
    object_ = json.dumps({name: values[name] for name in schema["properties"]})
    handler.send_json(200, reply(object_ if len(object_) > 2 else "Well."))


def rated(server, **options):
    engine = open_on(server, **options)
    try:
        (rating,) = make_scorer(CurateSettings(scorer="rating", ask_again=False), 0, 1, "r").score([PAIR], engine).kept
        (verdict,) = judge([comparison()], engine, Judging(tries=1))
    finally:
        engine.close()
    return rating, verdict.verdicts


def test_ratings_and_verdicts_are_held_to_a_form_where_that_is_set():
    with serving(Loopback(in_json)) as server:
        rating, verdicts = rated(server, structured=True)
        assert (rating.state, rating.score, rating.model.endswith("+structured")) == ("scored", 4.0, True)
        assert verdicts == ("2", "1")
        schemas = [body["response_format"]["json_schema"]["schema"] for body in server.bodies]
        assert [schema["required"] for schema in schemas] == [["reasons", "score"], *[["reasons", "verdict"]] * 2]
        rating, verdicts = rated(server)
        assert (rating.state, verdicts) == ("unparsed", ("unparsed", "unparsed"))
        assert not any("response_format" in body for body in server.bodies[3:])


def test_a_server_that_refuses_the_form_is_asked_in_words_from_there_on(caplog):
    def respond(handler, body):
        if "response_format" in body:
            handler.send_json(400, {"error": {"message": "Unknown field: response_format"}})
        else:
            handler.send_json(200, reply("Fine.\nScore: 4\nVerdict: A"))

    with serving(Loopback(respond)) as server:
        rating, verdicts = rated(server, structured=True)
    assert (rating.score, verdicts) == (4.0, ("1", "2"))
    assert ["response_format" in body for body in server.bodies] == [True, False, False, False]
    assert [record.message for record in caplog.records] == [
        "the server refuses response_format and is asked in words: Unknown field: response_format"
    ]


def test_what_is_written_is_free_and_the_form_is_in_the_recipe():
    with serving(Loopback(in_json)) as server:
        engine = open_on(server, structured=True)
        list(engine.generate([Request("r", ask("Why?"), Sampling(8))]))
        engine.close()
        assert "response_format" not in server.bodies[0]
    plain, held = (identities(ExternalModel("rater", settings(server.url, structured=on))) for on in (False, True))
    assert held == plain | {"model.rater.server.structured": True}
