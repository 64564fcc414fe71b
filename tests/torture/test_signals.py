"""The alarm of the time limit is raised at every bytecode of the limit's own code, once and twice in a row."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from humpback.corpus import deadline
from humpback.corpus.deadline import TookTooLong, within

ALARM = signal.SIGVTALRM
FILE = Path(deadline.__file__).name


def with_alarms(at: int, alarms: int, seconds: float) -> tuple[str, int]:
    """Does work under the limit, with alarms from one bytecode on; returns what came of it, and bytecodes seen."""
    seen = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal seen
        if Path(frame.f_code.co_filename).name != FILE:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            seen += 1
            if at <= seen - 1 < at + alarms and signal.getsignal(ALARM) not in (signal.SIG_DFL, None):
                signal.raise_signal(ALARM)
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        outcome = within(seconds, lambda: "done")
    except TookTooLong:
        outcome = "too long"
    finally:
        sys.settrace(before)
    return outcome, seen


@pytest.mark.parametrize("alarms", [1, 2])
@pytest.mark.parametrize(("seconds", "allowed"), [(60, ("done",)), (1e-6, ("too long",))])
def test_an_alarm_at_any_bytecode_of_the_limit_never_leaves_it(sweep, alarms, seconds, allowed):
    def attempt(at: int) -> str:
        outcome, _ = with_alarms(at, alarms, seconds)
        signal.raise_signal(ALARM)  # one that comes late, in other code
        left = signal.getitimer(signal.ITIMER_VIRTUAL)[0]
        return "" if outcome in allowed and not left else f"{outcome}, {left:g} seconds left on the timer"

    with_alarms(-9, 0, seconds)
    _, bytecodes = with_alarms(-9, 0, seconds)
    assert bytecodes > 30
    sweep(f"alarm, limit of {seconds} s, {alarms} in a row", iter(range(bytecodes)), attempt)
    assert within(60, lambda: "done") == "done"
