"""A limit on the time that one piece of work may take, kept by the timer of the process.

The timer is only there in the main thread of a process, where workers do their work; elsewhere there is no limit. A
long call into C is interrupted when it comes back.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

_AGAIN = 0.5
"""Seconds after which the alarm sounds again, where what it raised was swallowed by the work."""
_SOON = 1e-4


class TookTooLong(Exception):
    """The work was not done in time."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """What the work returns, if it does so in time.

    Whoever set the alarm before keeps it: where it is due while the work goes on, its handler is called, and afterwards
    handler and timer are put back. So limits may be nested.

    Raises:
        TookTooLong: It did not.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        return work()
    limit = _Limit(seconds)
    try:
        try:
            limit.arm()
            return work()
        finally:
            limit.disarm()
    except _Alarm as heard:
        if heard is not limit.alarm:
            raise
        raise TookTooLong(f"more than {seconds:g} seconds") from None


class _Alarm(BaseException):
    """What the alarm raises: not an Exception, so that the work does not take it for an error of its own."""


class _Limit:
    """The timer while one piece of work has it."""

    def __init__(self, seconds: float) -> None:
        self.alarm = _Alarm()
        self._begun = time.monotonic()
        self._seconds = seconds
        self._former = signal.getsignal(signal.SIGALRM)
        left, self._interval = signal.getitimer(signal.ITIMER_REAL)
        self._former_due = left or None
        """Seconds after the beginning at which the former alarm sounds; None where there is none."""

    def arm(self) -> None:
        signal.signal(signal.SIGALRM, self._sound)
        self._set(self._seconds)

    def disarm(self) -> None:
        """Puts the former handler and timer back, whatever still sounds meanwhile."""
        pending: BaseException | None = None
        while True:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, self._former if self._former is not None else signal.SIG_DFL)
                break
            except BaseException as heard:
                pending = pending if heard is self.alarm else heard
        if self._former_due is not None:
            left = self._former_due - (time.monotonic() - self._begun)
            signal.setitimer(signal.ITIMER_REAL, max(_SOON, left), self._interval)
        if pending is not None:
            raise pending

    def _sound(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic() - self._begun
        if self._former_due is not None and now >= self._former_due:
            self._former_due = now + self._interval if self._interval else None
            self._set(self._seconds - now)
            if callable(self._former):
                self._former(number, frame)
        elif now >= self._seconds:
            raise self.alarm
        else:
            self._set(self._seconds - now)

    def _set(self, seconds: float) -> None:
        if self._former_due is not None:
            seconds = min(seconds, self._former_due - (time.monotonic() - self._begun))
        signal.setitimer(signal.ITIMER_REAL, max(_SOON, seconds), _AGAIN)
