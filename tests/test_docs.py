"""The commands in the documents are commands that exist, with options and settings that exist."""

import json
import re
import runpy
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from humpback.cli.experiment import read_experiment
from humpback.cli.main import app
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.corpus.office.conversion import NEEDS
from humpback.corpus.reading.sources import OFFICE
from humpback.method.settings_file import parse_settings, read_config, with_changes

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "SKILL.md", *DOCUMENTS]
GENERATED = {"all-settings.md", "all-commands.md"}
LINE = re.compile(r"^ {4,}(humpback .+?)(?:\s+#.*)?$", re.MULTILINE)
YAML = re.compile(r"^```yaml\n(.+?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = sorted({line for page in PAGES for line in LINE.findall(page.read_text(encoding="utf-8"))})


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_in_the_documents_exists(line):
    words = shlex.split(line)
    shown = CliRunner().invoke(app, [*words[1 : 3 if words[1] == "evaluate" else 2], "--help"])
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


def test_the_demo_installs_what_reads_the_documents_that_the_readme_promises():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    demo = makefile.partition("$(VENV)/.demo: ")[2].partition("\n\n")[0]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    office = " ".join(project["optional-dependencies"]["office"]).replace("-", "_")
    for ending in OFFICE:
        assert ending.removeprefix(".").upper() in readme
        assert NEEDS.get(ending, "") in office
    assert "[office]" in demo


def test_the_demo_uses_only_known_settings():
    config = read_config("package:demo", [])
    assert config.run.iterations == 2
    assert config.corpus.documents == ("package:demo",)


def test_links_between_documents_lead_somewhere():
    for path in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_settings_in_the_documents_are_right():
    blocks = [(page.name, block) for page in PAGES for block in YAML.findall(page.read_text(encoding="utf-8"))]
    # Others are of other tools, or of experiments.
    ours = [(name, block) for name, block in blocks if yaml.safe_load(block).keys() <= Config.model_fields.keys()]
    assert len(ours) >= 4
    for name, block in ours:
        assert parse_settings(block, name, Config) != Config(), f"{name} shows settings that change nothing"


def test_the_messages_in_the_table_of_mistakes_are_said_somewhere():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    table = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").partition("## It works, but")[0]
    messages = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(messages) > 20
    assert [message for message in messages if message not in source] == []


def test_every_page_is_in_the_navigation_of_the_site():
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    named = [page for section in site["nav"] for pages in section.values() for page in pages]
    assert sorted(named) == sorted({page.name for page in DOCUMENTS} | GENERATED)


def test_the_site_names_every_setting_and_every_command():
    reference = runpy.run_path(str(ROOT / ".ci" / "reference.py"))
    settings = "\n".join(reference["group_lines"]("", Config))
    for name in flat_settings(Config(), *Config.model_fields):
        assert f"| `{name}` |" in settings
    assert "| `recover.planted` | `192` |" in "\n".join(reference["experiment_lines"]())
    commands = "\n".join(reference["command_lines"]())
    for command in (
        *(command.name or command.callback.__name__ for command in app.registered_commands),
        "evaluate suites",
    ):
        assert f"## humpback {command}\n" in commands


def test_the_python_in_the_documents_runs(documents, seed_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = python_blocks("docs/python.md")
    assert len(blocks) >= 6
    names = execute(blocks)
    readme = [block for block in python_blocks("README.md") if "import humpback" in block]
    assert len(execute(readme)["rows"]) == 12
    assert len(names["again"]) == len(names["candidates"])
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()


def test_the_notebook_runs_and_holds_no_output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs" / "notebooks" / "first_hour.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    names = execute(["".join(cell["source"]) for cell in cells])
    assert len(names["segments"]) == 5
    assert {row.reason for row in names["segments"].dropped} == {"too short"}
    assert (tmp_path / "curated.jsonl").is_file()
    assert set(names["opened"].status.values()) == {"done"}


def python_blocks(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.+?)^```", text, re.MULTILINE | re.DOTALL)


def execute(blocks):
    """Runs pieces of code one after the other; the names that they leave."""
    names = {"__name__": "__main__"}
    for block in blocks:
        exec(block, names)
    return names
