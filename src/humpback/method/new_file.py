"""The settings files that `init` writes: a few lines for a size of model, or every setting there is.

A preset is a settings file of the package, `config/presets/NAME.yaml`; one more file there is one more preset.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from textwrap import indent

import yaml

from humpback.config import Config, Settings
from humpback.config.experiment import ArmSettings, ExperimentSettings
from humpback.config.paths import path_from
from humpback.config.prompts import NAMES, built_in
from humpback.errors import ConfigError

_FOLDER = resources.files("humpback.config")
_HEAD = "# humpback {command} {path}    (every setting and its meaning: humpback init --all)\n"
_HEAD_OF_ALL = (
    "# Every setting with its default: delete what you do not change.\n# Carry it out with: humpback {command} {path}\n"
)
_ARMS = {"seed": ArmSettings(), "curated": ArmSettings(scorer="auto")}


def preset_names() -> list[str]:
    """The presets that ship."""
    return sorted(file.name.removesuffix(".yaml") for file in (_FOLDER / "presets").iterdir())


def preset_text(preset: str) -> str:
    """A preset as YAML.

    Raises:
        ConfigError: There is none of that name.
    """
    names = preset_names()
    if preset not in names:
        close = get_close_matches(preset, names, 1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"no preset '{preset}'", f"{hint}there are {', '.join(names)}")
    return (_FOLDER / "presets" / f"{preset}.yaml").read_text(encoding="utf-8")


def write_preset(
    path: Path, preset: str, documents: Sequence[str] = (), seed: str = "", model: str = "", *, experiment: bool = False
) -> None:
    """Writes a preset with sources and model filled in; without them, with those that it ships with.

    Args:
        path: The file to write.
        preset: Its name.
        documents: Sources of documents, relative to the working folder. In the file they are relative to it.
        seed: Source of the seed pairs, in the same way.
        model: Name of the base model, in the same way.
        experiment: Write an experiment, of which the preset is the shared settings.

    Raises:
        ConfigError: No such preset, or none for an experiment; or the file is there already, or cannot be written.
    """
    folder, text = path.parent, preset_text(preset)
    if experiment and "models" in yaml.safe_load(text):
        raise ConfigError(f"an experiment compares trainings, and the preset '{preset}' trains nothing", "take another")
    sources = [path_from(entry, folder) for entry in documents]
    values = {
        "documents": sources[0] if len(sources) == 1 else sources,
        "source": path_from(seed, folder, or_on_hub=True),
        "name": path_from(model, folder, or_on_hub=True),
    }
    for setting, value in values.items():
        if value:
            line = f"{setting}: {in_yaml(value)}".replace("\\", r"\\")
            text = re.sub(rf"(?<=^ )( +){setting}: [^\s#]+", rf"\g<1>{line}", text, count=1, flags=re.MULTILINE)
    if experiment:
        arms = (_FOLDER / "grid.yaml").read_text(encoding="utf-8")
        text = f"settings:                       # of all arms\n{indent(text, '  ')}{arms}"
    write_new(path, _HEAD.format(command="experiment" if experiment else "run", path=path) + text)


def write_all(path: Path, *, experiment: bool = False) -> None:
    """Writes every setting with its default and its meaning, of a run or of an experiment with two arms.

    Raises:
        ConfigError: The file is there already, or cannot be written.
    """
    settings = ExperimentSettings(arms=_ARMS, sizes=(100,)) if experiment else Config()
    head = _HEAD_OF_ALL.format(command="experiment" if experiment else "run", path=path)
    write_new(path, head + _commented(settings, 0))


def write_prompts(folder: Path) -> None:
    """Writes the built-in prompts to a folder that is not there yet.

    Raises:
        ConfigError: It is there, or cannot be written.
    """
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {folder} ({error.strerror})", "choose another name") from None
    for name in NAMES:
        write_new(folder / f"{name}.txt", built_in(name) + "\n")


def write_new(path: Path, text: str) -> None:
    """Writes a file that is not there yet.

    Raises:
        ConfigError: It is there, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already", "choose another name, or delete it first") from None
    except OSError as error:
        raise ConfigError(f"cannot write {path} ({error.strerror})", "choose another place") from None


def in_yaml(value: object) -> str:
    """A value as YAML in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).strip().removesuffix("\n...")


def _commented(settings: Settings, depth: int) -> str:
    margin = "  " * depth
    lines = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            meaning = field.description or (type(value).__doc__ or "").strip()
            lines.append(("\n" if depth == 0 else "") + _comment(meaning, margin) + f"{margin}{name}:\n")
            lines.append(_commented(value, depth + 1))
        elif name == "arms":
            lines.append(_comment(field.description or "", margin) + f"{margin}{name}:\n")
            for arm, arm_settings in value.items():
                lines.append(f"{margin}  {arm}:\n" + _commented(arm_settings, depth + 2))
        else:
            plain = list(value) if isinstance(value, tuple) else value
            lines.append(_comment(field.description or "", margin) + f"{margin}{name}: {in_yaml(plain)}\n")
    return "".join(lines)


def _comment(text: str, margin: str) -> str:
    return "".join(f"{margin}# {line.strip()}\n" for line in text.splitlines() if line.strip())
