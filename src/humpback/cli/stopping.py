"""How a command at work is stopped: by Ctrl-C, by SIGTERM, or by SIGHUP when its terminal goes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from humpback.cli.output import say

_PATIENCE_SECONDS = 1.0
"""How long a step that Python cannot interrupt, or the end of workers, is waited for."""
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ended = threading.Event()
"""Set where nothing has to end any more."""


class _Stopped(KeyboardInterrupt):
    """As at Ctrl-C; for KeyboardInterrupt itself Python may end with another exit code than the one it is given."""


def process_goes_on() -> None:
    """Says that the process stays though its command has ended: else it is ended soon after a signal."""
    _ended.set()


@contextmanager
def stoppable() -> Iterator[None]:
    """Ends the command at a signal, within two seconds and with a line that says how to go on.

    All work is safe against a kill at any moment, so nothing has to be waited for. Processes that were started end
    with this one.
    """
    received = [signal.SIGINT]
    unsaid = threading.Lock()

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(signal.Signals(number))
        raise _Stopped

    try:
        with _heeding(stop, unsaid):
            yield
    except KeyboardInterrupt:
        _say_how_to_go_on(unsaid)
        raise typer.Exit(128 + received[-1]) from None


@contextmanager
def _heeding(stop: Callable[[int, FrameType | None], None], unsaid: threading.Lock) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python gives signals to the main thread alone
        return
    # What is ignored stays so: nohup ignores SIGHUP, a shell Ctrl-C for what runs behind it.
    heeded = [number for number in _STOPPING[1:] if signal.getsignal(number) is signal.SIG_DFL]
    for number in heeded:
        signal.signal(number, stop)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    global _ended
    ended = _ended = threading.Event()
    threading.Thread(target=_end_in_time, args=(reader, ended, unsaid), daemon=True).start()
    try:
        yield
    finally:
        if not isinstance(sys.exc_info()[1], KeyboardInterrupt):  # else Python has yet to end, which takes time too
            ended.set()
        signal.set_wakeup_fd(before)
        os.close(writer)
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)


def _end_in_time(reader: int, ended: threading.Event, unsaid: threading.Lock) -> None:
    """Ends the process where it does not end by itself soon after a signal: it may be in a long step of a library."""
    with os.fdopen(reader, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] in _STOPPING:
                if not ended.wait(_PATIENCE_SECONDS):
                    _say_how_to_go_on(unsaid)
                    os._exit(128 + number[0])
                return


def _say_how_to_go_on(unsaid: threading.Lock) -> None:
    if unsaid.acquire(blocking=False):
        say("humpback: stopped; finished work is kept: run it again to continue", error=True)
        sys.stdout.flush()
