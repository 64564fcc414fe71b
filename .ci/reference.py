"""Writes the pages of the site that follow from the code: all-settings.md and all-commands.md.

    python .ci/reference.py [FOLDER]

`make docs` runs it. The two pages are not in the repository: they would lag behind the code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
import yaml

from humpback.cli.main import app
from humpback.config import Config
from humpback.config.base import Settings
from humpback.config.experiment import (
    ArmSettings,
    ExperimentSettings,
    IfEvalSettings,
    RecoverSettings,
    WinRateSettings,
)

DOCS = Path(__file__).parents[1] / "docs"

_SETTINGS = """# Every setting

`humpback init my-run.yaml` writes a file with all of them. `--set NAME=VALUE` changes one for one command, such as
`--set curate.select.top_share=0.3`. An unknown name, or a value that does not fit, is refused in one line.
"""

_EXPERIMENT = """
## In the file of an experiment

`humpback experiment FILE` reads these, and in `settings` all of the above ([what they are for](experiments.md)).
"""

_COMMANDS = """# Every command

What `humpback COMMAND --help` prints.
"""

_LONGEST_DEFAULT = 50
"""Characters of a default that fit into a column of the table; a longer one stands behind the meaning."""


def main() -> None:
    """Writes both pages."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    settings = [_SETTINGS, *group_lines("", Config), _EXPERIMENT, *experiment_lines()]
    (folder / "all-settings.md").write_text("\n".join(settings) + "\n", encoding="utf-8")
    (folder / "all-commands.md").write_text("\n".join([_COMMANDS, *command_lines()]), encoding="utf-8")


def group_lines(name: str, group: type[Settings]) -> Iterator[str]:
    """A table of the settings of a group, then a heading and the same for each group in it.

    Args:
        name: Dotted name of the group; empty for all settings.
        group: Its class.
    """
    yield from table_lines(name, group)
    for key, field in group.model_fields.items():
        if isinstance(field.default, Settings):
            path, inner = f"{name}.{key}".lstrip("."), type(field.default)
            yield f"\n## {path}\n\n{_one_line(field.description or inner.__doc__ or '')}\n"
            yield from group_lines(path, inner)


def experiment_lines() -> Iterator[str]:
    """The same for the file of an experiment, less the settings of a run in it."""
    groups = {"recover": RecoverSettings, "ifeval": IfEvalSettings, "winrate": WinRateSettings}
    yield from table_lines("", ExperimentSettings)
    for name, group in {"arms.NAME": ArmSettings, **groups}.items():
        yield f"\n### {name}\n\n{_one_line(group.__doc__ or '')}\n"
        yield from table_lines(name, group)


def table_lines(name: str, group: type[Settings]) -> Iterator[str]:
    """A row for each setting of a group that is no group itself."""
    single = {key: field for key, field in group.model_fields.items() if not isinstance(field.default, Settings)}
    if single:
        yield "| setting | default | meaning |\n|---|---|---|"
    for key, field in single.items():
        default = "needed" if field.is_required() else field.get_default(call_default_factory=True)
        yield _row(f"{name}.{key}".lstrip("."), default, (field.description or "") + _choices(field.annotation))


def command_lines() -> Iterator[str]:
    """A heading and the help of each command, and of each command of a group."""
    for name, command in _commands("humpback", typer.main.get_command(app)):
        context = typer.Context(command, info_name=name, terminal_width=100)
        yield f"## {name}\n\n```text\n{command.get_help(context)}\n```\n"


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for key, inner in getattr(command, "commands", {}).items():
        yield from _commands(f"{name} {key}", inner)


def _row(name: str, default: Any, meaning: str) -> str:
    plain = list(default) if isinstance(default, tuple) else default
    value = yaml.safe_dump(plain, default_flow_style=True, width=10_000).strip().removesuffix("\n...")
    if len(value) > _LONGEST_DEFAULT:
        meaning, value = f"{meaning} The default is `{value}`.", "…"
    cells = (f"`{name}`", f"`{value}`", _one_line(meaning))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _choices(annotation: Any) -> str:
    """The values that a setting of fixed values takes; empty for any other."""
    if get_origin(annotation) is Literal:
        return f" Values: {', '.join(f'`{value}`' for value in get_args(annotation))}."
    return ""


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
