"""The commands in docs/evaluation.md exist, with the options they are shown with; its figures are those measured."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from humpback.cli.main import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}humpback (evaluate .+)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_exists(line):
    words = shlex.split(line)
    shown = CliRunner().invoke(app, [*words[:2], "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.output


def test_every_command_of_the_group_is_documented():
    group = CliRunner().invoke(app, ["evaluate", "--help"]).output
    names = re.findall(r"^ {2}(\w+) ", group[group.index("Commands:") :], re.MULTILINE)
    assert set(names) == {line.split()[1] for line in COMMANDS}


def test_figures_are_those_of_the_benchmark():
    found = json.loads((ROOT / "benchmarks" / "results" / "paper_tables.json").read_text())
    boards = found["leaderboards"].values()
    lines = sum(board["lines"] for board in boards)
    off = sum(len(board.get("lines_off", {})) for board in boards)
    assert f"on {lines - off} of {lines} lines" in " ".join(TEXT.split())
    assert max(board["worst_win_rate"] for board in boards) < 1e-6
    assert max(found["against_alpaca_eval"]["largest_differences"].values()) < 1e-6
    for line in found["leaderboards"]["data_AlpacaEval/alpaca_eval_gpt4_leaderboard"]["paper"].values():
        low, high = line["interval"]
        assert abs(line["ours"] - line["paper"]) <= 0.1
        assert f"{low:.2f} to {high:.2f}" in TEXT or line["paper"] == 71.8
