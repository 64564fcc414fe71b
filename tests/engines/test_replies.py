"""What servers say in other ways than they should."""

import pytest

from humpback.errors import EngineError
from tests.engines.loopback import (
    Handler,
    Json,
    Loopback,
    answers,
    choice,
    given,
    open_on,
    reply,
    requests,
    serving,
)


def test_of_several_choices_the_first_counts():
    twice = reply("First.")
    twice["choices"] += reply("Second.")["choices"]
    with serving(Loopback(given(twice))) as server:
        found = answers(server)
    assert found["r0"].text == "First."
    assert server.bodies[0].get("n") is None


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        [1],
        {"prompt_tokens": -5, "completion_tokens": "many"},
        {"prompt_tokens": 10**12, "completion_tokens": 1.5},
    ],
)
def test_counts_that_cannot_be_are_not_believed(usage):
    with serving(Loopback(given(reply("12345678") | {"usage": usage}))) as server:
        engine = open_on(server)
        (answer,) = engine.generate(requests(1))
        engine.close()
    assert (answer.prompt_tokens, answer.completion_tokens) == (0, 2)  # the tokens that are there can be counted
    assert engine.spent.read == 0


def test_the_name_of_the_limit_is_learned():
    def respond(handler: Handler, body: Json) -> None:
        if "max_tokens" in body:
            said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            handler.send_json(400, {"error": {"message": said}})
        else:
            handler.send_json(200, reply())

    with serving(Loopback(respond)) as server:
        found = answers(server, 6, concurrency=1)
    assert all(answer.text == "Fine." for answer in found.values())
    assert len(server.bodies) == 7
    assert server.bodies[-1]["max_completion_tokens"] == 8


def test_log_probabilities_that_a_server_refuses_are_a_setting():
    def respond(handler: Handler, body: Json) -> None:
        refused = "logprobs" in body
        handler.send_json(*((400, {"error": "no logprobs here"}) if refused else (200, choice(logprobs=None))))

    with serving(Loopback(respond)) as server:
        with pytest.raises(EngineError, match=r"model.server.logprobs to false"):
            answers(server)
        assert answers(server, logprobs=False)["r0"].log_probability == 0.0
