"""The commands in the documents are commands that exist, with options and settings that exist."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from humpback.cli.experiment import read_experiment
from humpback.cli.main import app
from humpback.config import Config
from humpback.method.settings_file import read_config, with_changes

ROOT = Path(__file__).parent.parent
LINE = re.compile(r"^ {4}(humpback .+?)(?:\s+#.*)?$", re.MULTILINE)
COMMANDS = sorted(
    {
        line
        for name in (
            *("README.md", "docs/results.md", "docs/training.md", "docs/corpus.md", "docs/engines.md"),
            "docs/curation.md",
            "docs/using.md",
            "docs/experiments.md",
        )
        for line in LINE.findall((ROOT / name).read_text())
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_in_the_documents_exists(line):
    words = shlex.split(line)
    shown = CliRunner().invoke(app, [words[1], "--help"])
    assert shown.exit_code == 0, shown.output
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.output
    changes = [value for word, value in pairwise(words) if word == "--set"]
    named = (value for word, value in pairwise(words) if word == "--model" and not value.isdecimal())
    changes += [f"model.name={value}" for value in named]
    if words[1] == "experiment":
        grid = ROOT / words[2]
        read_experiment(grid if grid.exists() else ROOT / "benchmarks" / "experiments" / "small.yaml", changes)
    else:
        with_changes(Config(), changes)


def test_the_readme_shows_commands():
    assert len(COMMANDS) >= 8


def test_targets_of_the_makefile_that_the_readme_names():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in set(re.findall(r"^ {4}make ([\w-]+)", readme, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_demo_uses_only_known_settings():
    config = read_config("package:demo", [])
    assert config.run.iterations == 2
    assert config.corpus.documents == ("installed:",)


def test_links_between_documents_lead_somewhere():
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
