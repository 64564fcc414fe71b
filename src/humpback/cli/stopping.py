"""How a command at work is stopped: by Ctrl-C, by SIGTERM, or by SIGHUP when its terminal goes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from humpback.cli.output import say

_PATIENCE_SECONDS = 1.5
"""How long a step that Python cannot interrupt, or the end of workers, is waited for."""
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stoppable() -> Iterator[None]:
    """Ends the command at a signal, within two seconds and with a line that says how to go on.

    All work is safe against a kill at any moment, so nothing has to be waited for. Processes that were started end
    with this one.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    try:
        with _heeding(stop):
            yield
    except KeyboardInterrupt:
        _say_how_to_go_on()
        raise typer.Exit(128 + (received or [signal.SIGINT])[0]) from None


@contextmanager
def _heeding(stop: signal._HANDLER) -> Iterator[None]:
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
    ended = threading.Event()
    threading.Thread(target=_end_in_time, args=(reader, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        os.close(writer)
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)


def _end_in_time(reader: int, ended: threading.Event) -> None:
    """Ends the process where it does not end by itself soon after a signal: it may be in a long step of a library."""
    with os.fdopen(reader, "rb", buffering=0) as signals:
        while number := signals.read(1):
            if number[0] in _STOPPING:
                if not ended.wait(_PATIENCE_SECONDS):
                    _say_how_to_go_on()
                    os._exit(128 + number[0])
                return


def _say_how_to_go_on() -> None:
    say("humpback: stopped; finished work is kept: run it again to continue", error=True)
