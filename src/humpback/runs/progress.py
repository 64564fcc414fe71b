"""How far the stage at work is: the same facts for the bars, the lines of a log file and `humpback status`."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from humpback.errors import StoreError
from humpback.runs.recipe import Counts
from humpback.runs.stage import MapShards, Produce, Stage, Train
from humpback.runs.store import Run

_SAVE_SECONDS = 5.0
"""How often the facts are written to the run folder at most."""
_TELL_SECONDS = 0.25
"""How often answers are told at most: a likelihood can take less than a millisecond."""


@dataclass(frozen=True, slots=True)
class StageProgress:
    """How far a stage is in this session.

    Attributes:
        stage: Its name.
        unit: What is counted: 'steps' of a training, 'shards', 'parts', or the tasks of a phase.
        completed: How many are done.
        total: How many there are; None before the first is done.
        per_second: How many are done in a second; None before the first is done.
        seconds: How long the stage has been at work when these facts were taken.
        loss: Of a training: the last mean loss per target token.
        answers: What the model of this process has answered.
        tokens: Tokens that it read and wrote for that.
        cost: What the answers of servers have cost the run so far.
        batches: What batches of requests are under way at servers, in words.
    """

    stage: str
    unit: str = ""
    completed: int = 0
    total: int | None = None
    per_second: float | None = None
    seconds: float = 0.0
    loss: float | None = None
    answers: int = 0
    tokens: int = 0
    cost: float = 0.0
    batches: str = ""

    @property
    def seconds_left(self) -> float | None:
        """How long the rest of the stage takes at this rate; None where that is not known."""
        if self.total is None or not self.per_second:
            return None
        return (self.total - self.completed) / self.per_second

    def words(self) -> str:
        """The facts in one clause: what is done, the rate, the time left, loss and tokens."""
        nothing_yet = f"no {self.unit[:-1]} is finished yet" if self.unit else "nothing is finished yet"
        parts = [f"{self.completed:,} of {self.total:,} {self.unit}" if self.total else nothing_yet]
        if self.per_second:
            parts += [f"{_rate(self.per_second)}, {duration(self.seconds_left or 0)} left"]
        if self.loss is not None:
            parts.append(f"loss {self.loss:.3f}")
        if self.answers:
            parts.append(self.answers_in_words())
        return ", ".join(filter(None, (*parts, self.batches)))

    def answers_in_words(self) -> str:
        """What was answered, what it took and what all has cost."""
        cost = f", cost {self.cost:.4f}" if self.cost else ""
        answers = "1 answer" if self.answers == 1 else f"{self.answers:,} answers"
        return f"{answers}, {self.tokens:,} tokens{cost}"


def duration(seconds: float) -> str:
    """A time as people say it: '40 s', '12 min', '3.5 h'."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _rate(per_second: float) -> str:
    for seconds, unit in ((1, "second"), (60, "minute")):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.1f} a {unit}"
    return f"{per_second * 3600:.1f} an hour"


class Progress(Protocol):
    """Is told how far the work is."""

    def prepare(self, stages: int, completed: int) -> None:
        """A plan of so many stages is carried out, of which so many are done already."""
        ...

    def begin(self, stage: Stage) -> None:
        """A stage starts."""
        ...

    def advance(self, progress: StageProgress) -> None:
        """The stage at work is so far."""
        ...

    def end(self, stage: Stage, counts: Counts) -> None:
        """A stage is done."""
        ...


class NoProgress:
    """Shows nothing."""

    def prepare(self, stages: int, completed: int) -> None:
        """Says nothing."""

    def begin(self, stage: Stage) -> None:
        """Says nothing."""

    def advance(self, progress: StageProgress) -> None:
        """Says nothing."""

    def end(self, stage: Stage, counts: Counts) -> None:
        """Says nothing."""


class Meter:
    """Measures the stage at work, tells how far it is, and leaves that in the run folder for `humpback status`.

    Args:
        run: The run folder.
        progress: Whom to tell.
        clock: Seconds.
        cost: What the answers of servers have cost the run so far.
    """

    def __init__(
        self,
        run: Run,
        progress: Progress,
        clock: Callable[[], float] = time.monotonic,
        cost: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._run = run
        self._cost = cost
        self._lock = threading.Lock()
        self._progress = progress
        self._clock = clock
        self._current = StageProgress("")
        self._begun = self._advanced = self._told = self._saved = 0.0
        self._from = (0, 0.0)
        self._answers = self._tokens = 0

    def begin(self, stage: Stage) -> None:
        """A stage starts."""
        units = {Train: "steps", MapShards: "shards", Produce: "parts"}
        self._current = StageProgress(stage.name, units.get(type(stage.work), "tasks"))
        self._begun = self._advanced = self._told = self._saved = self._clock()
        self._answers = self._tokens = 0
        self._run.clear_progress()
        self._progress.begin(stage)

    def advance(self, completed: int, total: int, *, unit: str = "", loss: float = math.nan) -> None:
        """So many shards or steps are done now; the first call of a training that goes on may be at any step."""
        now, before = self._clock(), self._current
        first = before.total is None or completed <= before.completed  # of the stage, or of its next phase
        counted, since = (completed - 1, self._advanced) if first else self._from
        per_second = (completed - counted) / (now - since) if now > since else None
        self._advanced = now
        if first:  # from here on the loading of a model does not count
            self._from = (completed, now)
        self._current = replace(
            before,
            unit=unit or before.unit,
            completed=completed,
            total=total,
            per_second=per_second,
            loss=None if math.isnan(loss) else loss,
        )
        self._tell(now)

    def answered(self, tokens: int) -> None:
        """A model of this process has answered; any thread may say so."""
        with self._lock:
            self._answers += 1
            self._tokens += tokens
            if (now := self._clock()) - self._told >= _TELL_SECONDS:
                self._tell(now)

    def under_way(self, batches: str) -> None:
        """So much is under way in batches; any thread may say so."""
        with self._lock:
            self._current = replace(self._current, batches=batches)
            self._tell(self._clock())

    def end(self, stage: Stage, counts: Counts) -> None:
        """A stage is done."""
        self._progress.end(stage, counts)

    def close(self) -> None:
        """Nothing is at work any more."""
        self._run.clear_progress()

    def _tell(self, now: float) -> None:
        self._told = now
        self._current = replace(
            self._current, seconds=round(now - self._begun, 1), answers=self._answers, tokens=self._tokens,
            cost=self._cost(),
        )  # fmt: skip
        self._progress.advance(self._current)
        if now - self._saved >= _SAVE_SECONDS:
            self._saved = now
            with suppress(OSError, StoreError):  # a line of progress must not end a run
                self._run.save_progress(asdict(self._current))
