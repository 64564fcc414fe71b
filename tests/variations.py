"""Settings, varied one at a time: for tests that ask what each of them changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import ValidationError

from humpback.config import Config, Settings
from humpback.config.flat import flat_settings

_VALUES = (1, 2, 0, 0.5, 0.25, 2.0, True, False, "another", ["another"], {"another": 1}, {"random": 1, "length": 3})


def names(config: Config) -> list[str]:
    """Every single setting, such as 'curate.select.top_n'."""
    return list(flat_settings(config, *type(config).model_fields))


def varied(config: Config, name: str, values: Mapping[str, Any]) -> Iterator[Config]:
    """The configuration with one setting changed, for each other value of it that is tried and valid.

    Args:
        config: What to start from.
        name: The setting.
        values: For settings that only some values fit, one other value, by name.
    """
    before = _value(config, name)
    for value in [values[name]] if name in values else [*_choices(config, name), *_VALUES]:
        data = config.model_dump(mode="json", exclude_unset=True)
        group = data
        *path, last = name.split(".")
        for step in path:
            group = group.setdefault(step, {})
        group[last] = value
        try:
            changed = Config.model_validate(data)
        except ValidationError:
            continue
        if _value(changed, name) != before:
            yield changed


def _value(config: Config, name: str) -> Any:
    value: Any = config
    for step in name.split("."):
        value = getattr(value, step)
    return value


def _choices(config: Config, name: str) -> list[Any]:
    """The members of a Literal."""
    *path, last = name.split(".")
    group: Settings = config
    for step in path:
        group = getattr(group, step)
    return _literals(type(group).model_fields[last].annotation)


def _literals(annotation: Any) -> list[Any]:
    values: list[Any] = []
    for item in get_args(annotation):
        values += [item] if isinstance(item, str | int) else _literals(item)
    return values
