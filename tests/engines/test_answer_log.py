"""Answers are written down before the server is asked for more, so that a kill between the two costs none."""

from __future__ import annotations

import json
import time

import pytest

from humpback.engines.answer_log import AnswerLog
from humpback.engines.spending import Spending
from humpback.errors import EngineError
from tests.engines.loopback import Handler, Json, Loopback, open_on, reply, requests, serving


def answer(handler: Handler, body: Json) -> None:
    handler.send_json(200, reply(f"To {body['messages'][-1]['content']}"))


def written(folder) -> set[str]:
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    return {json.loads(line)["answer"]["id"] for line in lines}


def test_an_answer_is_written_down_though_nobody_has_taken_it_yet(tmp_path):
    with serving(Loopback(answer)) as server:
        log = AnswerLog(open_on(server, concurrency=1), tmp_path / "answers", Spending(tmp_path / "spent"))
        taken = log.generate(requests(3))
        first = next(taken)
        end = time.monotonic() + 20
        while len(written(tmp_path / "answers")) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert len(written(tmp_path / "answers")) >= 2, "one is taken, another has arrived"
        assert {first.id, *(completion.id for completion in taken)} == {request.id for request in requests(3)}
        lines = [line for path in (tmp_path / "answers").glob("*.jsonl") for line in path.read_text().splitlines()]
        assert len(lines) == 3, "each once"
        log.close()


def test_what_two_threads_ask_under_one_name_is_each_given_its_own(tmp_path):
    with serving(Loopback(answer)) as server:
        log = AnswerLog(open_on(server, concurrency=2), tmp_path / "answers", Spending(tmp_path / "spent"))
        one, other = requests(2)
        other = type(other)(one.id, other.messages, other.sampling)
        streams = [log.generate([one]), log.generate([other])]
        texts = [next(stream).text for stream in streams]
        assert texts == [f"To {request.messages[-1].text}" for request in (one, other)]
        log.close()
        again = AnswerLog(open_on(server), tmp_path / "answers", Spending(tmp_path / "spent"))
        asked = len(server.bodies)
        assert [next(again.generate([request])).text for request in (one, other)] == texts
        assert len(server.bodies) == asked
        again.close()


def test_a_budget_is_not_used_up_because_the_first_answer_came_between_two_questions(tmp_path):
    spending = Spending(tmp_path, tokens=30)
    assert spending.reserve()
    assert not spending.reserve(), "what an answer takes is not known yet"
    spending.note("m", 15, 0.0)
    spending.release()
    spending.wait()
    assert spending.reserve()
    spending.note("m", 30, 0.0)
    spending.release()
    assert not spending.reserve()
    with pytest.raises(EngineError, match="30 of 30 tokens"):
        spending.wait()
