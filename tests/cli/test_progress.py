"""Progress on a terminal and in a log file."""

import io
import threading

import pytest
from rich.console import Console

from humpback import models
from humpback.cli.progress import LINE_SECONDS, ProgressDisplay
from humpback.config import Config
from humpback.method.plan import plan
from humpback.runs.executor import execute
from humpback.runs.progress import StageProgress
from humpback.runs.stage import Produce, Stage
from humpback.runs.store import Run
from tests.command import humpback

STAGE = Stage("ratings-1", "rate the candidates", (), {}, None)


@pytest.mark.parametrize("terminal", [True, False])
def test_every_stage_is_told_with_its_counts(settings, tmp_path, terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=160)
    config = Config.model_validate(settings)
    stages = plan(config, models.identify(config.model))
    run = Run(tmp_path / "run")
    with run.locked(), ProgressDisplay(console) as display:
        execute(stages, run, config, (), display)
    text = out.getvalue()
    for number, stage in enumerate(stages, 1):
        assert f"[{number}/{len(stages)}] {stage.name}: " in text
    assert "segments: 24 kept, 12 dropped" in text
    assert ("left in this stage" in text) == terminal


def test_what_must_be_known_before_the_work_is_said_when_a_stage_begins():
    out = io.StringIO()
    with ProgressDisplay(Console(file=out, width=160), announce=False) as display:
        display.begin(Stage("segments", "cut", (), {}, Produce(lambda *_: iter(())), notice="not read: 4 .pdf"))
    assert out.getvalue().splitlines() == ["segments: not read: 4 .pdf"]


def test_off_a_terminal_no_more_than_30_seconds_pass_without_a_line():
    display = ProgressDisplay(Console(file=io.StringIO(), width=160))
    display.prepare(14, 4)
    display.begin(STAGE)
    begun = display._printed
    assert display.line_if_due(begun + 29) == ""
    assert display.line_if_due(begun + 31) == "[5/14] ratings-1: for 31 s, nothing is finished yet"
    display.advance(StageProgress("ratings-1", "shards", 12, 80, 0.5, answers=3, tokens=45))
    assert display.line_if_due(begun + 31) == (
        "[5/14] ratings-1: for 31 s, 12 of 80 shards, 30.0 a minute, 2 min left, 3 answers, 45 tokens"
    )
    assert LINE_SECONDS == 30


class Pipe(io.StringIO):
    """Tells when a line with a text in it is written."""

    def __init__(self, text):
        super().__init__()
        self.text, self.written = text, threading.Event()

    def write(self, text):
        count = super().write(text)
        if self.text in self.getvalue():
            self.written.set()
        return count


@pytest.mark.parametrize(("stage", "line"), [(STAGE, "nothing is finished yet"), (None, "still at work, for 0 s")])
def test_work_that_reports_nothing_gets_its_lines(stage, line):
    pipe = Pipe(line)
    with ProgressDisplay(Console(file=pipe, width=160), line_seconds=0.001) as display:
        if stage:
            display.begin(stage)
        assert pipe.written.wait(10)


def test_on_a_terminal_the_bars_are_enough(tmp_path):
    pipe = Pipe("for 0 s")
    with ProgressDisplay(Console(file=pipe, force_terminal=True, width=160), line_seconds=0.001) as display:
        display.begin(STAGE)
        assert not pipe.written.wait(0.05)


def test_a_quiet_command_prints_what_it_wrote_and_nothing_else(seed_file, tmp_path):
    command = ("rate", seed_file, "--model", "fake", "--set", "model.engine=fake", "--out", tmp_path / "r.jsonl")
    quiet = humpback(*command, "--quiet")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert "r.jsonl" in quiet.stdout
    assert "ratings" in humpback(*command, "--force").stderr, "the next command is not quiet any more"


def test_a_log_file_has_every_line_with_its_time(config_file, tmp_path):
    file = tmp_path / "run.log"
    done = humpback("run", config_file, "--out", tmp_path / "run", "--until", "segments", "--quiet", "--log-file", file)
    assert (done.returncode, done.stdout) == (0, "")
    wrong = humpback("run", config_file, "--out", tmp_path / "run", "--until", "nothing", "--log-file", file)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0][:2] == "20"
    assert any("[2/2] segments: 24 kept, 12 dropped" in line for line in lines), lines
    assert lines[-1].endswith("ERROR: " + wrong.stderr.strip())
    count = len(lines)
    humpback("status", tmp_path / "run")
    assert len(file.read_text(encoding="utf-8").splitlines()) == count, "the file is closed with its command"


def test_a_log_file_that_cannot_be_written_is_one_line(tmp_path):
    wrong = humpback("status", tmp_path, "--log-file", tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.endswith("cannot be written (Is a directory): name another file\n")


def test_verbose_shows_where_a_mistake_arose(tmp_path):
    assert "Traceback" in humpback("status", tmp_path, "--verbose").stderr
    assert "Traceback" not in humpback("status", tmp_path).stderr
