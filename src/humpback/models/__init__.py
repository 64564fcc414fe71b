"""Models on this machine: where one comes from, how large it is, and how a conversation becomes its tokens."""

from humpback.config.paths import cache_folder
from humpback.models.sources import (
    Licence,
    ModelFolder,
    check,
    hub_folder,
    identify,
    is_hub_id,
    licence,
    resolve,
)

__all__ = [
    "Licence",
    "ModelFolder",
    "cache_folder",
    "check",
    "hub_folder",
    "identify",
    "is_hub_id",
    "licence",
    "resolve",
]
