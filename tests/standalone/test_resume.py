"""Single commands that are stopped and run again: what was answered is not asked again, and the files are the same."""

import json

import pytest
from typer.testing import CliRunner

from humpback.cli.main import app
from humpback.config import Config, ModelSettings
from humpback.errors import EngineError, StoreError
from humpback.evaluation.answers import Answering
from humpback.evaluation.comparisons import Output
from humpback.evaluation.winrate import Judging
from humpback.method.settings_file import with_changes
from humpback.records import Outcome
from humpback.requests import Message, Part, Request, Sampling
from humpback.runs.executor import execute
from humpback.runs.stage import ExternalModel, Produce, Stage
from humpback.runs.store import Run
from humpback.standalone.answer import answer_files
from humpback.standalone.judge import judge_files
from humpback.standalone.rate import rate_files
from humpback.standalone.work import How
from tests.command import humpback
from tests.engines.loopback import Loopback, reply, serving
from tests.killing import kill_when, typed

PAIRS = 300
ANSWERED = 280
"""What the server answers before it goes; no whole number of shards."""


class Stop(Exception):
    """In place of a kill: a test of this process cannot kill it."""


class StopAfter:
    """Stops the work after so many tasks of a stage."""

    def __init__(self, stage, tasks):
        self.stage, self.tasks, self.current = stage, tasks, ""

    def prepare(self, stages, done):
        pass

    def begin(self, stage):
        self.current = stage.name

    def advance(self, progress):
        if self.current == self.stage and progress.completed >= self.tasks:
            raise Stop

    def end(self, stage, counts):
        pass


class Dying(Loopback):
    """Rates every pair with a 4, and answers 503 once it has answered as many as it may."""

    def __init__(self, answers):
        super().__init__(self._answer)
        self.left, self.texts = answers, []

    def _answer(self, handler, body):
        with self.lock:
            alive = self.left > 0
            self.left -= 1
            if alive:
                self.texts.append(json.dumps(body["messages"]))
        if alive:
            handler.send_json(200, reply("It fits.\nScore: 4"))
        else:
            handler.send_json(503, {"error": {"message": "gone"}})


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [
        {"instruction": f"What is {n} plus {n}?", "response": f"It is {2 * n}, as {n} twice."} for n in range(PAIRS)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def prompts(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"Explain the number {n} to me."}) + "\n" for n in range(150)))
    return path


def served(url):
    return ["model.name=m", "model.engine=openai", f"model.server.base_url={url}", "model.server.retries=0",
            "model.server.concurrency=8", "curate.scorer=rating"]  # fmt: skip


def test_what_a_server_answered_before_it_died_is_not_asked_again(pairs, tmp_path):
    out, server = tmp_path / "ratings.jsonl", Dying(ANSWERED)
    with serving(server):
        with pytest.raises(EngineError):
            rate_files(pairs, with_changes(Config(), served(server.url)), out)
        assert not out.exists()
        asked_before = list(server.texts)
        assert len(asked_before) == ANSWERED
        server.left, server.texts = PAIRS, []
        lines = rate_files(pairs, with_changes(Config(), served(server.url)), out)
    # Those under way when the server died may have been answered without reaching us: eight at most.
    assert PAIRS - ANSWERED <= len(server.texts) <= PAIRS - ANSWERED + 8
    assert len({*asked_before, *server.texts}) == PAIRS
    assert "300 kept (300 scored)" in lines[0]
    ratings = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["score"] for row in ratings] == [4.0] * PAIRS
    assert not (tmp_path / ".ratings.jsonl.work").exists()


def test_answers_of_a_stage_that_makes_records_out_of_nothing_are_kept_too(tmp_path):
    """Windows of eight: the server dies in the second one."""

    def shards(inputs, part, done):
        with inputs.engine("writer") as engine:
            for window in range(done, 4):
                asked = [request(f"{window}-{number}") for number in range(8)]
                texts = {answer.id: answer.text for answer in engine.generate(asked)}
                yield Outcome(tuple(Output(one.id, texts[one.id], "m") for one in asked), (), 8)

    server = Dying(13)
    with serving(server):
        settings = {"engine": "openai", "name": "m", "server": {"base_url": server.url, "retries": 0, "concurrency": 1}}
        writer = ExternalModel("writer", ModelSettings.model_validate(settings))
        stage = Stage("texts", "write", (), {}, Produce(shards), Output, model=True, external=(writer,))
        run = Run(tmp_path / "run")
        with run.locked():
            with pytest.raises(EngineError):
                execute([stage], run, Config())
            assert run.stage("texts").committed() == [0]
            server.left = 100
            execute([stage], run, Config())
    assert len(server.texts) == len(set(server.texts)) == 32
    assert [row.instruction for row in run.stage("texts").records(Output)] == [
        f"{w}-{n}" for w in range(4) for n in range(8)
    ]


def request(text):
    return Request(text, (Message("user", (Part(text),)),), Sampling(8))


def test_the_same_command_finds_its_work_done(pairs, tmp_path):
    out, server = tmp_path / "ratings.jsonl", Dying(PAIRS)
    with serving(server):
        first = rate_files(pairs, with_changes(Config(), served(server.url)), out)
        again = rate_files(pairs, with_changes(Config(), served(server.url)), out)
    assert len(server.texts) == PAIRS
    assert again == [*first, f"{out} is there already, made by the same command: nothing is done again"]


@pytest.mark.parametrize("stage", ["prompts", "answers"])
def test_answers_go_on_where_they_were_stopped(prompts, tmp_path, stage):
    whole, out = tmp_path / "whole.json", tmp_path / "out.json"
    answer_files(prompts, "fake", whole, "m", Answering(), ["model.engine=fake"])
    with pytest.raises(Stop):
        answer_files(prompts, "fake", out, "m", Answering(), ["model.engine=fake"], How(progress=StopAfter(stage, 1)))
    assert not out.exists()
    answer_files(prompts, "fake", out, "m", Answering(), ["model.engine=fake"])
    assert out.read_bytes() == whole.read_bytes()


def test_verdicts_go_on_where_they_were_stopped(prompts, tmp_path):
    for seed in (1, 2):
        answer_files(prompts, "fake", tmp_path / f"{seed}.json", f"m-{seed}", Answering(seed), ["model.engine=fake"])
    whole, out = tmp_path / "whole.json", tmp_path / "out.json"

    def judge(out, how):
        fake = ["model.engine=fake"]
        return list(judge_files(tmp_path / "2.json", tmp_path / "1.json", "fake", out, Judging(), fake, 0.2, how))

    judge(whole, How())
    with pytest.raises(Stop):
        judge(out, How(progress=StopAfter("verdicts", 2)))
    judge(out, How())
    assert out.read_bytes() == whole.read_bytes()


def test_unfinished_work_of_other_settings_is_not_thrown_away(prompts, tmp_path):
    out, fake = tmp_path / "out.json", ["model.engine=fake"]
    with pytest.raises(Stop):
        answer_files(prompts, "fake", out, "m", Answering(), fake, How(progress=StopAfter("answers", 1)))
    assert "1 shards are kept" in humpback("status", tmp_path / ".out.json.work").stdout
    with pytest.raises(StoreError, match=r"unfinished work, made with other settings: temperature 0\.7 -> 0\.1"):
        answer_files(prompts, "fake", out, "m", Answering(temperature=0.1), fake)
    answer_files(prompts, "fake", out, "m", Answering(temperature=0.1), fake, How(force=True))
    assert len(json.loads(out.read_text())) == 150


@pytest.mark.kill
@pytest.mark.parametrize(
    "command", ["rate", *(pytest.param(name, marks=pytest.mark.slow) for name in ("instruct", "answer"))]
)
def test_a_killed_command_ends_with_the_same_file(command, seed_file, tiny_chat_model, tmp_path):
    small = ["--set", "run.shard_rows=4", "--set", "model.max_tokens=2000"]
    words = {
        "rate": ["rate", seed_file, "--set", "curate.scorer=expected-rating"],
        "instruct": ["instruct", seed_file, "--set", "augment.max_new_tokens=24"],
        "answer": ["evaluate", "answer", seed_file, "--max-new-tokens", "24"],
    }[command]
    words = [*map(str, words), "--model", str(tiny_chat_model), *small]
    if command == "instruct":
        # A model with random weights writes noise; every check that could drop all of it is off.
        words += ["--set", "augment.max_chars=100000", "--set", "augment.min_chars=1", "--set", "augment.max_overlap=1"]
    suffix = "json" if command == "answer" else "jsonl"
    whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"out.{suffix}"
    result = CliRunner().invoke(app, [*words, "--out", str(whole)])
    if command == "instruct" and "kept none" in str(result.exception):
        pytest.skip("the noise of this model is no instruction")
    assert result.exit_code == 0, result.output or result.exception
    stage = {"rate": "ratings-1", "instruct": "candidates", "answer": "answers"}[command]
    assert kill_when(typed(*words, "--out", out), tmp_path / f".{out.name}.work" / "stages" / stage, "part-*.parquet")
    assert not out.exists()
    result = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert result.exit_code == 0, result.output or result.exception
    assert out.read_bytes() == whole.read_bytes()
    assert not (tmp_path / f".{out.name}.work").exists()
