"""What decides the result of a stage: its settings by the user's names, and what the files hold that they name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from humpback.config import Config, DecontaminateSettings, Settings

if TYPE_CHECKING:
    from humpback.text.contamination import Contamination


def chosen(config: Config, *names: str) -> dict[str, Any]:
    """The settings under the given names, flat: {'augment.temperature': 0.7, ...}."""
    flat: dict[str, Any] = {}
    for name in names:
        value: Any = config
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


@lru_cache(maxsize=1)
def contamination(settings: DecontaminateSettings) -> Contamination | None:
    """The evaluation prompts that nothing may hold; read once in each process."""
    from humpback.text.contamination import read_contamination

    return read_contamination(settings) if settings.against else None


def against(config: Config) -> dict[str, Any]:
    """What decides which texts hold an evaluation prompt; nothing where none is named."""
    if not config.decontaminate.against:
        return {}
    from humpback.text.contamination import prompts_digest

    settings = chosen(config, "decontaminate") | {"decontaminate.content": prompts_digest(config.decontaminate)}
    settings.pop("decontaminate.against")
    return settings
