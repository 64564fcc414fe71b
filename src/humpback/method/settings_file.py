"""Configuration files: reading them, and changes from the command line.

All mistakes of a file are reported at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache, reduce
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from humpback.config import Config, Settings
from humpback.config.mistakes import mistakes, without_mistakes
from humpback.errors import ConfigError, StoreError
from humpback.method.auto import resolve_auto
from humpback.runs.store import Run

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
        data, repeated = _read_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {' '.join(str(error).split())}", "correct the file") from None
    if data is not None and not isinstance(data, dict):
        raise ConfigError(f"{source} holds no settings", "write 'name: value' lines, or run 'humpback init'")
    if problems := [*repeated, *mistakes(data or {}, kind, folder)]:
        raise ConfigError(f"{source}: {'; '.join(problems)}", "see 'humpback init --all' for every setting")
    return kind.model_validate(data or {}, context=folder)


def load_config(run: Run) -> Config:
    """Reads the configuration that a run folder keeps: its paths as they are written.

    What another version wrote there and this one does not know is left out.

    Raises:
        StoreError: The file is not there, or is damaged.
    """
    try:
        settings = _read_yaml(run.saved_config())[0]
        return Config.model_validate(without_mistakes(settings, Config))
    except (yaml.YAMLError, ValidationError, TypeError):
        raise StoreError(f"{run.config_path} is damaged", "write it again with 'humpback run'") from None


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


def read_config(name: str, changes: list[str], groups: Mapping[str, Any] = MappingProxyType({})) -> Config:
    """Reads a configuration file, or a shipped one by 'package:NAME', with changes such as 'run.seed=3'.

    Before these come whole groups of settings, as `with_groups` takes them.

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
    config = with_changes(with_groups(config, groups), changes)
    refuse_unnamed(config, name)
    return resolve_auto(config)


def with_decisions(config: Config, run: Run) -> Config:
    """The settings with the decisions in the run folder, unless they name others or nobody has decided anything."""
    if config.curate.decisions or not run.decisions_path.is_dir():
        return config
    changed = config.curate.model_copy(update={"decisions": str(run.decisions_path)})
    return config.model_copy(update={"curate": changed})


def refuse_unnamed(config: Config, source: str, *, documents: bool = True) -> None:
    """Refuses settings that do not say what to make data of: nothing stands in for a user's own.

    Args:
        config: The settings of a run.
        source: What to call them in messages.
        documents: Whether documents are read.

    Raises:
        ConfigError: There are no documents, or there is no seed.
    """
    missing = {
        "corpus.documents (files, folders or URLs)": documents and not config.corpus.documents,
        "seed.source (a table of instructions and responses)": not config.seed.source,
    }
    if names := [name for name, is_missing in missing.items() if is_missing]:
        raise ConfigError(f"{source} does not name {' and '.join(names)}",
                          "give a name for each, or see the demo with 'humpback run package:demo'")  # fmt: skip


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
            group[last], repeated = _read_yaml(value)
        except yaml.YAMLError:
            group[last], repeated = value, []
        if repeated:
            raise ConfigError(f"--set {name}: {'; '.join(repeated)}", "give each name once")
    return parse_settings(yaml.safe_dump(data, sort_keys=False), "--set", type(config), Path())


def in_full(config: S) -> S:
    """The same settings with paths that hold in every folder: a run keeps them, and its file may be run from anywhere.

    Raises:
        ConfigError: A setting that was changed in Python is not right.
    """
    return parse_settings(resolved(config), "the settings", type(config), Path.cwd())


def with_groups(config: S, *changes: Mapping[str, Any]) -> S:
    """A configuration, or any settings, with groups of them changed: what the groups do not name stays as it was.

    Args:
        config: What to start from.
        changes: Groups by name, such as {'curate': {'scorer': 'rating'}}, each a mapping or an object of
            `humpback.config`; later changes count.

    Raises:
        ConfigError: Naming every mistake at once.
    """
    merged = reduce(_merge, changes, config.model_dump(mode="json", exclude_unset=True))
    plain = json.loads(json.dumps(merged, default=str))
    return parse_settings(yaml.safe_dump(plain, sort_keys=False), "the settings", type(config))


def _merge(earlier: Any, later: Any) -> Any:
    earlier, later = (
        value.model_dump(mode="json", exclude_unset=True) if isinstance(value, Settings) else value
        for value in (earlier, later)
    )
    if not (isinstance(earlier, Mapping) and isinstance(later, Mapping)):
        return later
    return {**earlier, **{name: _merge(earlier.get(name), value) for name, value in later.items()}}


def resolved(config: Settings) -> str:
    """Settings in full, as YAML: what a run folder keeps."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    """Remembers the names that stand twice in one mapping: YAML forbids that, and PyYAML takes the last one."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here and not where values are made: there merged mappings have been put into the node.
        node = super().compose_mapping_node(anchor)
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            line, name = key.start_mark.line + 1, str(key.value)
            if name in lines:
                self.repeated.append(f"{name} stands on line {lines[name]} and again on line {line}")
            lines.setdefault(name, line)
        return node


def _read_yaml(text: str) -> tuple[Any, list[str]]:
    """The content of a YAML text, and what is named twice in it."""
    return deepcopy(_read_once(text))


@lru_cache(maxsize=8)
def _read_once(text: str) -> tuple[Any, list[str]]:
    loader = _Loader(text)
    try:
        return loader.get_single_data(), loader.repeated
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise yaml.YAMLError(f"a value cannot be read: {error}") from None  # '2024-99-99', '!!int a', [[[[...
    finally:
        loader.dispose()
