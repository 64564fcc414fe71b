"""What both the report and the cards say of stages and models. Losses are in nats per target token."""

from __future__ import annotations

from dataclasses import dataclass

from humpback.records import Direction


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many records one reason took."""

    reason: str
    count: int
    chars: int = 0
    """Characters of the pieces or segments among them; 0 where they are none, or an earlier version counted them."""


@dataclass(frozen=True, slots=True)
class StageFacts:
    """What one stage read, kept and dropped."""

    name: str
    records_in: int
    records_out: int
    seconds: float
    dropped: tuple[ReasonCount, ...] = ()
    tokens_read: int = 0
    tokens_written: int = 0
    chars_out: int = 0
    """Characters of the segments kept; 0 like those of a reason."""
    files: str = ""
    """How many files it read and passed over, in words; empty where it reads none."""

    @property
    def chars_in(self) -> int:
        """Characters of the pieces or segments that were kept or dropped."""
        return self.chars_out + sum(item.chars for item in self.dropped)

    @property
    def dropped_total(self) -> int:
        """Records dropped, all reasons together."""
        return sum(item.count for item in self.dropped)


@dataclass(frozen=True, slots=True)
class Difference:
    """A model's loss minus another's on the same pairs, with a paired bootstrap over the pairs. Below 0 is better."""

    against: str
    """Stage name of the other model, or 'base'."""
    difference: float
    standard_error: float
    low: float
    """Lower end of the 95 % interval."""
    high: float
    pairs: int


@dataclass(frozen=True, slots=True)
class LossSummary:
    """How one model predicts the held-out pairs, and how that differs from every model before it."""

    model: str
    """Stage name, or 'base'."""
    direction: Direction
    pairs: int
    tokens: int
    nats_per_token: float
    """Sum of nats over sum of target tokens, all pairs together; not a number where the model gives none."""
    differences: tuple[Difference, ...] = ()

    @property
    def from_base(self) -> Difference | None:
        """How it differs from the base; None for the base itself."""
        return next((item for item in self.differences if item.against == "base"), None)
