"""Requests in batches: each is answered as one over HTTP, and nothing is paid for twice."""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path

import pytest

from humpback.engines.openai import OpenAIEngine
from humpback.errors import EngineError
from humpback.requests import Completion
from tests.engines.batch_server import BatchServer, failed
from tests.engines.loopback import Handler, Json, Loopback, open_on, reply, requests, serving, settings

NUMBER = 20


def answer(handler: Handler, body: Json) -> None:
    """A reply that follows from the question."""
    handler.send_json(200, reply(f"To {body['messages'][-1]['content']}"))


def engine_on(server: Loopback, folder: Path | None = None, tell=lambda words: None, **more: object) -> OpenAIEngine:
    engine = open_on(server, **({"batch": True} | more))
    if folder:
        engine.remember_in(folder, tell)
    return engine


def answers(
    server: Loopback, number: int = NUMBER, folder: Path | None = None, **more: object
) -> dict[str, Completion]:
    engine = engine_on(server, folder, **more)
    try:
        return {completion.id: completion for completion in engine.generate(requests(number))}
    finally:
        engine.close()


def test_a_batch_answers_as_single_requests_do_and_the_first_goes_alone(tmp_path):
    with serving(Loopback(answer)) as plain, serving(BatchServer(answer)) as server:
        expected = answers(plain, batch=False)
        engine = engine_on(server, tmp_path)
        assert {completion.id: completion for completion in engine.generate(requests(NUMBER))} == expected
        assert str(engine.spent) == f"{NUMBER} requests, {10 * NUMBER} tokens read, {engine.spent.written} written"
        engine.close()
        assert server.sizes == [NUMBER - 1]
        assert sorted(map(str, server.bodies)) == sorted(map(str, plain.bodies))
        assert [line for line in server.asked if "models" not in line][:3] == [
            "POST /v1/files", "GET /v1/batches?limit=100", "POST /v1/batches"
        ]  # fmt: skip


def test_one_request_alone_goes_directly():
    with serving(BatchServer(answer)) as server:
        assert answers(server, 1)["r0"].text == "To Question 0?"
        engine = engine_on(server)
        list(engine.generate(requests(1)))
        list(engine.generate(requests(1)))
        engine.close()
    assert not server.sizes


def test_what_is_the_same_is_asked_once():
    with serving(BatchServer(answer)) as server:
        engine = engine_on(server)
        twice = [*requests(5), *(type(r)(f"again {r.id}", r.messages, r.sampling) for r in requests(5)[2:])]
        texts = {completion.id: completion.text for completion in engine.generate(twice)}
        engine.close()
    assert len(texts) == 8
    assert all(texts[f"again r{number}"] == texts[f"r{number}"] for number in (2, 3, 4))
    assert server.sizes == [4]


def odd(handler: Handler, body: Json) -> None:
    """Refuses the third question, and has no time for the fourth, whenever it is asked."""
    question = body["messages"][-1]["content"]
    status = 400 if "n 2?" in question else 429 if "n 3?" in question else 0
    if status:
        handler.send_json(status, {"error": {"message": f"no {status}"}})
    else:
        answer(handler, body)


def test_a_failed_line_is_one_request_that_fails():
    with serving(BatchServer(odd)) as server:
        completions = answers(server, retries=1)
    errors = {id_: completion.error for id_, completion in completions.items() if completion.error}
    assert errors.keys() == {"r2", "r3"}
    assert errors["r2"] == "no 400"
    assert re.match(r"no answer, and another request gets one \(.*status 429: no 429; tried 2 times.*", errors["r3"])
    assert max(server.answered.values()) == 1


def test_what_a_batch_does_not_answer_is_sent_again():
    with serving(BatchServer(answer)) as server:
        server.endings = [
            partial(server.complete, status=status, lost=lost)
            for status, lost in (("expired", 8), ("cancelled", 5), ("completed", 3))
        ]
        completions = answers(server)
    assert not any(completion.error for completion in completions.values())
    assert server.sizes[0] == 19, "later ones depend on how far apart the tries are"
    assert set(server.answered.values()) == {1}
    assert len(server.answered) == 19


def test_a_request_that_no_batch_answers_fails_with_the_reason():
    with serving(BatchServer(answer)) as server:
        server.endings = [partial(server.complete, status="expired", lost=2)] * 2
        completions = answers(server, 6, retries=1)
    assert [completion.error for completion in completions.values() if completion.error] == [
        "no answer, while others are answered (This request could not be executed.; tried 2 times)"
    ] * 2


def test_a_line_that_a_server_finds_a_fault_with_is_refused_and_the_others_are_sent_again():
    with serving(BatchServer(answer)) as server:
        server.endings = [failed("invalid_request", "a bad line", line=4)]
        completions = answers(server)
    assert [completion.error for completion in completions.values() if completion.error] == ["a bad line"]
    assert server.sizes[0] == 19
    assert sum(server.sizes[1:]) <= 18


def test_a_server_that_takes_no_such_batch_says_why():
    with serving(BatchServer(answer)) as server:
        server.endings = [failed("no_money", "Billing limit reached")] * 9
        with pytest.raises(EngineError, match=r"refuses every request .*Billing limit reached"):
            answers(server, 60, retries=1)


def test_a_batch_that_is_too_large_is_halved():
    with serving(BatchServer(answer)) as server:
        server.endings = [failed("token_limit_exceeded", "Enqueued token limit reached")]
        completions = answers(server)
    assert not any(completion.error for completion in completions.values())
    assert [server.sizes[0], *sorted(server.sizes[1:])] == [19, 1, 9, 9]


def test_a_server_without_batches_is_one_line():
    for status in (404, 405):
        with serving(BatchServer(answer)) as server:
            server.without = status
            with pytest.raises(
                EngineError, match=rf"takes no batches .*status {status}.*set model.server.batch to false"
            ):
                answers(server)
        assert len(server.bodies) == 1


def test_a_download_that_breaks_off_is_taken_up_again():
    with serving(BatchServer(answer)) as server:
        server.cuts_downloads = 2
        assert not any(completion.error for completion in answers(server).values())
    assert set(server.answered.values()) == {1}
    assert server.sizes == [19]


def test_a_batch_that_was_begun_without_a_word_is_found_in_the_list():
    def silent(handler: Handler) -> bool:
        server.begun = lambda handler: True
        handler.reset()
        return False

    with serving(BatchServer(answer)) as server:
        for _ in range(5):
            server.begin(
                {"input_file_id": server.keep(b""), "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            )
        server.begun = silent
        server.sizes.clear()
        assert not any(completion.error for completion in answers(server).values())
    assert server.sizes == [19]
    assert set(server.answered.values()) == {1}


def stopped(server: BatchServer, folder: Path, until: str) -> list[str]:
    """An engine that is closed while its batch is under way; what it told."""
    told: list[str] = []
    engine = engine_on(server, folder, told.append)
    iterator = engine.generate(requests(NUMBER))
    next(iterator)
    deadline = time.monotonic() + 10
    while not any(until in line for line in server.asked):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    since = time.monotonic()
    engine.close()
    assert time.monotonic() - since < 1
    return told


@pytest.mark.parametrize("knows_its_name", [True, False])
def test_whoever_comes_again_takes_the_answers_of_his_batches(tmp_path, knows_its_name):
    def silent(handler: Handler) -> bool:
        server.begun = lambda handler: True
        server.ended.wait(5)
        return False

    with serving(BatchServer(answer)) as server:
        server.open.clear()
        if not knows_its_name:
            server.begun = silent
        told = stopped(server, tmp_path, "GET /v1/batches/batch-0" if knows_its_name else "POST /v1/batches")
        assert told[-1] == "1 batch under way, 0 of 19 requests done"
        server.open.set()
        completions = answers(server, folder=tmp_path)
        assert server.sizes == [19], "nothing is sent anew, the first request neither"
        assert len(completions) == NUMBER
        assert set(server.answered.values()) == {1}
        asked = len(server.bodies)
        assert answers(server, folder=tmp_path) == completions
        assert len(server.bodies) <= asked + 1, "the first went alone, and is written down elsewhere"


def test_a_batch_that_the_server_knows_no_more_is_sent_anew(tmp_path):
    with serving(BatchServer(answer)) as server:
        server.open.clear()
        stopped(server, tmp_path, "GET /v1/batches/batch-0")
        server.open.set()
        server.batches.clear()
        assert not any(completion.error for completion in answers(server, folder=tmp_path).values())
    assert set(server.answered.values()) == {1}


def test_damaged_lines_answer_nobody():
    def damaged(lines: list[Json]) -> Json:
        state = server.complete(lines)
        good = server.files[state["output_file_id"]].splitlines(keepends=True)
        server.files[state["output_file_id"]] = b"".join(
            [*good[:-3], good[-3][:40] + b"\n", b"[]\n", b'{"custom_id": [3], "response": 4}']
        )
        return state

    with serving(BatchServer(answer)) as server:
        server.endings = [damaged]
        assert not any(completion.error for completion in answers(server).values())
    assert server.sizes[0] == 19


def test_batches_are_at_one_server():
    with pytest.raises(ValueError, match=r"goes with one server\.base_url"):
        settings(["http://a/v1", "http://b/v1"], batch=True)


def test_what_a_server_says_of_a_batch_may_be_odd():
    def odd_words(lines: list[Json]) -> Json:
        return server.complete(lines) | {"request_counts": "many", "errors": [3], "status": "completed"}

    with serving(BatchServer(answer)) as server:
        server.endings = [lambda lines: {"request_counts": ["x"], "errors": "none"}, odd_words]
        assert not any(completion.error for completion in answers(server).values())
