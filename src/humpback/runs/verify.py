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
        name: The stage.
        problems: What is wrong, a line for each file.
        files: Files that were compared with a digest.
        finished: Whether the stage is.
        sealed: Whether it has digests; an earlier version kept none.
    """

    name: str
    problems: tuple[str, ...]
    files: int
    finished: bool
    sealed: bool

    def line(self) -> str:
        """The stage in words."""
        if self.problems:
            return f"damaged: {'; '.join(self.problems)}"
        if not self.finished:
            return "not finished; what is there can be read"
        return f"whole: {self.files:,} files" if self.sealed else "can be read; an earlier version kept no digests"


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found in a run folder.

    Attributes:
        problems: What is wrong with the run's records of itself.
        stages: Its stages, in the order of their names.
    """

    problems: tuple[str, ...]
    stages: tuple[VerifiedStage, ...]

    @property
    def damaged(self) -> bool:
        """Whether anything is."""
        return bool(self.problems or self.redo)

    @property
    def redo(self) -> list[str]:
        """The stages to do again."""
        return [stage.name for stage in self.stages if stage.problems]

    def values(self) -> dict[str, Any]:
        """What `humpback verify --json` prints."""
        stages = [asdict(stage) for stage in self.stages]
        return {"damaged": self.damaged, "problems": self.problems, "redo": self.redo, "stages": stages}

    def lines(self) -> Iterator[str]:
        """What `humpback verify` prints."""
        width = max((len(stage.name) for stage in self.stages), default=0)
        yield from (f"{stage.name:<{width}} {stage.line()}" for stage in self.stages)
        yield from self.problems
        if self.redo:
            yield f"damaged: run it again with {' '.join(f'--redo {name}' for name in self.redo)}"
        elif self.problems:
            yield "damaged: run it again"
        else:
            yield "whole"


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
    return Verified(tuple(problems), tuple(_verified(run, name) for name in names))


def _verified(run: Run, name: str) -> VerifiedStage:
    folder = run.stage(name)
    if problems := folder.verify():
        return VerifiedStage(name, tuple(problems), 0, finished=False, sealed=False)
    manifest = folder.manifest() or {}
    return VerifiedStage(name, (), len(manifest.get("seals", ())), bool(manifest), "seals" in manifest)
