"""Progress for people: one line a stage, with a bar and the time left in it."""

from __future__ import annotations

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

from humpback.runs.recipe import Counts
from humpback.runs.stage import Stage


class Bars:
    """Shows each stage as a bar on a terminal, and as one line when it ends, on a terminal or not.

    Args:
        console: Where to print.
        announce: Whether each stage is named when it starts, and those too that ask no model, off a terminal.
    """

    def __init__(self, console: Console, *, announce: bool = True) -> None:
        self._console = console
        self._announce = announce
        self._stages = 0
        self._position = 0
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
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def prepare(self, stages: int, done: int) -> None:
        """A plan of so many stages is carried out, of which so many are done already: for '3/14'."""
        self._stages, self._position = stages, done

    def begin(self, stage: Stage, done: int, total: int | None) -> None:
        """A stage starts."""
        self._position += 1
        if stage.notice:
            self._console.print(f"{stage.name}: {stage.notice}", markup=False)
        if self._announce and not self._console.is_terminal:
            self._console.print(f"[{self._position}/{self._stages}] {stage.name}: {stage.does} ...", markup=False)
        self._task = self._bars.add_task(
            f"\\[{self._position}/{self._stages}] {stage.name}: {stage.does}", completed=done, total=total, note=""
        )

    def advance(self, done: int, total: int | None, note: str) -> None:
        """So many shards or steps are done now."""
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total, note=note)

    def end(self, stage: Stage, counts: Counts) -> None:
        """A stage is done."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        if not (self._announce or self._console.is_terminal or stage.model or stage.makes is None):
            return
        dropped = f", {sum(counts.dropped.values()):,} dropped" if counts.dropped else ""
        line = f"[{self._position}/{self._stages}] {stage.name}: {counts.kept:,} kept{dropped}, {counts.seconds:.0f} s"
        self._console.print(line, markup=False, highlight=False)
