"""Evaluation prompts that neither seed nor segments may hold, as the stages use them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from humpback.config import Config, DecontaminateSettings
from humpback.config.flat import flat_settings

if TYPE_CHECKING:
    from humpback.text.contamination import Contamination


@lru_cache(maxsize=1)
def contamination(settings: DecontaminateSettings) -> Contamination | None:
    """The evaluation prompts that nothing may hold; read once in each process."""
    from humpback.text.contamination import read_contamination

    return read_contamination(settings) if settings.against else None


def contamination_settings(config: Config) -> dict[str, Any]:
    """What decides which texts hold an evaluation prompt; nothing where none is named."""
    if not config.decontaminate.against:
        return {}
    from humpback.text.contamination import prompts_digest

    settings = flat_settings(config, "decontaminate")
    settings |= {"decontaminate.content": prompts_digest(config.decontaminate)}
    settings.pop("decontaminate.against")
    return settings
