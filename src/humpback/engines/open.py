"""Opens the engine that the settings name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from humpback import models
from humpback.config import EngineSpec, ModelSettings
from humpback.engines.base import Engine
from humpback.errors import ConfigError

Opener = Callable[[Path, str, ModelSettings], Engine]
"""The function `open_model` of an engine's module: takes the model's folder, its identity, and the settings."""


@contextmanager
def open_engine(settings: ModelSettings, path: Path | None = None, identity: str = "") -> Iterator[Engine]:
    """An engine for one model, closed at the end.

    Args:
        settings: Which engine, and its bounds.
        path: Model folder. Without it, the model that the settings name is resolved. A server's model has none.
        identity: What to call the model in records. A server's model is called after the server.

    Raises:
        ConfigError: The key for a server is not where the settings say, or the engine's library is not installed.
        EngineError: A server does not answer.
        ModelError: The model cannot be used.
    """
    open_model = _opener(settings.engine_spec)
    if path is None and settings.engine_spec.needs_files:
        folder = models.resolve(settings)
        path, identity = folder.path, folder.identity
    engine = open_model(path or Path(), identity, settings)
    try:
        yield engine
    finally:
        engine.close()


def _opener(spec: EngineSpec) -> Opener:
    """Imports the engine's module, which alone imports its libraries.

    Raises:
        ConfigError: A library that comes with an extra is not installed, or does not fit the others.
    """
    for name, value in spec.environment.items():
        os.environ.setdefault(name, value)
    try:
        opener: Opener = import_module(f"humpback.engines.{spec.name}").open_model
    except (ImportError, RuntimeError) as error:  # a wheel that does not fit the PyTorch at hand is a RuntimeError
        if not spec.extra:
            raise
        raise ConfigError(
            f"model.engine is {spec.name}, which cannot be imported ({str(error).partition(chr(10))[0]})",
            f"pip install 'humpback-align[{spec.extra}]', or set model.engine to transformers",
        ) from None
    return opener
