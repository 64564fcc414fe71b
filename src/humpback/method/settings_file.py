"""Configuration files: reading them, the commented one that `init` writes, and changes from the command line.

All mistakes of a file are reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from humpback.config import Config, Settings
from humpback.errors import ConfigError
from humpback.method.auto import resolve_auto

S = TypeVar("S", bound=Settings)
_HEAD = (
    "# Settings of one humpback run. Every setting is here with its default: delete what you do not change.\n"
    "# Carry it out with: humpback run {name}\n"
)
_SHIPPED = ("demo",)


def write_commented(path: Path) -> None:
    """Writes every setting with its default and its meaning.

    Raises:
        ConfigError: The file is there already, or cannot be written.
    """
    if path.exists():
        raise ConfigError(f"{path} is there already", "choose another name, or delete it first")
    try:
        path.write_text(_HEAD.format(name=path) + _commented(Config(), 0), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path} ({error.strerror})", "choose another place") from None


def parse_config(text: str, source: str) -> Config:
    """Reads a configuration from YAML.

    Args:
        text: The YAML text.
        source: What to call it in messages.

    Raises:
        ConfigError: Naming every mistake at once.
    """
    return parse_settings(text, source, Config)


def parse_settings(text: str, source: str, kind: type[S]) -> S:
    """Reads any settings from YAML.

    Raises:
        ConfigError: Naming every mistake at once.
    """
    try:
        data, repeated = _read_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {' '.join(str(error).split())}", "correct the file") from None
    if data is not None and not isinstance(data, dict):
        raise ConfigError(f"{source} holds no settings", "write 'name: value' lines, or run 'humpback init'")
    mistakes = [*repeated, *_mistakes(data or {}, kind)]
    if mistakes:
        raise ConfigError(f"{source}: {'; '.join(mistakes)}", "see 'humpback init' for every setting")
    return kind.model_validate(data or {})


def load_config(path: Path) -> Config:
    """Reads a configuration file.

    Raises:
        ConfigError: The file is not there, or naming every mistake in it.
    """
    return load_settings(path, Config)


def load_settings(path: Path, kind: type[S]) -> S:
    """Reads a file of any settings.

    Raises:
        ConfigError: The file is not there, or naming every mistake in it.
    """
    try:
        return parse_settings(path.read_text(encoding="utf-8"), str(path), kind)
    except FileNotFoundError:
        raise ConfigError(f"no file {path}", f"write one with 'humpback init {path}'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path} ({error})", "check the file") from None


def read_config(name: str, changes: list[str]) -> Config:
    """Reads a configuration file, or a shipped one by 'package:NAME', with changes such as 'run.seed=3'.

    Settings that the user leaves to the base model (`auto`) are resolved.

    Raises:
        ConfigError: The file or a change is not right.
    """
    if name.startswith("package:"):
        key = name.removeprefix("package:")
        if key not in _SHIPPED:
            raise ConfigError(f"no configuration '{key}' is shipped", f"there is {', '.join(_SHIPPED)}")
        config = parse_config((resources.files("humpback.demo") / f"{key}.yaml").read_text(encoding="utf-8"), name)
    else:
        config = load_config(Path(name))
    config = with_changes(config, changes)
    refuse_unnamed(config, name)
    return resolve_auto(config)


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
                raise ConfigError(f"--set {name}: {step} has no settings below it", "see 'humpback init'")
        try:
            group[last], repeated = _read_yaml(value)
        except yaml.YAMLError:
            group[last], repeated = value, []
        if repeated:
            raise ConfigError(f"--set {name}: {'; '.join(repeated)}", "give each name once")
    return parse_settings(yaml.safe_dump(data, sort_keys=False), "--set", type(config))


def resolved(config: Settings) -> str:
    """Settings in full, as YAML: what a run folder keeps."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _commented(settings: Settings, depth: int) -> str:
    indent = "  " * depth
    lines = []
    for name, info in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            meaning = info.description or (type(value).__doc__ or "").strip()
            lines.append(("\n" if depth == 0 else "") + _comment(meaning, indent) + f"{indent}{name}:\n")
            lines.append(_commented(value, depth + 1))
        else:
            written = yaml.safe_dump(_plain(value), default_flow_style=True, width=10_000).strip().removesuffix("\n...")
            lines.append(_comment(info.description or "", indent) + f"{indent}{name}: {written}\n")
    return "".join(lines)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _comment(text: str, indent: str) -> str:
    return "".join(f"{indent}# {line.strip()}\n" for line in text.splitlines() if line.strip())


def _mistakes(data: dict[str, Any], kind: type[Settings]) -> list[str]:
    """Every mistake, those too that validation finds only once the others are out of the way."""
    data = deepcopy(data)
    lines: dict[str, None] = {}
    taken_out: set[str] = set()
    while True:
        try:
            kind.model_validate(data)
        except ValidationError as error:
            mistakes = {_in_words(item): item["loc"] for item in error.errors()}
        else:
            break
        # Where a mistake was taken out, its default stands, and what that contradicts is no mistake of the user.
        lines |= {line: None for line in mistakes if not taken_out.intersection(re.findall(r"\w+", line))}
        removed = {_take_out(data, location) for location in mistakes.values()} - {""}
        if not removed:
            break
        taken_out |= removed
    return list(lines)


def _in_words(mistake: ErrorDetails) -> str:
    setting = ".".join(
        str(step) for step in mistake["loc"] if step not in ("literal['paper']", "literal['all']", "constrained-int")
    )
    text = "is not a setting" if mistake["type"] == "extra_forbidden" else mistake["msg"].removeprefix("Value error, ")
    return f"{setting} {text[0].lower() + text[1:]}" if setting else text


def _take_out(data: dict[str, Any], location: Sequence[int | str]) -> str:
    """Takes the setting at a place out, and gives its name; empty where there is none."""
    group: dict[str, Any] = {}
    name, value = "", data
    for step in location:
        if not isinstance(value, dict) or step not in value:
            break
        group, name, value = value, str(step), value[step]
    if name not in group:
        return ""
    del group[name]
    return name


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
    loader = _Loader(text)
    try:
        return loader.get_single_data(), loader.repeated
    finally:
        loader.dispose()
