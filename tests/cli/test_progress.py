"""Progress on a terminal and in a log file."""

import io

import pytest
from rich.console import Console

from humpback import models
from humpback.cli.progress import Bars
from humpback.config import Config
from humpback.method.plan import plan
from humpback.runs.executor import execute
from humpback.runs.stage import Produce, Stage
from humpback.runs.store import Run


@pytest.mark.parametrize("terminal", [True, False])
def test_every_stage_is_told_with_its_counts(settings, tmp_path, terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=160)
    config = Config.model_validate(settings)
    stages = plan(config, models.identify(config.model))
    run = Run(tmp_path / "run")
    with run.locked(), Bars(console) as bars:
        execute(stages, run, config, (), bars)
    text = out.getvalue()
    for number, stage in enumerate(stages, 1):
        assert f"[{number}/{len(stages)}] {stage.name}: " in text
    assert "segments: 24 kept, 12 dropped" in text
    assert ("left in this stage" in text) == terminal


def test_what_must_be_known_before_the_work_is_said_when_a_stage_begins():
    out = io.StringIO()
    with Bars(Console(file=out, width=160), announce=False) as bars:
        bars.begin(Stage("segments", "cut", (), {}, Produce(lambda *_: iter(())), notice="not read: 4 .pdf"), 0, None)
    assert out.getvalue().splitlines() == ["segments: not read: 4 .pdf"]
