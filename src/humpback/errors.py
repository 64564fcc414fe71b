"""The error tree. What a user can mend is a `HumpbackError`; anything else that escapes is a bug and shows a traceback.

    HumpbackError            one line: what, where, the mend; the command line exits with 2
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


class HumpbackError(Exception):
    """A mistake that the user can mend.

    Args:
        what: What is wrong and where, in one clause without a full stop.
        mend: What to do about it, in one clause.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        self.what = what
        self.mend = mend
        super().__init__(f"{what}: {mend}" if mend else what)


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
        mend: A hint.
        retryable: Whether the same call may succeed later.
    """

    def __init__(self, what: str, mend: str = "", *, retryable: bool = False) -> None:
        super().__init__(what, mend)
        self.retryable = retryable


class UnsupportedError(EngineError):
    """An engine works, and can never do what is asked of it."""
