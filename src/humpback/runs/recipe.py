"""What a stage was made by, and what went through it: the two things its manifest says."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from humpback.records import content_id

_DIGEST = re.compile(r"[0-9a-f]{16,64}")
_LISTED = 5
"""Changes that a message lists."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What went through a shard or a stage."""

    read: int = 0
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    tokens_read: int = 0
    tokens_written: int = 0
    seconds: float = 0.0
    chars_kept: int = 0
    """Characters of the segments kept; 0 where a stage makes other records."""
    chars_dropped: Mapping[str, int] = field(default_factory=dict)
    """Characters of the pieces and segments dropped, by reason."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Counts:
        """The counts that a file holds; what a newer version counts besides is left out."""
        return cls(**{item.name: values[item.name] for item in fields(cls) if item.name in values})

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.read + other.read,
            self.kept + other.kept,
            dict(Counter(self.dropped) + Counter(other.dropped)),
            self.tokens_read + other.tokens_read,
            self.tokens_written + other.tokens_written,
            self.seconds + other.seconds,
            self.chars_kept + other.chars_kept,
            dict(Counter(self.chars_dropped) + Counter(other.chars_dropped)),
        )


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a stage's result. Its digest is the fingerprint.

    Attributes:
        stage: Name of the stage.
        version: Declared version of its code: raised when the same settings give another result.
        settings: Flat, by the user's names, such as 'augment.temperature'; texts and identities among them.
        upstream: Fingerprint of every stage it reads.
        origins: What digests among the settings are of, for messages: `Stage.origins`. Not in the fingerprint.
    """

    stage: str
    version: int
    settings: Mapping[str, Any]
    upstream: Mapping[str, str]
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """32 hex digits. A setting that is not given does not count, so that a new one makes no old work stale."""
        set_values = {key: value for key, value in self.settings.items() if value is not None}
        deciding = {**asdict(self), "settings": set_values}
        del deciding["origins"]
        return content_id(json.dumps(deciding, sort_keys=True, default=str))

    def changes_since(self, old: Mapping[str, Any]) -> list[str]:
        """Why this recipe is not the one recorded, in words."""
        if old.get("version") != self.version:
            return [f"the stage's version {old.get('version')} -> {self.version}"]
        before, now = old.get("settings", {}), json.loads(json.dumps(dict(self.settings), default=str))
        # A setting that both have says more than one that only another scorer or engine has.
        keys = sorted({*before, *now}, key=lambda key: (before.get(key) is None or now.get(key) is None, key))
        origins = old.get("origins", {})
        settings = [
            _change(key, before.get(key), now.get(key), origins.get(key, ""), self.origins.get(key, ""))
            for key in keys
            if before.get(key) != now.get(key)
        ]
        fed_before = old.get("upstream", {})
        fed = [n for n in {**fed_before, **self.upstream} if fed_before.get(n) != self.upstream.get(n)]
        return settings or [f"{name} changed" for name in fed] or ["its record is damaged"]


def in_words(changes: Sequence[str]) -> str:
    """Why a recipe is not the one recorded, in one clause that can be read."""
    unlisted = [f"{len(changes) - _LISTED} more"] if len(changes) > _LISTED else []
    return "; ".join([*changes[:_LISTED], *unlisted])


def _change(key: str, before: Any, now: Any, origin_before: str, origin: str) -> str:
    """A changed setting in words. A digest says nothing to people: in its place stands what it is of."""
    if origin_before and origin and origin_before != origin:
        return f"{origin_before} -> {origin.partition(' ')[2]}"
    if _is_digest(before) or _is_digest(now):
        return f"the content of {origin} changed" if origin else f"{key} changed"
    return f"{key} {_short(before)} -> {_short(now)}"


def _is_digest(value: Any) -> bool:
    texts = value if isinstance(value, list) and value else [value]
    return all(isinstance(text, str) and _DIGEST.fullmatch(text) for text in texts)


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
