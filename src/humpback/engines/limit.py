"""How many requests a server is sent at a time, found out by sending them."""

from __future__ import annotations

_FIRST = 16
_MOST = 512
"""Half of the files that a process may usually have open."""

_ROUNDS = 2
"""A measurement is of so many answers for each request that may be under way; while the number doubles, of one. Those
of the first round after a change are left out: the server is still between the two numbers."""

_GAIN = 1.05
"""More requests at a time pay if the server then answers so much faster."""

_LOSS = 1.01
"""Fewer at a time do if it answers no slower than by this."""

_TOLERANCE = 32
"""One refusal is let pass for so many requests that may be under way."""

_STEP = 1.25
_PATIENCE = 8
"""Measurements between two tries of another number."""


class Limit:
    """How many requests may be under way at one server.

    The number doubles until the server answers no faster by that, or refuses one (status 429, 503, or no answer in
    time). A refusal takes it back to the last number without one, or halves it; then it climbs to just below. From time
    to time a little more is tried, and, where nothing was refused, a little less: sooner when answers get slower.

    Speed is the number under way divided by the mean time of an answer, so that it does not matter that answers come in
    bursts. Only answers count that were sent since the last change and while others waited.

    Args:
        fixed: The number, where it is not to be found out: then it is only ever less while the server refuses.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self._most = fixed or _MOST
        self.size = fixed or _FIRST
        """The number now, 1 or more."""
        self.changes = 0
        """Changes of the number so far. What was sent before the last one says nothing about it."""
        self._finds = self._doubles = fixed is None
        self._refuses = fixed is not None  # whether refusals say what the limit is, and not speed
        self._ceiling = self._most + 1  # the least number that was refused
        self._held = 0  # the last number without a refusal; 0 while the one after a refusal is not measured yet
        self._before = 0  # the number before the one that is tried now; 0 while none is tried
        self._answers = self._settling = self._refusals = self._measurements = 0
        self._seconds = self._speed = 0.0

    def answered(self, seconds: float, changes: int) -> None:
        """A request was answered while others waited: so many seconds after it was sent, when `changes` was this."""
        if changes != self.changes:
            return
        self._answers += 1
        if self._answers > self._settling:
            self._seconds += seconds
        rounds = 1 if self._doubles else _ROUNDS
        if self._answers >= (max(self.size, _FIRST) if self._refuses else self._settling + rounds * self.size):
            speed = rounds * self.size**2 / max(self._seconds, 1e-9)
            self._answers = self._settling = self._refusals = 0
            self._seconds = 0.0
            self._held = self.size
            if self._finds and self.size >= self._ceiling:  # it does not refuse any more: from here on by speed
                self._refuses, self._speed, self._ceiling = False, 0.0, self._most + 1
            elif self._refuses:
                self._climb()
            else:
                self._compare(speed)

    def refused(self, changes: int, *, holds: bool = False) -> None:
        """The server had no time for a request; where it `holds` it wants to be left alone for a while.

        Else a few refusals do no harm: they come of requests that are on their way.
        """
        if changes != self.changes:
            return
        self._refusals += 1
        if not holds and self._refusals <= self.size // _TOLERANCE:
            return
        if self._held or not self._refuses:
            self._ceiling = self.size
        half = self.size // 2
        back = self._held if half <= self._held < self.size else half
        self._set(self.size * 9 // 10 if self._held == self.size else back)
        self._refuses, self._doubles, self._held, self._before = True, False, 0, 0

    def _climb(self) -> None:
        """Towards the ceiling by quarters of the way; there, once in a while, one more."""
        if self.size >= self._ceiling:
            self._ceiling = self._most + 1
        if (gap := self._ceiling - 1 - self.size) > 0:
            self._set(self.size + max(1, gap // 4))
        elif self._is_due():
            self._set(self.size + 1)

    def _compare(self, speed: float) -> None:
        """Goes on where it pays, else back."""
        if self._doubles:
            self._doubles = speed > self._speed * _GAIN and self.size < self._most
            self._speed = speed
            if self._doubles:
                self._set(self.size * 2)
        elif self._before:
            before, self._before = self._before, 0
            if speed > self._speed * _GAIN if self.size > before else speed * _LOSS > self._speed:
                self._speed = speed
                self._try(larger=self.size > before)  # it pays: further the same way
            else:
                self._set(before)
        else:
            slower = speed * _STEP < self._speed
            self._speed = speed
            if self._is_due() or slower:
                self._try(larger=not slower and self._measurements // _PATIENCE % 2 == 1)

    def _try(self, *, larger: bool) -> None:
        before = self.size
        self._set(max(before + 1, int(before * _STEP)) if larger else min(before - 1, int(before / _STEP)))
        self._before = before if self.size != before else 0

    def _is_due(self) -> bool:
        self._measurements += 1
        return self._measurements % _PATIENCE == 0

    def _set(self, size: int) -> None:
        self.size = min(max(size, 1), self._most)
        self._answers, self._settling, self._refusals, self._seconds = 0, self.size, 0, 0.0
        self.changes += 1
