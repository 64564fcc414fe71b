"""Opens the engine that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from humpback import models
from humpback.config import ModelSettings
from humpback.engines.base import Engine


@contextmanager
def open_engine(settings: ModelSettings, path: Path | None = None, identity: str = "") -> Iterator[Engine]:
    """An engine for one model, closed at the end.

    Args:
        settings: Which engine, and its bounds.
        path: Model folder; else the model that the settings name is made ready. A server's model has none.
        identity: What to call the model in records. A server's model is called after the server.

    Raises:
        ConfigError: The key for a server is not where the settings say.
        EngineError: A server does not answer.
        ModelError: The model cannot be used.
    """
    if settings.engine == "fake":
        from humpback.engines.fake import FakeEngine

        engine: Engine = FakeEngine(identity or "fake")
    elif settings.engine == "openai":
        from humpback.engines.openai import OpenAIEngine

        engine = OpenAIEngine(settings)
    else:
        from humpback.engines.transformers import TransformersEngine

        if path is None:
            folder = models.resolve(settings)
            path, identity = folder.path, folder.identity
        engine = TransformersEngine(path, identity, settings)
    try:
        yield engine
    finally:
        engine.close()


def account(engine: Engine) -> str:
    """What the answers of a server took; empty where a model is on this machine, whose time is all it takes."""
    return str(getattr(engine, "spent", ""))
