"""Configuration files: reading them, and changes from the command line.

All mistakes of a file are reported at once.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from humpback.config import Config, Settings
from humpback.config.mistakes import mistakes
from humpback.errors import ConfigError
from humpback.method.auto import resolve_auto

S = TypeVar("S", bound=Settings)
_SHIPPED = ("demo",)


def parse_config(text: str, source: str) -> Config:
    """Reads a configuration from YAML.

    Args:
        text: The YAML text.
        source: What to call it in messages.

    Raises:
        ConfigError: Naming every mistake at once.
    """
    return parse_settings(text, source, Config)


def parse_settings(text: str, source: str, kind: type[S], folder: Path | None = None) -> S:
    """Reads any settings from YAML.

    Args:
        text: The YAML text.
        source: What to call it in messages.
        kind: The settings.
        folder: What paths are relative to; without one they stay as they are written, '~' and variables too.

    Raises:
        ConfigError: Naming every mistake at once.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {' '.join(str(error).split())}", "correct the file") from None
    if data is not None and not isinstance(data, dict):
        raise ConfigError(f"{source} holds no settings", "write 'name: value' lines, or run 'humpback init'")
    try:
        return kind.model_validate(data or {}, context=folder)
    except ValidationError as error:
        raise ConfigError(f"{source}: {mistakes(error, kind)}", "see 'humpback init --all' for every setting") from None


def load_config(path: Path) -> Config:
    """Reads the configuration that a run folder keeps: its paths as they are written.

    Raises:
        ConfigError: The file is not there, or naming every mistake in it.
    """
    return load_settings(path, Config)


def load_settings(path: Path, kind: type[S], folder: Path | None = None) -> S:
    """Reads a file of any settings; `folder` is what its paths are relative to, see `parse_settings`.

    Raises:
        ConfigError: The file is not there, or naming every mistake in it.
    """
    try:
        return parse_settings(path.read_text(encoding="utf-8"), str(path), kind, folder)
    except FileNotFoundError:
        kind_option = "" if kind is Config else " --experiment"
        raise ConfigError(f"no file {path}", f"write one with 'humpback init {path}{kind_option}'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path} ({error})", "check the file") from None


def read_config(name: str, changes: list[str]) -> Config:
    """Reads a configuration file, or a shipped one by 'package:NAME', with changes such as 'run.seed=3'.

    Paths in a file are relative to it, in a change to the working folder. Settings that the user leaves to the base
    model (`auto`) are resolved.

    Raises:
        ConfigError: The file or a change is not right.
    """
    if name.startswith("package:"):
        key = name.removeprefix("package:")
        if key not in _SHIPPED:
            raise ConfigError(f"no configuration '{key}' is shipped", f"there is {', '.join(_SHIPPED)}")
        config = parse_config((resources.files("humpback.demo") / f"{key}.yaml").read_text(encoding="utf-8"), name)
    else:
        config = load_settings(Path(name), Config, Path(name).parent)
    return resolve_auto(with_changes(config, changes))


def with_changes(config: S, changes: list[str]) -> S:
    """A configuration, or any settings, with single ones changed.

    Args:
        config: What to start from.
        changes: 'dotted.name=value', the value in YAML.

    Raises:
        ConfigError: A change is not of that form, or its value is not right.
    """
    if not changes:
        return config
    data = config.model_dump(mode="json", exclude_unset=True)
    for change in changes:
        name, equals_sign, value = change.partition("=")
        if not equals_sign:
            raise ConfigError(f"--set {change} has no value", "write --set NAME=VALUE, such as run.seed=3")
        *path, last = name.strip().split(".")
        group: dict[str, Any] = data
        for step in path:
            group = group.setdefault(step, {})
            if not isinstance(group, dict):
                raise ConfigError(f"--set {name}: {step} has no settings below it", "see 'humpback init --all'")
        try:
            group[last] = yaml.safe_load(value)
        except yaml.YAMLError:
            group[last] = value
    return parse_settings(yaml.safe_dump(data, sort_keys=False), "--set", type(config), Path())


def in_full(config: S) -> S:
    """The same settings with paths that hold in every folder: a run keeps them, and its file may be run from anywhere.

    Raises:
        ConfigError: A setting that was changed in Python is not right.
    """
    return parse_settings(resolved(config), "the settings", type(config), Path.cwd())


def resolved(config: Settings) -> str:
    """Settings in full, as YAML: what a run folder keeps."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
