"""A limit on the processor time of one piece of work. Time in which the process waits or is stopped does not count.

A timer of the process (SIGVTALRM) interrupts the work. Python has such timers in its main thread only, where workers do
their work; in other threads there is no limit. Limits do not nest. A long call into C is interrupted when it returns.
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
"""Seconds after which the timer fires again: the work may have swallowed the exception, as a finaliser does."""


class TookTooLong(Exception):
    """The work was not done in time."""


class _Expired(BaseException):
    """What interrupts the work. It is no Exception, so the work does not handle it as an error of its own."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """What the work returns, if it takes no more seconds of this thread's processor time.

    Raises:
        TookTooLong: It takes more.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        return work()
    end = time.thread_time() + seconds

    def interrupt(number: int, frame: FrameType | None) -> None:
        # A signal may also arrive before the work begins or after it ends, where nothing would catch the exception. So
        # it is raised only if the interrupted code was called by `_run`. The handler stays installed for late signals.
        while frame is not None and frame.f_code is not _run.__code__:
            frame = frame.f_back
        # The timer counts all threads of the process, the limit only this one.
        if frame is not None and time.thread_time() >= end:
            raise _Expired

    try:
        signal.signal(signal.SIGVTALRM, interrupt)
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, _AGAIN)
        result = _run(work)
    except _Expired:
        raise TookTooLong(f"more than {seconds:g} seconds") from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    # Work that swallowed the exception, in a finaliser for one, has ended too late all the same.
    if time.thread_time() >= end:
        raise TookTooLong(f"more than {seconds:g} seconds")
    return result


def _run(work: Callable[[], T]) -> T:
    return work()
