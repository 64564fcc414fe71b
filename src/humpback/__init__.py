"""Documents in, instruction-following models out: self-alignment by instruction backtranslation (Li et al. 2023).

    segment finetune instruct rate select evaluate   each stage by itself, on rows in memory or on files
    run open_run                                     a whole run, and its results
    Records RunFolder                                what they give back
    Config                                           all settings
    HumpbackError                                    the mistakes that a caller can correct (`humpback.errors`)

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from humpback.errors import HumpbackError

if TYPE_CHECKING:
    from humpback.api.records import Records
    from humpback.api.runs import RunFolder, open_run, run
    from humpback.api.stages import evaluate, finetune, instruct, rate, segment, select
    from humpback.config import Config

__version__ = "0.1.0"
__all__ = [
    "Config",
    "HumpbackError",
    "Records",
    "RunFolder",
    "evaluate",
    "finetune",
    "instruct",
    "open_run",
    "rate",
    "run",
    "segment",
    "select",
]

_MODULES = {
    **dict.fromkeys(("evaluate", "finetune", "instruct", "rate", "segment", "select"), "humpback.api.stages"),
    **dict.fromkeys(("RunFolder", "open_run", "run"), "humpback.api.runs"),
    **{"Config": "humpback.config", "Records": "humpback.api.records"},
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
