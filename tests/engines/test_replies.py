"""What servers say in other ways than they should."""

import gzip
import json

import pytest

from humpback.errors import EngineError
from humpback.requests import Completion
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
    assert 7 <= len(server.bodies) <= 8, "the one under way, and perhaps one that was ready"
    assert server.bodies[-1]["max_completion_tokens"] == 8


def test_log_probabilities_that_a_server_refuses_are_a_setting():
    def respond(handler: Handler, body: Json) -> None:
        refused = "logprobs" in body
        handler.send_json(*((400, {"error": "no logprobs here"}) if refused else (200, choice(logprobs=None))))

    with serving(Loopback(respond)) as server:
        with pytest.raises(EngineError, match=r"model.server.logprobs to false"):
            answers(server)
        assert answers(server, logprobs=False)["r0"].log_probability == 0.0


def streamed(*deltas: Json, finish: str | None = "stop", end: str = "data: [DONE]\n\n") -> str:
    """An answer in pieces."""
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
LEGAL = {
    "parts": choice(message={"content": [{"type": "text", "text": "Fi"}, {"type": "text", "text": "ne."}]}),
    "a part": choice(message={"content": {"type": "output_text", "text": "Fine."}}),
    "plain parts": choice(message={"content": ["Fi", "ne."]}),
    "text completion": {"choices": [{"text": "Fine.", "finish_reason": "stop", "logprobs": None}]},
    "no usage": {"choices": [{"message": {"content": "Fine."}, "finish_reason": "stop"}]},
    "no reason to end": choice(finish_reason=None),
    "another word for the end": choice(finish_reason="COMPLETE"),
    "empty tool calls": choice(finish_reason="tool_calls", message={"content": "Fine.", "tool_calls": []}),
    "no refusal": choice(message={"content": "Fine.", "refusal": None}),
    "no error": reply() | {"error": None},
    "streamed": streamed({"role": "assistant", "content": ""}, {"content": "Fi"}, {"content": "ne."}),
    "streamed without an end mark": streamed({"content": "Fine."}, end=""),
    "comments in the stream": ": ping\n\n" + streamed({"content": "Fine."}),
    "byte-order mark": "\ufeff \n" + json.dumps(reply()),
    "white space": "\n\n  " + json.dumps(reply()) + "\n\n",
}
THINKING = {
    "thinking parts": choice(message={"content": [THOUGHT, {"type": "text", "text": "Fine."}]}),
    "reasoning parts": choice(message={"content": [{"type": "reasoning", "summary": [{"text": "Hm."}]}, "Fine."]}),
    "reasoning_content": choice(message={"content": "Fine.", "reasoning_content": "Hm."}),
    "reasoning": choice(message={"content": "Fine.", "reasoning": "Hm."}),
    "both": choice(message={"content": "Fine.", "reasoning": "Hm.", "reasoning_content": "Hm."}),
    "streamed": streamed({"reasoning_content": "H"}, {"reasoning_content": "m."}, {"content": "Fine."}),
    "streamed parts": streamed({"content": [THOUGHT]}, {"content": [{"type": "text", "text": "Fine."}]}),
}


def answered(given_answer: Json | str, **headers: str) -> Completion:
    def respond(handler: Handler, body: Json) -> None:
        text = given_answer if isinstance(given_answer, str) else json.dumps(given_answer)
        content = text.encode()
        handler.send_bytes(200, gzip.compress(content) if headers else content, **headers)

    with serving(Loopback(respond)) as server:
        found = answers(server)
    assert len(server.bodies) == 1, "it was read at once"
    return found["r0"]


@pytest.mark.parametrize("answer", LEGAL.values(), ids=LEGAL)
def test_an_answer_in_a_legal_form_is_read(answer):
    found = answered(answer)
    assert (found.text, found.finish_reason, found.reasoning, found.error) == ("Fine.", "stop", "", "")


@pytest.mark.parametrize("answer", THINKING.values(), ids=THINKING)
def test_what_a_server_gives_as_reasoning_is_apart_from_the_text(answer):
    found = answered(answer)
    assert (found.text, found.finish_reason, found.reasoning, found.error) == ("Fine.", "stop", "Hm.", "")


def test_a_packed_answer_is_unpacked():
    assert answered(reply(), Content_Encoding="gzip").text == "Fine."


@pytest.mark.parametrize("finish", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_reasoning_that_the_limit_cut_off_is_an_answer_without_a_text(finish):
    found = answered(choice(finish_reason=finish, message={"content": None, "reasoning_content": "Score: 2 at"}))
    assert (found.text, found.finish_reason, found.reasoning) == ("", "length", "Score: 2 at")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finish_reason": "content_filter"}, "content_filter"),
        ({"finish_reason": "tool_calls", "message": {"content": None, "tool_calls": [{}]}}, "tool_calls"),
        ({"message": {"content": None, "refusal": "I can't."}}, "I can't."),
    ],
)
def test_an_answer_that_is_none_says_why(changes, said):
    found = answered(choice(**changes))
    assert found.finish_reason == "error"
    assert said in found.error
