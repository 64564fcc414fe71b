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


class _Alarm(BaseException):
    """What the alarm raises: not an Exception, so that the work does not take it for an error of its own."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """What the work returns, if it does so in time.

    A former handler of the alarm and what is left of its time are put back, so that limits may be nested.

    Raises:
        TookTooLong: It did not.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        return work()
    alarm = _Alarm()

    def sound(number: int, frame: FrameType | None) -> None:
        raise alarm

    former = signal.signal(signal.SIGALRM, sound)
    begun = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        try:
            return work()
        finally:
            _disarm(alarm, former)
            if left:
                signal.setitimer(signal.ITIMER_REAL, max(_SOON, left - (time.monotonic() - begun)), interval)
    except _Alarm as heard:
        if heard is not alarm:
            raise
        raise TookTooLong(f"more than {seconds:g} seconds") from None


def _disarm(alarm: _Alarm, former: Callable[[int, FrameType | None], object] | int | None) -> None:
    """Stops the timer and puts the former handler back, however late the alarm still sounds."""
    while True:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former if former is not None else signal.SIG_DFL)
        except _Alarm as heard:
            if heard is not alarm:
                raise
        else:
            return
