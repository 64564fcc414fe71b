"""How much is asked of a server at a time, when, and what it never gets to see or say."""

import logging
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

import pytest

from humpback.errors import ConfigError, EngineError
from tests.engines.loopback import (
    Handler,
    Json,
    Loopback,
    answers,
    given,
    open_on,
    reply,
    requests,
    serving,
    status,
)


def hang(handler: Handler, body: Json) -> None:
    handler.server.ended.wait(30)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_wait_that_the_server_asks_for_is_kept_by_all(form):
    number = count()

    def respond(handler: Handler, body: Json) -> None:
        if next(number):
            time.sleep(0.2)
            handler.send_json(200, reply())
        else:
            until = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
            status(429, Retry_After="0.6" if form == "seconds" else until)(handler, body)

    with serving(Loopback(respond)) as server:
        found = answers(server, 4, concurrency=2)
    assert all(answer.text == "Fine." for answer in found.values())
    refused, *others = server.times
    late = [moment - refused for moment in others if moment - refused > 0.1]  # one may have been under way
    assert len(late) >= 3
    assert min(late) >= 0.55


def test_a_wait_of_hours_ends_it():
    busy = status(429, Retry_After="7200")
    with serving(Loopback(busy)) as server, pytest.raises(EngineError, match="7200 s") as caught:
        answers(server)
    assert caught.value.retryable


def test_no_more_requests_are_under_way_than_the_settings_say():
    def respond(handler: Handler, body: Json) -> None:
        time.sleep(0.05)
        handler.send_json(200, reply())

    with serving(Loopback(respond)) as server:
        assert len(answers(server, 20, concurrency=4)) == 20
        assert server.most_under_way == 4


def test_requests_are_taken_no_faster_than_they_are_answered():
    taken = []

    def some():
        for one in requests(50):
            taken.append(one.id)
            yield one

    with serving(Loopback(given(reply()))) as server:
        engine = open_on(server, concurrency=3)
        stream = engine.generate(some())
        for number in range(1, 6):
            next(stream)
            assert len(taken) <= number + 2 * 3, "those under way, and as many that are ready to follow"
        stream.close()
        engine.close()
    assert len(server.bodies) <= 9


def test_requests_keep_to_a_rate():
    with serving(Loopback(given(reply()))) as server:
        answers(server, 5, requests_per_minute=600)
    gaps = [after - before for before, after in zip(server.times, server.times[1:], strict=False)]
    assert min(gaps) > 0.05
    assert sum(gaps) > 0.35


def test_an_iterator_that_is_left_gives_up_what_is_under_way():
    def respond(handler: Handler, body: Json) -> None:
        if "Question 0?" not in str(body["messages"]):
            hang(handler, body)
        else:
            handler.send_json(200, reply())

    with serving(Loopback(respond)) as server:
        engine = open_on(server, concurrency=4, timeout=60)
        stream = engine.generate(requests(20))
        assert next(stream).id == "r0"
        began = time.monotonic()
        stream.close()
        engine.close()
        assert time.monotonic() - began < 5


def test_a_closed_engine_says_so():
    with serving(Loopback(given(reply()))) as server:
        engine = open_on(server)
        engine.close()
        with pytest.raises(EngineError, match="closed"):
            list(engine.generate(requests(1)))


KEY = "sk-Secret.0123456789"


@pytest.mark.parametrize(
    "fault",
    [
        status(401, f"Incorrect API key provided: {KEY[:8]}"),
        status(400, f"the header was Bearer {KEY}"),
        status(404, f"the header was Bearer {KEY}"),
        status(500, f"the header was Bearer {KEY}"),
        given({"error": f"the header was Bearer {KEY}"}),
    ],
)
def test_the_key_is_sent_and_shown_nowhere(fault, monkeypatch, caplog):
    monkeypatch.setenv("TRY_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with serving(Loopback(fault)) as server:
        engine = open_on(server, api_key_env="TRY_KEY", retries=1)
        seen = [repr(engine), engine.model]
        try:
            seen += [answer.error for answer in engine.generate(requests(1))]
        except EngineError as error:
            seen += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        engine.close()
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    shown = "\n".join([*seen, caplog.text])
    assert KEY not in shown
    assert KEY[:8] not in shown


@pytest.mark.parametrize("value", [None, "", "two words", "tab\tin it", "schlüssel"])
def test_a_key_that_is_none_is_named_by_its_variable_alone(value, monkeypatch):
    monkeypatch.delenv("TRY_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("TRY_KEY", value)
    with serving(Loopback(given(reply()))) as server, pytest.raises(ConfigError, match="TRY_KEY") as caught:
        open_on(server, api_key_env="TRY_KEY")
    assert not value or value not in str(caught.value)


def test_endless_answers_share_the_memory_of_one():
    def respond(handler: Handler, body: Json) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * (1 << 20))

    tracemalloc.start()
    try:
        with serving(Loopback(respond)) as server, pytest.raises(EngineError, match="more than 64 MiB"):
            answers(server, 8, concurrency=8, retries=0)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20, "one of 64 MiB, joined or not, and seven of 1 MiB"
    finally:
        tracemalloc.stop()


def test_half_a_surrogate_pair_in_an_answer_becomes_a_character_that_a_file_can_hold():
    with serving(Loopback(lambda handler, body: handler.send_json(200, reply("Fine\ud800.\ud83d\ude00")))) as server:
        found = answers(server, 1)
    assert [answer.text for answer in found.values()] == ["Fine\ufffd.\U0001f600"]
