"""Answers are written down before the server is asked for more, so that a kill between the two costs none."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from humpback.engines.answer_files import AnswerFolders
from humpback.engines.answer_log import AnswerLog
from humpback.engines.spending import Spending
from humpback.errors import EngineError
from tests.engines.loopback import Handler, Json, Loopback, open_on, reply, requests, serving


def answer(handler: Handler, body: Json) -> None:
    handler.send_json(200, reply(f"To {body['messages'][-1]['content']}"))


@pytest.fixture
def folders(tmp_path: Path) -> AnswerFolders:
    return AnswerFolders(tmp_path / "work" / "answers", tmp_path / "answers")


def log_of(server: Loopback, folders: AnswerFolders, **settings: object) -> AnswerLog:
    return AnswerLog(open_on(server, **settings), folders, Spending(folders.kept.parent / "spent"))


def written(folder: Path) -> list[str]:
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line.partition(" ")[2])["answer"]["id"] for line in lines]


def test_an_answer_is_written_down_though_nobody_has_taken_it_yet(folders):
    with serving(Loopback(answer)) as server:
        log = log_of(server, folders, concurrency=1)
        taken = log.generate(requests(3))
        first = next(taken)
        end = time.monotonic() + 20
        while len(written(folders.in_hand)) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert len(written(folders.in_hand)) >= 2, "one is taken, another has arrived"
        assert {first.id, *(completion.id for completion in taken)} == {request.id for request in requests(3)}
        assert len(written(folders.in_hand)) == 3, "each once"
        log.close()


def test_what_two_threads_ask_under_one_name_is_each_given_its_own(folders):
    with serving(Loopback(answer)) as server:
        log = log_of(server, folders, concurrency=2)
        one, other = requests(2)
        other = type(other)(one.id, other.messages, other.sampling)
        streams = [log.generate([one]), log.generate([other])]
        texts = [next(stream).text for stream in streams]
        assert texts == [f"To {request.messages[-1].text}" for request in (one, other)]
        log.close()
        again = log_of(server, folders)
        asked = len(server.bodies)
        assert [next(again.generate([request])).text for request in (one, other)] == texts
        assert len(server.bodies) == asked
        again.close()


def test_answers_for_a_committed_shard_are_asked_for_again_only_where_the_stage_is_thrown_away(folders):
    with serving(Loopback(answer)) as server:
        log = log_of(server, folders)
        first = {answer.id: answer.text for answer in log.generate(requests(3))}
        log.lay_aside()
        assert not written(folders.in_hand)
        assert sorted(written(folders.kept)) == sorted(first)
        log.close()
        going_on = log_of(server, folders)
        list(going_on.generate(requests(1)))
        assert len(server.bodies) == 4, (
            "the records of a committed shard are not made anew: nobody looks its answers up"
        )
        going_on.close()

        folders.reuse()
        assert len(list(folders.earlier.iterdir())) == 1
        assert not written(folders.in_hand)
        anew = log_of(server, folders)
        assert {answer.id: answer.text for answer in anew.generate(requests(4))}.items() >= first.items()
        assert len(server.bodies) == 5, "the fourth is new"
        anew.close()
        folders.reuse()
        once_more = log_of(server, folders)
        assert len(list(once_more.generate(requests(4)))) == 4
        assert len(server.bodies) == 5
        once_more.close()

        folders.discard()
        other = log_of(server, folders)
        assert len(list(other.generate(requests(4)))) == 4
        assert len(server.bodies) == 9
        other.close()


@pytest.mark.parametrize("thrown_away", [False, True])
@pytest.mark.parametrize("damage", [lambda line: line[:-9], lambda line: line.replace("To ", "Tu ")])
def test_a_line_that_was_cut_or_changed_is_asked_for_again(folders, damage, thrown_away):
    with serving(Loopback(answer)) as server:
        log = log_of(server, folders, concurrency=1)
        texts = [answer.text for answer in log.generate(requests(3))]
        log.close()
        (path,) = folders.in_hand.glob("*.jsonl")
        *lines, last = path.read_text().splitlines(keepends=True)
        (folders.in_hand / "zz.jsonl").write_text(lines.pop())
        path.write_text("".join([*lines, damage(last)]))
        if thrown_away:
            folders.reuse()
        again = log_of(server, folders)
        assert sorted(answer.text for answer in again.generate(requests(3))) == sorted(texts)
        assert len(server.bodies) == 4
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
