"""Limits and prices of servers, from the table that comes along (`servers.yaml`) and the user's own."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field

from humpback.config import ModelSettings
from humpback.config.base import Positive, Settings
from humpback.config.mistakes import mistakes
from humpback.errors import ConfigError

_SHIPPED = Path(__file__).with_name("servers.yaml")


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

    Raises:
        ConfigError: The user's table has a mistake.
    """
    path_setting = os.environ.get("HUMPBACK_SERVERS")
    user_table = Path(path_setting or Path.home() / ".config" / "humpback" / "servers.yaml")
    address, facts = settings.server.addresses[0].partition("://")[2], dict[str, object]()
    for entry in (*(_read(user_table) if path_setting or user_table.exists() else ()), *_read(_SHIPPED)):
        if fnmatchcase(address, entry.address) and fnmatchcase(settings.name, entry.model):
            values = entry.model_dump(exclude={"address", "model", "source"}, exclude_none=True)
            # Nobody has asked for a key that is not set.
            facts = {n: v for n, v in values.items() if n != "api_key_env" or v in os.environ} | facts
    changes = {name: value for name, value in facts.items() if name not in settings.server.model_fields_set}
    return settings.model_copy(update={"server": settings.server.model_copy(update=changes)})


def _read(path: Path) -> tuple[_Entry, ...]:
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read ({' '.join(str(error).split())})", "correct the table") from None
    problems = mistakes(table, _Table) if isinstance(table, dict) else ["it holds no 'servers:' with entries below it"]
    if problems:
        raise ConfigError(f"{path}: {'; '.join(problems)}", "docs/engines.md shows what an entry can hold")
    return _Table.model_validate(table).servers
