from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from humpback.config import CorpusSettings
from humpback.corpus.cut import cut
from humpback.corpus.deadline import TookTooLong, within
from tests.corpus.samples import BREAD_TEXT, distinct, document


def spin(seconds: float) -> str:
    """Uses so many seconds of processor time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return "done"


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


def test_a_process_that_is_stopped_for_a_while_drops_nothing():
    """A laptop that sleeps and a worker that a scheduler stops lose no document."""
    code = "import sys; from humpback.corpus.deadline import within; from tests.corpus.test_deadline import spin\n"
    code += "print('ready', flush=True); print(within(1, lambda: (sys.stdin.readline(), spin(0.1))[1]))"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)  # until it is in the work
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)
        process.send_signal(signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.close()
        assert process.stdout.read() == "done\n"
        assert process.wait() == 0


def test_a_signal_that_arrives_outside_of_the_work_does_nothing():
    with pytest.raises(TookTooLong):
        within(0.01, lambda: spin(60))
    signal.raise_signal(signal.SIGVTALRM)
    for _ in range(2000):  # the timer fires at every point of the call, also before the work begins and after it ends
        with contextlib.suppress(TookTooLong):
            within(1e-6, lambda: None)
    assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0


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
