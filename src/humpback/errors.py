"""The error tree. What a user can correct is a `HumpbackError`; anything else is a bug and shows a traceback.

    HumpbackError            one line: what, where, a hint; the command line exits with 2
    ├── ConfigError          a setting is missing, unknown or contradictory
    ├── InputError           documents, seed or another file of the user cannot be used
    ├── ModelError           a model is not there, not reachable, not causal, or not what was promised
    ├── StoreError           the run folder: locked, stale, damaged, disk full
    ├── StageError           a stage ran and its result cannot be used (nothing left, too many failures)
    └── EngineError          an engine is broken; `retryable` says whether another try may help
        └── UnsupportedError an engine works, and cannot do what is asked of it

Imports nothing of ours.
"""

from __future__ import annotations

import re

_STEERING = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff]"
)
"""What steers a terminal or turns text around: control and bidi marks, other line ends, halves of surrogate pairs."""


class HumpbackError(Exception):
    """A mistake that the user can correct.

    Args:
        what: What is wrong and where, in one clause without a full stop.
        hint: What to do about it, in one clause.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        self.what = what
        self.hint = hint
        super().__init__(f"{what}: {hint}" if hint else what)


class ConfigError(HumpbackError):
    """A setting is missing, unknown or contradictory."""


class InputError(HumpbackError):
    """A file or a folder of the user cannot be used."""


class ModelError(HumpbackError):
    """A model is not there, not reachable, or not a causal language model."""


class StoreError(HumpbackError):
    """The run folder cannot be used as it is."""


class StageError(HumpbackError):
    """A stage ran, and its result cannot be used."""


class EngineError(HumpbackError):
    """An engine is broken: no request can be answered.

    Args:
        what: What is wrong.
        hint: A hint.
        retryable: Whether the same call may succeed later.
    """

    def __init__(self, what: str, hint: str = "", *, retryable: bool = False) -> None:
        super().__init__(what, hint)
        self.retryable = retryable


class UnsupportedError(EngineError):
    """An engine works, and can never do what is asked of it."""


def in_one_line(error: Exception) -> str:
    """An error as one line: what a user can correct as it is, a bug with its kind."""
    text = str(error) if isinstance(error, HumpbackError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def harmless(text: str) -> str:
    """A text of strangers that can be shown anywhere: what steers a terminal is written as an escape of JSON."""
    return _STEERING.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)
