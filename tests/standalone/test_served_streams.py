"""Commands that ask a server: no shard waits for another, a budget stops them, and so does Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest

from humpback.config import Config
from humpback.engines.spending import Spending
from humpback.errors import ConfigError, EngineError
from humpback.method.settings_file import parse_config, with_changes
from humpback.runs.progress import NoProgress
from humpback.standalone.rate import rate_files
from humpback.standalone.work import How
from tests.engines.batch_server import BatchServer
from tests.engines.loopback import Handler, Json, Loopback, reply, serving

PAIRS = 40
TOKENS = 15
"""What each answer of the loopback takes: 10 read, 5 written."""


class Rater(Loopback):
    """Rates everything with a 4. What holds it up may be given."""

    def __init__(self, before=lambda handler, body: None):
        super().__init__(self._rate)
        self.before, self.answered = before, 0

    def _rate(self, handler: Handler, body: Json) -> None:
        self.before(handler, body)
        with self.lock:
            self.answered += 1
        handler.send_json(200, reply("It is fine.\nScore: 4"))

    @property
    def asked(self) -> list[str]:
        return [body["messages"][-1]["content"] for body in self.bodies]


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"instruction": f"What is {n} plus {n}?", "response": f"It is {2 * n}, {n} twice."} for n in range(PAIRS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rate(pairs, server, *changes, progress=None):
    settings = ["model.name=m", "model.engine=openai", f"model.server.base_url={server.url}", "curate.scorer=rating",
                "run.shard_rows=4", "model.server.retries=0"]  # fmt: skip
    return rate_files(pairs, with_changes(Config(), [*settings, *changes]), pairs.with_name("out.jsonl"),
                      how=How(progress=progress))  # fmt: skip


def scores(pairs):
    return [json.loads(line)["score"] for line in pairs.with_name("out.jsonl").read_text().splitlines()]


def test_no_shard_waits_for_the_slowest_request_of_the_one_before(pairs):
    """The first pair is answered when all others are: shards that waited for it would never be asked."""
    others = threading.Event()

    def before(handler: Handler, body: Json) -> None:
        if "What is 0 plus 0?" in body["messages"][-1]["content"]:
            assert others.wait(20)
        elif len(handler.server.bodies) >= PAIRS:
            others.set()

    with serving(Rater(before)) as server:
        rate(pairs, server)
    assert scores(pairs) == [4.0] * PAIRS
    assert len(server.asked) == len(set(server.asked)) == PAIRS


PRICES = ["model.server.price_read=1000", "model.server.price_written=2500"]


@pytest.mark.parametrize(
    ("setting", "limit", "prices", "said"),
    [
        ("run.budget_tokens", 15 * TOKENS, [], "225 of 225 tokens read and written"),
        ("run.budget", 0.338, PRICES, "0.3375 of 0.338 spent"),  # each takes 10 * .001 + 5 * .0025
    ],
)
def test_a_budget_stops_a_command_that_goes_on_with_a_higher_one(pairs, setting, limit, prices, said):
    with serving(Rater()) as server:
        for _ in range(2):  # nothing more is asked where nothing is left
            with pytest.raises(EngineError, match=f"the budget is used up: {said}.*raise {setting} and run"):
                rate(pairs, server, f"{setting}={limit}", *prices)
            assert server.answered == 15
        rate(pairs, server, f"{setting}={1000 * limit}", *prices)
    assert scores(pairs) == [4.0] * PAIRS
    assert len(server.asked) == len(set(server.asked)) == PAIRS, "every answer that was paid for is kept"


def test_a_budget_holds_for_batches_too(pairs):
    with serving(BatchServer(lambda handler, body: handler.send_json(200, reply("It is fine.\nScore: 4")))) as server:
        with pytest.raises(EngineError, match="225 of 225 tokens"):
            rate(pairs, server, "model.server.batch=true", f"run.budget_tokens={15 * TOKENS}")
        assert server.sizes == [14], "until the first is answered nobody knows what one takes"
        rate(pairs, server, "model.server.batch=true")
        assert scores(pairs) == [4.0] * PAIRS
        assert len({str(body) for body in server.bodies}) == len(server.bodies) == PAIRS


def test_a_budget_in_money_needs_prices(pairs):
    with serving(Rater()) as server:
        with pytest.raises(ConfigError, match="price_read"):
            rate(pairs, server, "run.budget=1")
        assert not server.bodies
        rate(pairs, server, "run.budget=1", "model.server.price_read=0")
    assert scores(pairs) == [4.0] * PAIRS


def test_a_budget_is_for_one_machine():
    with pytest.raises(ConfigError, match="executor is ray"):
        parse_config("run: {executor: ray, budget: 3}", "x.yaml")


def test_the_cost_is_shown_while_it_grows(pairs):
    seen = []

    class Lines(NoProgress):
        def advance(self, progress):
            seen.append(progress)

    with serving(Rater()) as server:
        rate(pairs, server, "model.server.price_written=1000", progress=Lines())
    costs = [progress.cost for progress in seen if progress.answers]
    assert costs == sorted(costs)
    assert costs[-1] == pytest.approx(PAIRS * 5 / 1000)
    assert f"{PAIRS} answers, {PAIRS * TOKENS} tokens, cost 0.2000" in seen[-1].words()


def test_spending_outlives_the_process_and_a_damaged_account_counts_nothing(tmp_path):
    first = Spending(tmp_path)
    first.note("a", 100, 0.5)
    first.note("a", 150, 0.75)
    first.note("b", 10, 0.0)
    (tmp_path / "x.txt").write_text("half of")
    again = Spending(tmp_path)
    assert again.total == (160, 0.75)


@pytest.fixture
def heeds_ctrl_c():
    """A job behind a shell is started without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_ends_a_command_that_waits_for_a_server(pairs):
    stopped = []

    def before(handler: Handler, body: Json) -> None:
        with handler.server.lock:
            if not stopped:
                stopped.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
        handler.server.ended.wait(30)

    with serving(Rater(before)) as server:
        with pytest.raises(KeyboardInterrupt):
            rate(pairs, server)
        assert time.monotonic() - stopped[0] < 2
        left = [thread for thread in threading.enumerate() if thread.name.startswith(("ThreadPool", "humpback-server"))]
    for thread in left:
        thread.join(5)
        assert not thread.is_alive()
