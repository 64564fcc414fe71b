"""Settings as a flat mapping, by the names that users write."""

from __future__ import annotations

from typing import Any

from humpback.config.base import Settings


def flat_settings(settings: Settings, *names: str) -> dict[str, Any]:
    """The settings under the given names, flat: {'augment.temperature': 0.7, ...}.

    Args:
        settings: Any group of settings, such as a whole `Config`.
        names: Settings or groups of them, such as 'augment' or 'run.seed'.
    """
    flat: dict[str, Any] = {}
    for name in names:
        value: Any = settings
        for step in name.split("."):
            value = getattr(value, step)
        flat |= _flat(name, value)
    return flat


def _flat(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Settings):
        return {name: value}
    flat: dict[str, Any] = {}
    for key in type(value).model_fields:
        flat |= _flat(f"{name}.{key}", getattr(value, key))
    return flat
