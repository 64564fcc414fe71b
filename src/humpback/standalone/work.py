"""Carries out the plan of one command in a work folder beside what it writes.

The folder is a run folder: what is finished in it is never done again. The same command goes on after a kill, or after
a server has gone; when its files are written the folder goes. Work that a model's time was spent on is not thrown away
because the command now says something else: that is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from humpback.config import Config
from humpback.errors import HumpbackError, StoreError
from humpback.method.start_checks import check_start
from humpback.runs.executor import execute
from humpback.runs.progress import Progress
from humpback.runs.recipe import Counts, Recipe, in_words
from humpback.runs.stage import Stage, Train
from humpback.runs.status import recipes, status
from humpback.runs.store import Run, read_json, remove, write_json
from humpback.standalone.output import Output


@dataclass(frozen=True, slots=True)
class How:
    """How a command is carried out; changes no result."""

    force: bool = False
    """Overwrite what is there, and throw unfinished work of another command away."""
    progress: Progress | None = None


PLAIN = How()
"""Nothing is overwritten, and nobody is told."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command as a plan.

    Attributes:
        plan: Its stages in order; none where no model is asked and nothing is worth keeping.
        config: The settings that the plan was made from.
        name: Where the work folder lies: beside this path.
        write: Writes the files from the finished stages and gives what is printed.
        writes: The files or the folder that it writes; None for one that is not asked for.
        reads: Files that it reads, none of which may be written.
        decides: What decides the files beside the stages, by name.
        complete: Whether the same command has nothing left to do once the files are written.
    """

    plan: Sequence[Stage]
    config: Config
    name: Path
    write: Callable[[Run], list[str]]
    writes: tuple[Path | None, ...]
    reads: tuple[Path, ...]
    decides: Mapping[str, Any] = field(default_factory=dict)
    complete: Callable[[Run], bool] = lambda run: True

    @property
    def work(self) -> Run:
        """Where unfinished work is kept."""
        return Run(self.name.with_name(f".{self.name.name}.work"))

    @property
    def output(self) -> Output:
        """The files with what makes them."""
        by_name = recipes(self.plan)
        last = {stage.name: by_name[stage.name].fingerprint for stage in self.plan[-1:]}
        return Output(tuple(filter(None, self.writes)), (*by_name.values(), Recipe("output", 1, self.decides, last)))


def carry_out(command: Command, how: How) -> list[str]:
    """Brings a command to its end, or goes on with it.

    Returns:
        What is to be printed.

    Raises:
        InputError: A file would be both read and written.
        StoreError: Something else is there under the name, or unfinished work of another command.
    """
    output, run = command.output, command.work
    output.refuse_inputs(command.reads)
    unfinished = (run.path / "stages").is_dir()
    if not unfinished and not how.force and (lines := output.finished()) is not None:
        return lines
    claim = {"fingerprint": output.recipes[-1].fingerprint}
    check_start(command.plan, command.config, run)
    with run.locked():
        # A command that was stopped while it wrote finds its own files, and may write them again.
        if not how.force and read_json(run.path / "claim.json") != claim:
            output.refuse_overwriting()
        redo = _stale(command, run, force=how.force)
        write_json(run.path / "claim.json", claim)
        run.save_stage_names(stage.name for stage in command.plan)
        try:
            execute(command.plan, run, command.config, redo, how.progress)
        except HumpbackError:
            if not any(_spent(stage, run) for stage in command.plan):
                remove(run.path)
            raise
        lines = command.write(run)
        output.note(lines, complete=command.complete(run))
    remove(run.path)
    return lines


def _stale(command: Command, run: Run, *, force: bool) -> list[str]:
    """The stages of unfinished work that were made with other settings, to be thrown away.

    Raises:
        StoreError: A model's time was spent on one of them.
    """
    stale = [item for item in status(command.plan, run) if item.state == "stale"]
    why = next((in_words(item.why) for item in stale if _spent(item.stage, run)), "")
    strangers = set(run.stage_names()) - {stage.name for stage in command.plan}
    if strangers and not why:
        why = f"it has the stages {', '.join(sorted(strangers))}"
    if why and not force:
        raise StoreError(
            f"{run.path} holds unfinished work, made with other settings: {why}",
            "give the settings that it was begun with to continue it, or throw it away with --force",
        )
    for name in strangers:
        run.stage(name).clear()
    return [item.stage.name for item in stale]


def _spent(stage: Stage, run: Run) -> bool:
    """Whether a model's time was spent on a stage: to read a file again costs nothing."""
    asks = stage.model or isinstance(stage.work, Train)
    return asks and run.stage(stage.name).has_work()


def spent_lines(run: Run) -> list[str]:
    """What the answers of servers took, by stage; nothing for models on this machine."""
    return [f"{event['stage']}: {event['spent']}" for event in run.logged("spent")]


def reasons_of(counts: Counts, verb: str) -> str:
    """How many were dropped and why, as the end of a line; empty where none was."""
    if not counts.dropped:
        return ""
    ordered = sorted(counts.dropped.items(), key=lambda item: -item[1])
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in ordered)
    return f", {sum(counts.dropped.values()):,} {verb}: {reasons}"
