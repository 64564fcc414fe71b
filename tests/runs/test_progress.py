"""How far a stage is: what is counted, the rate, the time left, and where `humpback status` finds them."""

from types import SimpleNamespace

import pytest

from humpback.engines.counted import CountedEngine
from humpback.requests import Completion, Embedding, Likelihood
from humpback.runs.progress import Meter, NoProgress, StageProgress, duration
from humpback.runs.stage import MapShards, Stage, Train
from humpback.runs.store import Run


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Seen(NoProgress):
    def advance(self, progress):
        self.last = progress


@pytest.fixture
def clock():
    return Clock()


def meter_at(tmp_path, clock, work):
    seen, run = Seen(), Run(tmp_path)
    meter = Meter(run, seen, clock)
    meter.begin(Stage("ratings-1", "rate", (), {}, work))
    return meter, seen, run


def test_shards_have_a_rate_that_leaves_out_the_loading_of_a_model(tmp_path, clock):
    meter, seen, _ = meter_at(tmp_path, clock, MapShards((), None))
    clock.now = 59.0
    meter.answered(1)
    assert seen.last.words() == "no shard is finished yet, 1 answer, 1 tokens"
    clock.now = 60.0
    meter.advance(1, 11)
    assert seen.last.words() == "1 of 11 shards, 1.0 a minute, 10 min left, 1 answer, 1 tokens"
    clock.now = 62.0
    meter.advance(2, 11)
    meter.answered(40)
    assert (seen.last.per_second, seen.last.seconds_left, seen.last.seconds) == (0.5, 18.0, 62.0)
    clock.now = 63.0
    meter.answered(2)
    assert seen.last.words() == "2 of 11 shards, 30.0 a minute, 18 s left, 3 answers, 43 tokens"


def test_a_training_that_goes_on_at_step_51_has_the_rate_of_this_session(tmp_path, clock):
    meter, seen, _ = meter_at(tmp_path, clock, Train(None))
    clock.now = 10.0
    meter.advance(51, 100)
    clock.now = 14.0
    meter.advance(53, 100, loss=2.5)
    assert seen.last.words() == "53 of 100 steps, 30.0 a minute, 94 s left, loss 2.500"


def test_each_phase_of_a_shuffle_has_a_rate_of_its_own(tmp_path, clock):
    meter, seen, _ = meter_at(tmp_path, clock, None)
    for clock.now, completed, unit in ((1.0, 1, "map"), (2.0, 2, "map"), (12.0, 1, "reduce"), (22.0, 2, "reduce")):
        meter.advance(completed, 4, unit=f"{unit} tasks")
    assert seen.last.words() == "2 of 4 reduce tasks, 6.0 a minute, 20 s left"


def test_the_facts_are_left_in_the_run_folder_now_and_then_and_go_at_the_end(tmp_path, clock):
    meter, seen, run = meter_at(tmp_path, clock, MapShards((), None))
    clock.now = 4.9
    meter.advance(1, 3)
    assert run.saved_progress() is None
    clock.now = 5.1
    meter.advance(2, 3)
    assert StageProgress(**run.saved_progress()) == seen.last
    meter.close()
    assert run.saved_progress() is None


def test_a_folder_that_cannot_be_written_ends_no_run(tmp_path, clock):
    meter, seen, run = meter_at(tmp_path, clock, MapShards((), None))
    run.path = tmp_path / "gone"
    clock.now = 6.0
    meter.advance(1, 3)
    assert seen.last.completed == 1


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (7200, "2.0 h")])
def test_times_in_words(seconds, words):
    assert duration(seconds) == words


def test_every_answer_is_counted_with_its_tokens():
    engine = SimpleNamespace(
        model="m",
        generate=lambda requests: iter([Completion("a", "text", "stop", 10, 3, -1.0)]),
        loglikelihood=lambda requests: iter([Likelihood("a", (-1.0, -2.0), (2, 3), 7)]),
        embed=lambda requests: iter([Embedding("a", (0.5,), 9)]),
    )
    tokens = []
    counted = CountedEngine(engine, tokens.append)
    assert [answer.id for ask in (counted.generate, counted.loglikelihood, counted.embed) for answer in ask([])] == [
        "a"
    ] * 3
    assert tokens == [13, 12, 9]
