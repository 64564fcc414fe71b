"""Where a run is: running, stopped, failed, done or to do. Reads lock, log, progress and manifests only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from humpback.runs.progress import StageProgress, duration
from humpback.runs.store import Run
from humpback.runs.store.run import Holder

RunState = Literal["running", "stopped", "failed", "done", "to do"]
DELIVERY = "export"
"""What the log calls the writing of report, data set and model behind the last stage."""


@dataclass(frozen=True, slots=True)
class StageState:
    """Where one stage of a run is, and what it counted.

    Attributes:
        name: The stage.
        state: 'stopped' has work that the next run continues from.
        reason: Why it failed, in one line; empty elsewhere.
        shards: Shards that are finished.
        read: Records that came in, of a finished stage.
        kept: Records that it kept.
        dropped: Records that it dropped, by reason, the most frequent first.
        seconds: What it took, all sessions together.
    """

    name: str
    state: RunState
    reason: str = ""
    shards: int = 0
    read: int = 0
    kept: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Where a run is.

    Attributes:
        state: Of the whole run.
        stages: Each stage in order.
        holder: The process at work; None where none is.
        progress: How far the stage at work is; None where none is at work.
    """

    state: RunState
    stages: tuple[StageState, ...]
    holder: Holder | None
    progress: StageProgress | None

    @property
    def done(self) -> int:
        """Stages that are done."""
        return sum(stage.state == "done" for stage in self.stages)

    def values(self) -> dict[str, Any]:
        """What `humpback status --json` prints."""
        progress = self.progress and asdict(self.progress) | {"seconds_left": self.progress.seconds_left}
        return {
            "state": self.state,
            "reason": _reason(self.stages),
            "process": self.holder.process if self.holder else None,
            "machine": self.holder.machine if self.holder else None,
            "stages_done": self.done,
            "stages_total": len(self.stages),
            "progress": progress,
            "stages": [asdict(stage) for stage in self.stages],
        }

    def lines(self) -> Iterator[str]:
        """What `humpback status` prints: each stage, then the whole run."""
        width = max(len(stage.name) for stage in self.stages)
        for stage in self.stages:
            yield f"{stage.name:<{width}} {_stage_words(stage)}"
        yield f"{self.state}: {self._words()}"

    def _words(self) -> str:
        count = f"{self.done} of {len(self.stages)} stages are done"
        if self.holder and self.progress and self.progress.stage:
            stage = f"at {self.progress.stage} for {duration(self.progress.seconds)}, {self.progress.words()}"
            return f"process {self.holder.process} on {self.holder.machine}; {count}; {stage}"
        if self.holder:
            return f"process {self.holder.process} on {self.holder.machine}; {count}"
        if self.state == "failed":
            return f"{_reason(self.stages)}; {count}"
        return f"{count}; run it again to continue" if self.state == "stopped" else count


def run_status(run: Run, names: Sequence[str]) -> RunStatus:
    """Where a run is.

    Args:
        run: The run folder.
        names: Its stages in order.
    """
    holder = run.holder()
    events = list(run.logged("begin", "end", "failed", "stopped", "cleared"))
    last_events = {event["stage"]: event for event in events}
    if last_events.get(DELIVERY, {"event": "end"})["event"] != "end":
        names = [*names, DELIVERY]
    last = events[-1] if events else {"event": ""}
    at_work = last["stage"] if holder and last["event"] == "begin" else ""
    stages = tuple(_stage_state(run, name, last_events.get(name, {}), at_work) for name in names)
    return RunStatus(_state(stages, last, holder), stages, holder, _progress(run, last) if at_work else None)


def _stage_state(run: Run, name: str, event: Mapping[str, Any], at_work: str) -> StageState:
    folder = run.stage(name)
    manifest = folder.manifest()
    if manifest is not None:
        counts = manifest["counts"]
        dropped = dict(sorted(counts["dropped"].items(), key=lambda item: -item[1]))
        return StageState(name, "done", "", 0, counts["read"], counts["kept"], dropped, counts["seconds"])
    shards = len(folder.committed())
    if name == at_work:
        return StageState(name, "running", shards=shards)
    if event.get("event") == "failed":
        return StageState(name, "failed", str(event.get("error", "")), shards)
    has_begun = event.get("event") in ("begin", "stopped") or shards > 0
    return StageState(name, "stopped" if has_begun else "to do", shards=shards)


def _state(stages: Sequence[StageState], last: Mapping[str, Any], holder: Holder | None) -> RunState:
    states = {stage.state for stage in stages}
    if holder is not None:
        return "running"
    if states == {"done"}:
        return "done"
    if "failed" in states and last["event"] not in ("begin", "stopped"):
        return "failed"
    return "to do" if states == {"to do"} else "stopped"


def _progress(run: Run, begin_event: Mapping[str, Any]) -> StageProgress:
    """How far the stage at work is; one that has reported nothing yet has its time alone."""
    progress = StageProgress(begin_event["stage"])
    with suppress(ValueError, TypeError, OSError):
        saved = StageProgress(**(run.saved_progress() or {}))
        progress = saved if saved.stage == begin_event["stage"] else progress
    with suppress(ValueError, KeyError, TypeError):
        started = datetime.strptime(begin_event["time"], "%Y-%m-%dT%H:%M:%S%z").timestamp()
        return replace(progress, seconds=max(0.0, round(time.time() - started)))
    return progress


def _stage_words(stage: StageState) -> str:
    if stage.state == "done":
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in stage.dropped.items())
        return f"{stage.kept:>9,} of {stage.read:>9,}  {stage.seconds:>8.1f} s  {reasons}".rstrip()
    shards = f", {stage.shards} shards are kept" if stage.shards else ""
    return f"{stage.state}{shards}" + (f": {stage.reason}" if stage.reason else "")


def _reason(stages: Sequence[StageState]) -> str:
    return next((f"{stage.name}: {stage.reason}" for stage in stages if stage.reason), "")
