"""Opens the engine that the settings name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from humpback import models
from humpback.config import ModelSettings
from humpback.engines.base import Engine
from humpback.errors import ConfigError


@contextmanager
def open_engine(settings: ModelSettings, path: Path | None = None, identity: str = "") -> Iterator[Engine]:
    """An engine for one model, closed at the end.

    Args:
        settings: Which engine, and its bounds.
        path: Model folder; else the model that the settings name is made ready. A server's model has none.
        identity: What to call the model in records. A server's model is called after the server.

    Raises:
        ConfigError: The key for a server is not where the settings say, or vLLM is not installed.
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
        if path is None:
            folder = models.resolve(settings)
            path, identity = folder.path, folder.identity
        engine = _vllm(path, identity, settings) if settings.engine == "vllm" else _here(path, identity, settings)
    try:
        yield engine
    finally:
        engine.close()


def _here(path: Path, identity: str, settings: ModelSettings) -> Engine:
    from humpback.engines.transformers import TransformersEngine

    return TransformersEngine(path, identity, settings)


_VLLM = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    # A fork of a process in which Arrow and PyTorch have threads can hang.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}
"""What vLLM finds in the environment, unless the user has set it: quiet, and nothing sent to its makers."""


def _vllm(path: Path, identity: str, settings: ModelSettings) -> Engine:
    for name, value in _VLLM.items():
        os.environ.setdefault(name, value)
    try:
        from humpback.engines.vllm import VllmEngine
    except (ImportError, RuntimeError) as error:  # a wheel that does not fit the PyTorch at hand is a RuntimeError
        raise ConfigError(
            f"model.engine is vllm, which cannot be imported ({str(error).partition(chr(10))[0]})",
            "pip install 'humpback-align[vllm]', or set model.engine to transformers",
        ) from None
    return VllmEngine(path, identity, settings)


def account(engine: Engine) -> str:
    """What the answers of a server took; empty where a model is on this machine, whose time is all it takes."""
    return str(getattr(engine, "spent", ""))
