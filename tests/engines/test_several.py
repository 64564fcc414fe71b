"""Several servers as one: who gets what, and what becomes of the requests of one that is gone."""

from __future__ import annotations

import time
from collections import defaultdict

import pytest

from humpback.engines.openai import OpenAIEngine
from humpback.errors import ConfigError, EngineError
from humpback.method.settings_file import parse_config
from humpback.models import identify
from humpback.requests import Message, Part, Request, Sampling
from tests.engines.loopback import Handler, Json, Loopback, given, reply, requests, serving, settings


def slowly(handler: Handler, body: Json) -> None:
    time.sleep(0.02)
    handler.send_json(200, reply())


def open_on(*servers: Loopback | str, **more: object) -> OpenAIEngine:
    urls = [server if isinstance(server, str) else server.url for server in servers]
    return OpenAIEngine(settings(urls, **more), first_wait=0.02)


def questions(*servers: Loopback) -> list[str]:
    return [body["messages"][-1]["content"] for server in servers for body in server.bodies]


def test_servers_share_the_requests_and_each_has_a_limit_of_its_own():
    with serving(Loopback(slowly)) as one, serving(Loopback(slowly)) as other:
        engine = open_on(one, other, concurrency=3)
        assert len(list(engine.generate(requests(40)))) == 40
        engine.close()
    assert len(questions(one, other)) == len(set(questions(one, other))) == 40
    assert min(len(one.bodies), len(other.bodies)) >= 10
    assert one.most_under_way == other.most_under_way == 3


def test_what_a_server_that_is_down_does_not_answer_the_others_do_and_it_is_tried_again():
    gone = Loopback(slowly)
    gone.server_close()
    with serving(Loopback(slowly)) as one:
        engine = open_on(one, gone, concurrency=2, retries=2)
        assert all(answer.text == "Fine." for answer in engine.generate(requests(20)))
        assert len(one.bodies) == 20
        with serving(Loopback(slowly, port=gone.server_address[1])) as back:
            assert all(answer.text == "Fine." for answer in engine.generate(requests(100)))
            engine.close()
    assert len(back.bodies) > 10
    assert len(questions(one, back)) == 120


def test_a_server_that_goes_in_the_middle_loses_no_request():
    def goes(handler: Handler, body: Json) -> None:
        if len(handler.server.bodies) > 10:
            handler.reset()
        else:
            slowly(handler, body)

    with serving(Loopback(slowly)) as one, serving(Loopback(goes)) as other:
        engine = open_on(one, other, concurrency=4, retries=3)
        answers = list(engine.generate(requests(60)))
        engine.close()
    assert sorted(answer.id for answer in answers) == sorted(request.id for request in requests(60))
    assert not [answer.error for answer in answers if answer.error]
    assert len(other.bodies) < 30, "it is not asked again and again"


def test_when_all_are_gone_one_line_names_them():
    gone = [Loopback(slowly), Loopback(slowly)]
    for server in gone:
        server.server_close()
    with pytest.raises(EngineError, match=rf"no answer from {gone[0].url}, {gone[1].url} .*tried 3 times") as caught:
        open_on(*gone, retries=2)
    assert caught.value.retryable


def test_requests_that_begin_alike_go_to_the_same_server():
    beginnings = [Message("user", (Part(f"Examples of kind {kind}."),)) for kind in range(6)]
    many = [
        Request(f"{number}", (beginnings[number % 6], Message("user", (Part(f"Question {number}?"),))), Sampling(8))
        for number in range(12)
    ]
    with serving(Loopback(slowly)) as one, serving(Loopback(slowly)) as other:
        engine = open_on(one, other, concurrency=12)
        assert len(list(engine.generate(many))) == 12
        engine.close()
    places = defaultdict(set)
    for server in (one, other):
        for body in server.bodies:
            places[body["messages"][0]["content"]].add(server.url)
    assert [len(urls) for urls in places.values()] == [1] * 6


def test_the_first_address_names_the_model_in_the_records():
    both = settings(["http://a:1/v1", "http://b:2/v1"])
    assert identify(both) == identify(settings("http://a:1/v1")) == "m@a:1"


@pytest.mark.parametrize(
    ("urls", "expected"),
    [("[http://a/v1, 'b:1']", "is no address"), ("[http://a/v1, http://a/v1]", "names an address twice")],
)
def test_a_list_with_a_mistake_is_one_line(urls, expected):
    with pytest.raises(ConfigError, match=expected):
        parse_config(f"model: {{engine: openai, name: m, server: {{base_url: {urls}}}}}", "x.yaml")


def test_a_server_that_takes_only_some_at_a_time_refuses_few_and_loses_none():
    def respond(handler: Handler, body: Json) -> None:
        if handler.server.under_way > 8:
            handler.send_json(429, {"error": {"message": "too many"}})
        else:
            slowly(handler, body)

    with serving(Loopback(respond)) as server:
        engine = open_on(server)
        answers = list(engine.generate(requests(300)))
        engine.close()
    assert {answer.text for answer in answers} == {"Fine."}
    assert len(answers) == 300
    assert len(server.bodies) < 400


def test_one_server_in_a_list_is_like_one_alone():
    with serving(Loopback(given(reply()))) as server:
        engine = open_on(server)
        assert [answer.text for answer in engine.generate(requests(1))] == ["Fine."]
        engine.close()
