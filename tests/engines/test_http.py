"""What becomes of requests where a server misbehaves. Every fault is a real one, on a real connection."""

import json
import socket
import time
from collections import Counter
from itertools import count

import pytest

from humpback.errors import EngineError
from tests.engines.loopback import (
    Handler,
    Json,
    Loopback,
    Respond,
    answers,
    choice,
    given,
    reply,
    serving,
    settings,
    status,
)

GOOD = json.dumps(reply()).encode()


def first(*faults: Respond) -> Loopback:
    """A server that commits these faults, one on each request, and answers well from then on."""
    number = count()

    def respond(handler: Handler, body: Json) -> None:
        index = next(number)
        if index < len(faults):
            faults[index](handler, body)
        else:
            handler.send_json(200, reply())

    return Loopback(respond)


def reset(handler: Handler, body: Json) -> None:
    handler.reset()


def half_of_it(handler: Handler, body: Json) -> None:
    """The connection ends before what was promised has come."""
    handler.send_bytes(200, GOOD[:40], promised=len(GOOD))
    handler.close_connection = True


def truncated(handler: Handler, body: Json) -> None:
    """All that was promised, and no JSON."""
    handler.send_bytes(200, GOOD[:40])


def drip(handler: Handler, body: Json) -> None:
    """Every byte comes soon after the one before: the whole answer never."""
    handler.send_bytes(200, b"", promised=len(GOOD))
    for byte in GOOD:
        if handler.server.ended.wait(0.05):
            return
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()


def hang(handler: Handler, body: Json) -> None:
    handler.server.ended.wait(30)


MENDED = {
    "reset": reset,
    "half of it": half_of_it,
    "truncated JSON": truncated,
    "no JSON": lambda handler, body: handler.send_bytes(200, b"<html>Bad gateway</html>"),
    "a list": given([1]),
    "no choices": given(reply() | {"choices": []}),
    "an error with status 200": given({"error": {"message": "overloaded"}}),
    "no message": given(choice(message=None)),
    "a number for a text": given(choice(message={"content": 5})),
    "no end": given(choice(finish_reason=None, message={"content": ""})),
    "an end by a fault": given(choice(finish_reason="abort")),
    "a stream that breaks off": lambda handler, body: handler.send_bytes(200, b'data: {"choices": [{"delta": {}}]}'),
    "a probability above one": given(choice(logprobs={"content": [{"token": "a", "logprob": 3.0}]})),
    "no number": given(choice(logprobs={"content": [{"token": "a", "logprob": "x"}]})),
    "a broken encoding": lambda handler, body: handler.send_bytes(200, GOOD, Content_Encoding="gzip"),
    "408": status(408),
    "409": status(409),
    "425": status(425),
    "429": status(429),
    "500": status(500),
    "502": status(502),
    "503": status(503),
    "504": status(504),
}


@pytest.mark.parametrize("fault", MENDED.values(), ids=MENDED)
def test_what_another_try_may_repair_is_tried_again(fault):
    with serving(first(fault, fault)) as server:
        found = answers(server)
    assert found["r0"].text == "Fine."
    assert len(server.bodies) == 3
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]


@pytest.mark.parametrize("fault", [hang, drip])
def test_a_try_has_one_deadline_to_the_last_byte(fault):
    with serving(first(fault)) as server:
        began = time.monotonic()
        found = answers(server, timeout=0.4)
        assert time.monotonic() - began < 5
    assert found["r0"].text == "Fine."
    assert len(server.bodies) == 2


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_bad_request_is_an_answer_with_an_error_and_is_sent_once(code):
    def respond(handler: Handler, body: Json) -> None:
        bad = "Question 1?" in str(body["messages"])
        status(code, "this one I do not like")(handler, body) if bad else handler.send_json(200, reply())

    with serving(Loopback(respond)) as server:
        found = answers(server, 3)
    assert found["r1"].finish_reason == "error"
    assert "this one I do not like" in found["r1"].error
    assert found["r0"].text == found["r2"].text == "Fine."
    assert len(server.bodies) == 3


@pytest.mark.parametrize("code", [301, 401, 402, 403, 404, 405, 410, 418])
def test_other_refusals_end_it_at_once(code):
    with serving(Loopback(status(code, "no"))) as server:
        with pytest.raises(EngineError, match=f"status {code}") as caught:
            answers(server, concurrency=1)
        assert len(server.bodies) == 1
    assert not caught.value.retryable
    assert caught.value.hint


def test_a_server_that_refuses_everything_is_not_asked_for_ever():
    with serving(Loopback(status(400, "unknown field 'seed'"))) as server:
        with pytest.raises(EngineError, match=r"refuses every request \(unknown field 'seed'\)"):
            answers(server, 100, concurrency=4)
        assert len(server.bodies) < 30


def after(answered: int, then: Respond) -> Respond:
    """Answers so many questions as it should, and then each in one way."""

    def respond(handler: Handler, body: Json) -> None:
        good = len(handler.server.bodies) <= answered
        handler.send_json(200, reply()) if good else then(handler, body)

    return respond


def test_a_server_that_begins_to_refuse_everything_is_not_asked_for_ever_either():
    with serving(Loopback(after(5, status(400, "no such adapter")))) as server:
        with pytest.raises(EngineError, match=r"refuses every request \(no such adapter\)"):
            answers(server, 100, concurrency=1)
        assert len(server.bodies) < 50


@pytest.mark.parametrize("fault", [status(400, "content_filter: hate"), status(403, "flagged by moderation")])
def test_texts_that_a_filter_stops_say_nothing_of_the_others(fault):
    with serving(Loopback(after(1, fault))) as server:
        found = answers(server, 60, concurrency=1)
    assert Counter(bool(answer.error) for answer in found.values()) == {True: 59, False: 1}


def test_the_only_request_that_is_left_fails_alone_too():
    def respond(handler: Handler, body: Json) -> None:
        handler.send_json(*((500, {"error": "assertion failed"}) if "Question" in str(body) else (200, reply())))

    with serving(Loopback(respond)) as server:
        found = answers(server, 1, retries=1)
    assert "assertion failed" in found["r0"].error
    assert len(server.bodies) == 3


@pytest.mark.parametrize("fault", [reset, hang, status(500), status(429), truncated])
def test_a_server_that_never_answers_is_an_error_that_may_pass(fault):
    with serving(Loopback(fault)) as server, pytest.raises(EngineError, match="tried 3 times") as caught:
        answers(server, 2, retries=2, timeout=0.3)
    assert caught.value.retryable
    assert "run the command again to continue" in caught.value.hint


def test_a_server_that_is_not_there_is_an_error_that_may_pass():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    from humpback.engines.openai import OpenAIEngine

    with pytest.raises(EngineError, match=f"127.0.0.1:{port}.*tried 3 times") as caught:
        OpenAIEngine(settings(f"http://127.0.0.1:{port}/v1", retries=2), first_wait=0.01)
    assert caught.value.retryable


def test_one_request_that_brings_the_server_down_each_time_fails_alone():
    def respond(handler: Handler, body: Json) -> None:
        if "Question 3?" in str(body["messages"]):
            handler.send_json(500, {"error": "assertion failed"})
        else:
            time.sleep(0.03)
            handler.send_json(200, reply())

    with serving(Loopback(respond)) as server:
        found = answers(server, 60, first_wait=0.2, concurrency=2, retries=2)
    assert len(found) == 60
    assert "while others are answered" in found["r3"].error
    assert [name for name, answer in found.items() if answer.error] == ["r3"]


def test_a_busy_server_is_never_held_against_a_request():
    def respond(handler: Handler, body: Json) -> None:
        if "Question 3?" in str(body["messages"]):
            status(429)(handler, body)
        else:
            time.sleep(0.03)
            handler.send_json(200, reply())

    with serving(Loopback(respond)) as server, pytest.raises(EngineError, match="429"):
        answers(server, 40, concurrency=2, retries=2)


def test_a_quota_that_is_used_up_ends_it():
    spent = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    with serving(Loopback(lambda handler, body: handler.send_json(429, spent))) as server:
        with pytest.raises(EngineError, match="quota is used up") as caught:
            answers(server, concurrency=1)
        assert len(server.bodies) == 1
    assert not caught.value.retryable
