from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from humpback.config import CorpusSettings
from humpback.corpus.cut import cut
from humpback.corpus.deadline import TookTooLong, within
from tests.corpus.samples import BREAD_TEXT, distinct, document


def spin(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return "done"


@pytest.fixture(autouse=True)
def _timer_as_it_was() -> Iterator[None]:
    """The test runner has a timer of its own: it must be there again, with its handler."""
    handler = signal.getsignal(signal.SIGALRM)
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    yield
    assert signal.getsignal(signal.SIGALRM) is handler
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) is bool(left)


def test_work_that_is_done_in_time_gives_its_result():
    assert within(30, lambda: spin(0)) == "done"


def test_work_that_takes_longer_is_stopped():
    with pytest.raises(TookTooLong, match=r"more than 0\.01 seconds"):
        within(0.01, lambda: spin(60))


def test_errors_of_the_work_come_through():
    with pytest.raises(ZeroDivisionError):
        within(30, lambda: 1 // 0)


def test_work_that_swallows_errors_is_stopped_all_the_same():
    def stubborn() -> None:
        while True:
            with contextlib.suppress(Exception):
                spin(60)

    with pytest.raises(TookTooLong):
        within(0.01, stubborn)


def test_limits_may_be_nested():
    def inner() -> str:
        with pytest.raises(TookTooLong, match=r"0\.01"):
            within(0.01, lambda: spin(60))
        return "went on"

    assert within(30, inner) == "went on"
    with pytest.raises(TookTooLong, match=r"more than 0\.02"):
        within(0.02, lambda: within(30, lambda: spin(60)))


def test_a_former_alarm_still_sounds():
    heard: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        heard.append(number)

    former = signal.signal(signal.SIGALRM, note)
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        assert within(30, lambda: spin(0.1)) == "done"
        end = time.monotonic() + 10
        while not heard and time.monotonic() < end:
            time.sleep(0.01)
        assert heard == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, former)
        signal.setitimer(signal.ITIMER_REAL, left, interval)


def test_outside_the_main_thread_there_is_no_limit():
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(within(1e-6, lambda: spin(0.05))))
    thread.start()
    thread.join()
    assert found == ["done"]


def test_a_document_that_takes_too_long_is_one_dropped_record():
    slow = document("\n\n".join(f"# Harbour {number}\n\n{distinct(12)}" for number in range(200)), source="slow.md")
    outcome = cut([slow], CorpusSettings(max_document_seconds=0.0001))
    (dropped,) = outcome.dropped
    assert (dropped.source, dropped.reason, outcome.read) == ("slow.md", "took too long", 1)
    assert dropped.detail == f"more than 0.0001 seconds for {len(slow.text)} characters"
    assert len(cut([document(f"# Bread\n\n{BREAD_TEXT}")], CorpusSettings()).kept) == 1
