"""Limits and prices of servers, from the table that comes along (`servers.yaml`) and the user's own."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from humpback.config import ModelSettings
from humpback.config.base import Positive, Settings
from humpback.config.mistakes import mistakes
from humpback.errors import ConfigError


class _Entry(Settings):
    address: str
    model: str = "*"
    source: str = ""
    api_key_env: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    concurrency: Positive | None = None
    requests_per_minute: Annotated[int, Field(ge=0)] | None = None
    price_read: Annotated[float, Field(ge=0)] | None = None
    price_written: Annotated[float, Field(ge=0)] | None = None


class _Table(Settings):
    servers: tuple[_Entry, ...] = ()


def with_table(settings: ModelSettings) -> ModelSettings:
    """The settings with what the tables say of the server, where the settings themselves say nothing.

    The variable of a key is only taken where it is set, as nobody has asked for it.

    Raises:
        ConfigError: The user's table has a mistake.
    """
    address = settings.server.addresses[0].partition("://")[2]
    facts: dict[str, object] = {}
    for entry in _entries():
        if fnmatchcase(address, entry.address) and fnmatchcase(settings.name, entry.model):
            given = entry.model_dump(exclude={"address", "model", "source"}, exclude_none=True)
            if given.get("api_key_env", "") not in os.environ:
                given.pop("api_key_env", None)
            facts = given | facts
    changes = {name: value for name, value in facts.items() if name not in settings.server.model_fields_set}
    return settings.model_copy(update={"server": settings.server.model_copy(update=changes)})


def _entries() -> tuple[_Entry, ...]:
    own = Path(os.environ.get("HUMPBACK_SERVERS") or Path.home() / ".config" / "humpback" / "servers.yaml")
    shipped = _read(files("humpback.engines").joinpath("servers.yaml").read_text(encoding="utf-8"), "servers.yaml")
    try:
        return (*_read(own.read_text(encoding="utf-8"), str(own)), *shipped)
    except FileNotFoundError:
        if "HUMPBACK_SERVERS" in os.environ:
            raise ConfigError(f"{own}, which HUMPBACK_SERVERS names, is not there", "correct the path") from None
        return shipped


def _read(text: str, name: str) -> tuple[_Entry, ...]:
    try:
        table = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name} is not YAML: {' '.join(str(error).split())}", "correct the file") from None
    if not isinstance(table, dict):
        raise ConfigError(f"{name} holds no table", "write 'servers:' and entries below it, as docs/engines.md shows")
    if found := mistakes(table, _Table):
        raise ConfigError(f"{name}: {'; '.join(found)}", "docs/engines.md shows what an entry can hold")
    return _Table.model_validate(table).servers
