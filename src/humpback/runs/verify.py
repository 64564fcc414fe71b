"""Whether everything that a run has left is as it was written. Reads every byte of it, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from humpback.errors import StoreError
from humpback.runs.store import Run


@dataclass(frozen=True, slots=True)
class VerifiedStage:
    """What was found in the files of one stage.

    Attributes:
        name: The stage; empty for the run's records of itself.
        state: 'whole', 'damaged', 'not finished', or 'without digests' where an earlier version kept none.
        files: Files that were compared with a digest.
        problems: What is wrong, a line for each file.
    """

    name: str
    state: str
    files: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a run folder: its stages in the order of their names, and its records of itself."""

    stages: tuple[VerifiedStage, ...]

    @property
    def damaged(self) -> bool:
        """Whether anything is."""
        return any(stage.problems for stage in self.stages)

    @property
    def redo(self) -> list[str]:
        """The stages to do again."""
        return [stage.name for stage in self.stages if stage.problems and stage.name]

    def values(self) -> dict[str, Any]:
        """What `humpback verify --json` prints."""
        return {"damaged": self.damaged, "redo": self.redo, "stages": [asdict(stage) for stage in self.stages]}

    def lines(self) -> Iterator[str]:
        """What `humpback verify` prints."""
        width = max(len(stage.name) for stage in self.stages)
        for stage in self.stages:
            files = f", {stage.files:,} files" if stage.files else ""
            yield f"{stage.name:<{width}} {stage.state}{files}{': ' * bool(stage.problems)}{'; '.join(stage.problems)}"
        redo = " ".join(f"--redo {name}" for name in self.redo)
        yield f"damaged: run it again{' with ' * bool(redo)}{redo}" if self.damaged else "whole"


def verify(run: Run) -> Verified:
    """Compares all that a run, an experiment or a single command has left with what was written.

    Raises:
        StoreError: There is no run.
    """
    names = run.stage_names()
    if not names:
        raise StoreError(f"no run in {run.path}", "give the folder that 'humpback run' wrote")
    problems = []
    for read in (run.saved_config, run.saved_plan) if run.config_path.exists() else ():
        try:
            read()
        except StoreError as error:
            problems.append(error.what)
    run_itself = [VerifiedStage("", "damaged", problems=tuple(problems))] if problems else []
    return Verified((*(_verify_stage(run, name) for name in names), *run_itself))


def _verify_stage(run: Run, name: str) -> VerifiedStage:
    folder = run.stage(name)
    if problems := folder.verify():
        return VerifiedStage(name, "damaged", problems=tuple(problems))
    manifest = folder.manifest()
    if manifest is None:
        return VerifiedStage(name, "not finished")
    files = len(manifest.get("seals", ()))
    return VerifiedStage(name, "whole", files) if "seals" in manifest else VerifiedStage(name, "without digests")
