"""Runs an experiment cell by cell. A cell that fails is recorded, and the others continue."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from humpback.config import Config
from humpback.errors import HumpbackError, in_one_line
from humpback.experiment.plan import Cell, Grid
from humpback.runs.executor import execute, refuse_stale
from humpback.runs.progress import Progress, StageProgress
from humpback.runs.recipe import Counts
from humpback.runs.stage import Stage
from humpback.runs.store import Run
from humpback.runs.store.files import remove


def prepare(grid: Grid, run: Run, redo: Sequence[str]) -> None:
    """Refuses stale stages, and has models trained again that were deleted and are needed again.

    Raises:
        StoreError: Something is stale and not named in `redo`, or `redo` names no stage.
    """
    refuse_stale(list(grid.stages.values()), run, redo)
    for name in grid.gone(run):
        run.stage(name).clear()


def carry_out(
    grid: Grid, run: Run, config: Config, progress: Progress, *, keep_models: bool, on_cell: Callable[[Cell], None]
) -> dict[str, str]:
    """Trains and measures every cell.

    Args:
        grid: The experiment.
        run: Its folder; locked by the caller.
        config: The settings that all arms share.
        progress: Whom to tell of stages.
        keep_models: Whether to keep models that no stage needs any more.
        on_cell: Called with each cell that is finished now.

    Returns:
        Why, for each stage that failed.

    Raises:
        Exception: Every cell failed: the error of the first.
    """
    failed: dict[str, Exception] = {}
    ended = 0
    for cell in grid.cells:
        stages = grid.leading_to(cell.measured.values())
        if any(stage.name in failed for stage in stages):
            continue
        following = _Following(progress)
        try:
            execute(stages, run, config, progress=following)
        except Exception as error:  # of any kind: out of memory in one cell must not end the others
            if not following.stage:
                raise
            if not isinstance(error, HumpbackError):
                run.log("traceback", stage=following.stage, text=traceback.format_exc())
            # Without its traceback, which would keep the memory of the failed cell alive.
            failed[following.stage] = error.with_traceback(None)
        else:
            ended += 1
            if following.stage:
                on_cell(cell)
        if following.stage and not keep_models:
            _throw_away(grid, run, failed)
    if failed and not ended:
        raise next(iter(failed.values()))
    return {name: _in_words(error) for name, error in failed.items()}


def _throw_away(grid: Grid, run: Run, failed: Mapping[str, Exception]) -> None:
    """Deletes models that no stage needs any more. Those of a failed cell stay, to continue from."""
    needed = {name for item in grid.standing(run) if item.state != "done" for name in item.stage.needs}
    for cell in grid.cells:
        model = run.stage(cell.model)
        if cell.seed and cell.model not in needed and cell.model not in failed and model.manifest():
            remove(model.model_path)


def _in_words(error: Exception) -> str:
    return in_one_line(error) + ("" if isinstance(error, HumpbackError) else " (see log.jsonl)")


@dataclass(slots=True)
class _Following:
    """Forwards everything, and remembers which stage is running."""

    progress: Progress
    stage: str = ""

    def prepare(self, stages: int, completed: int) -> None:
        """Says nothing: a cell is a part of the experiment, whose stages are counted as a whole."""

    def begin(self, stage: Stage) -> None:
        """A stage starts."""
        self.stage = stage.name
        self.progress.begin(stage)

    def advance(self, progress: StageProgress) -> None:
        """The stage at work is so far."""
        self.progress.advance(progress)

    def end(self, stage: Stage, counts: Counts) -> None:
        """A stage is done."""
        self.progress.end(stage, counts)
