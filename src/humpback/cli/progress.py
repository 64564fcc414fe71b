"""Progress for people: bars on a terminal; in a file or a pipe a line at least every 30 seconds."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from humpback.cli import output
from humpback.runs.progress import StageProgress, duration
from humpback.runs.recipe import Counts
from humpback.runs.stage import Stage

LINE_SECONDS = 30.0
"""How long a file or a pipe is without a line at most."""


class ProgressDisplay:
    """Shows each stage as a bar on a terminal and in lines elsewhere, and as one line when it ends on both.

    Lines go to the log file too, where there is one. With --quiet they go nowhere else.

    Args:
        console: Where to print.
        announce: Whether each stage is named when it starts, and those too that ask no model, off a terminal.
        line_seconds: How long it may be without a line off a terminal.
    """

    def __init__(self, console: Console, *, announce: bool = True, line_seconds: float = LINE_SECONDS) -> None:
        self._console = console
        self._announce = announce or output.verbosity.verbose
        self._line_seconds = line_seconds
        self._stages = 0
        self._position = 0
        self._stage: Stage | None = None
        self._progress: StageProgress | None = None
        self._started = self._printed = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._print_in_time, daemon=True)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left in this stage"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal or output.verbosity.quiet,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressDisplay:
        self._bars.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._bars.stop()
        if kind and self._progress and self._progress.batches:
            output.say(f"humpback: {self._progress.batches}: running it again takes their answers", error=True)

    def prepare(self, stages: int, completed: int) -> None:
        """A plan of so many stages is carried out, of which so many are done already: for '3/14'."""
        self._stages, self._position = stages, completed

    def begin(self, stage: Stage) -> None:
        """A stage starts."""
        self._position += 1
        self._started = time.monotonic()
        self._stage, self._progress = stage, None
        if stage.notice:
            self._print(f"{stage.name}: {stage.notice}", bars=False)
        if self._announce:
            self._print(f"{self._position_and_name}: {stage.does} ...", bars=False)
        self._task = self._bars.add_task(f"\\{self._position_and_name}: {stage.does}", total=None, note="")

    def advance(self, progress: StageProgress) -> None:
        """The stage at work is so far."""
        self._progress = progress
        if self._task is not None:
            loss = "" if progress.loss is None else f"loss {progress.loss:.3f}"
            note = progress.answers_in_words() if progress.answers else loss
            note = ", ".join(filter(None, (note, progress.batches)))
            self._bars.update(self._task, completed=progress.completed, total=progress.total, note=note)

    def end(self, stage: Stage, counts: Counts) -> None:
        """A stage is done."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        dropped = f", {sum(counts.dropped.values()):,} dropped" if counts.dropped else ""
        line = f"{self._position_and_name}: {counts.kept:,} kept{dropped}, {counts.seconds:.0f} s"
        self._stage, self._started = None, time.monotonic()
        if self._announce or self._console.is_terminal or stage.model or stage.makes is None:
            self._print(line)

    def line_if_due(self, now: float) -> str:
        """What is to be printed now, so that nobody waits longer than the limit; empty while that is not over."""
        if now - self._printed < self._line_seconds:
            return ""
        elapsed = duration(now - self._started)
        if self._stage is None:
            return f"still at work, for {elapsed}"
        return f"{self._position_and_name}: for {elapsed}, {(self._progress or StageProgress('')).words()}"

    @property
    def _position_and_name(self) -> str:
        return f"[{self._position}/{self._stages}] {self._stage.name}" if self._stage else ""

    def _print_in_time(self) -> None:
        while not self._ended.wait(max(0.001, self._printed + self._line_seconds - time.monotonic())):
            if line := self.line_if_due(time.monotonic()):
                self._print(line, bars=False)

    def _print(self, line: str, *, bars: bool = True) -> None:
        """Prints a line; on a terminal only if it adds to the bars."""
        self._printed = time.monotonic()
        if output.verbosity.quiet or (self._console.is_terminal and not bars):
            output.log.info(line)
        else:
            output.print_to(self._console, line)
