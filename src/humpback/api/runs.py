"""Whole runs: carried out, and read from their folders, finished or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from humpback.api.records import Records, stage_records
from humpback.api.stages import Group
from humpback.config import Config
from humpback.deliver.exporting import write_export
from humpback.deliver.facts import LossSummary, StageFacts
from humpback.deliver.reporting import write_report
from humpback.deliver.results import Results
from humpback.errors import StoreError
from humpback.method.auto import resolve_auto
from humpback.method.plan import plan
from humpback.method.record import base_identity, record_of, save_record
from humpback.method.settings_file import in_full, read_config, refuse_unnamed, resolved, with_decisions, with_groups
from humpback.method.start_checks import check_start, plan_or_refuse
from humpback.records import Candidate, Curated, Pair, Rating, Rewritten, Segment
from humpback.runs.executor import execute, refuse_stale
from humpback.runs.progress import Progress
from humpback.runs.run_status import DELIVERY
from humpback.runs.stage import Stage
from humpback.runs.store import Run, StageFolder, path_of

State = Literal["done", "begun", "to do"]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run, read from its own files: neither documents nor seed nor base model need be there.

    What is asked for is read anew each time. A stage that is not finished is refused with a StoreError.

    Example:
        >>> finished = humpback.open_run("runs/demo")
        >>> finished.curated().to_dataset()
    """

    path: Path
    delivered: dict[str, Path] = field(default_factory=dict)
    """Where `run` has put data set, model and report; empty for a run that was opened."""

    @property
    def status(self) -> dict[str, State]:
        """Where each stage stands, by name, in the order of the work."""
        return {name: _state(self._run.stage(name)) for name in self._results.plan.stages}

    @property
    def counts(self) -> dict[str, StageFacts]:
        """What each finished stage read, kept and dropped, by name."""
        return {facts.name: facts for facts in self._results.stage_facts()}

    @property
    def config(self) -> Config:
        """The settings of the run."""
        return self._results.config

    def seed(self) -> Records[Pair]:
        """The seed pairs, those held out among them."""
        return self._records(self._results.plan.seed, Pair)

    def segments(self) -> Records[Segment]:
        """What instructions were written for."""
        return self._records(self._results.plan.segments, Segment)

    def candidates(self) -> Records[Candidate]:
        """What the backward model wrote."""
        return self._records(self._results.plan.candidates, Candidate)

    def ratings(self, iteration: int = -1) -> Records[Rating]:
        """The ratings of an iteration, counted from 1; -1 is the last one."""
        return self._records(self._of_iteration(self._results.plan.ratings, iteration), Rating)

    def curated(self, iteration: int = -1) -> Records[Curated]:
        """What an iteration kept, counted from 1; -1 is the last one."""
        return self._records(self._of_iteration(self._results.plan.curated, iteration), Curated)

    def rewritten(self) -> Records[Rewritten]:
        """The last curated set with its responses rewritten, where `models.rewriter` is named."""
        if not self._results.plan.rewritten:
            raise StoreError(f"{self.path} has no rewritten responses", "name models.rewriter, or read curated()")
        return self._records(self._results.plan.rewritten, Rewritten)

    def model(self, number: int | Literal["backward"] = -1) -> Path:
        """The folder of M_0, M_1, ... or of the backward model M_yx; -1 is the last one."""
        names = self._results.plan.models
        by_number: dict[int | str, str] = {int(name.rpartition("-")[2]): name for name in names}
        by_number |= {"backward": self._results.plan.backward} if self._results.plan.backward else {}
        by_number |= {-1: names[-1]} if names else {}
        if number not in by_number:
            models = ", ".join(str(key) for key in by_number if key != -1) or "no model: it trained none"
            raise StoreError(f"{self.path} has no model {number}", f"it has {models}")
        stage = self._finished(by_number[number])
        stage.check_model()
        return stage.model_path

    def losses(self) -> tuple[LossSummary, ...]:
        """The loss of each model on the held-out seed pairs; none while they are not measured."""
        return self._results.losses()

    def report(self) -> Path:
        """Writes the report, as far as the run is; its file.

        Raises:
            StoreError: Nothing is finished yet, or the disk is full.
        """
        return write_report(self._run)

    def export(self) -> dict[str, Path]:
        """Writes data set and model, each with its card; where they are, by what they are.

        Raises:
            StoreError: The run is not finished, another process is at work in it, or the disk is full.
        """
        run = self._run
        with run.locked():
            return write_export(run)

    @property
    def _run(self) -> Run:
        return Run.existing(self.path)

    @property
    def _results(self) -> Results:
        return Results(self._run)

    def _records(self, stage: str, kind: type[Any]) -> Records[Any]:
        return stage_records(self._finished(stage), kind)

    def _finished(self, stage: str) -> StageFolder:
        folder = self._run.stage(stage)
        if folder.manifest() is None:
            raise StoreError(f"{stage} is not finished in {self.path}", "run it again to continue")
        return folder

    def _of_iteration(self, stages: Sequence[str], iteration: int) -> str:
        if iteration != -1 and not 1 <= iteration <= len(stages):
            raise StoreError(f"{self.path} has no iteration {iteration}", f"it has 1 to {len(stages)}")
        return stages[iteration - 1 if iteration > 0 else -1]


def run(
    config: Config | str | Path,
    out: str | Path,
    *,
    redo: Sequence[str] = (),
    until: str = "",
    progress: Progress | None = None,
    **groups: Group,
) -> RunFolder:
    """Carries out a run, or goes on with one: documents and seed in, data set and model out.

    Args:
        config: The settings: a `Config`, a file, or 'package:demo' for those that ship.
        out: Run folder, or an address. A run that was stopped goes on from there.
        redo: Stages to throw away first, with all that stands on them.
        until: Stop when this stage is done; nothing is delivered then.
        progress: Is told of each stage and task.
        groups: Settings to change, by group: `corpus={"documents": ["docs/"]}`.

    Returns:
        The run's folder, with all results.

    Raises:
        ConfigError: A setting is not right.
        InputError: Documents or seed cannot be read.
        ModelError: The base model is not there.
        StageError: A stage kept no record, or has too many failures.
        StoreError: A stage is stale and not named in `redo`, another run holds the folder, or the disk is full.

    Example:
        >>> finished = humpback.run("my-run.yaml", "runs/mine", corpus={"documents": ["docs/"]})
    """
    if isinstance(config, Config):
        settings = resolve_auto(with_groups(config, groups))
        refuse_unnamed(settings, "the configuration")
    else:
        settings = read_config(str(config), [], groups)
    folder = Run(path_of(str(out)))
    planned = with_decisions(settings, folder)
    stages = plan_or_refuse(lambda: plan(planned, base_identity(folder, settings)), settings, folder)
    selected = _until(stages, until)
    check_start(selected, settings, folder, redo, needs_seed=True)
    with folder.locked():
        refuse_stale(stages, folder, redo)
        # Only now: a run that is refused must not change what the folder says of itself.
        folder.save_config(resolved(in_full(settings)))
        save_record(folder, record_of(stages, settings, base_identity(folder, settings)))
        execute(selected, folder, settings, progress=progress)
        delivered = {} if until else _deliver(folder)
    return RunFolder(folder.path, delivered)


def _deliver(folder: Run) -> dict[str, Path]:
    with folder.recorded(DELIVERY):
        delivered = {**write_export(folder), "report": write_report(folder)}
    folder.log("end", stage=DELIVERY)
    return delivered


def open_run(folder: str | Path) -> RunFolder:
    """A run that is there, finished or not.

    Args:
        folder: Its folder, or its address.

    Raises:
        StoreError: There is no run.

    Example:
        >>> humpback.open_run("runs/demo").status
    """
    return RunFolder(Run.existing(path_of(str(folder))).path)


def _state(stage: StageFolder) -> State:
    return "done" if stage.manifest() else "begun" if stage.has_work() else "to do"


def _until(stages: Sequence[Stage], last: str) -> Sequence[Stage]:
    names = [stage.name for stage in stages]
    if not last:
        return stages
    if last not in names:
        raise StoreError(f"--until {last}: no such stage", f"the stages are {', '.join(names)}")
    return stages[: names.index(last) + 1]
