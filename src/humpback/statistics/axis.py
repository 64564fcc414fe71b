"""Axes of figures: from values to positions on a page, and which round values to write beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis. For a logarithmic one give it logarithms."""

    low: float
    high: float
    start: float
    """Position of `low`, in the units of the page."""
    end: float
    """Position of `high`; less than `start` where larger values are further left or further up."""

    def at(self, value: float) -> float:
        """The position of a value."""
        return self.start + (self.end - self.start) * (value - self.low) / (self.high - self.low)

    def ticks(self, most: int) -> list[float]:
        """Round values on the axis: multiples of 1, 2 or 5 times a power of ten, in at most so many steps."""
        span = self.high - self.low
        power = 10.0 ** math.floor(math.log10(span / most))
        # The tolerance keeps a tick that rounding puts just outside the axis, such as 3 * 0.1.
        step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= most + 1e-9)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]
