"""What an experiment has still to do, and roughly how long it takes, by the stages of its kind that are finished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from humpback.experiment.plan import Grid
from humpback.runs.stage import Stage, Train
from humpback.runs.status import StageStatus
from humpback.runs.store import Run


@dataclass(frozen=True, slots=True)
class Forecast:
    """How far an experiment is, and what is left."""

    stages: tuple[StageStatus, ...]
    cells: int
    ended: int
    """Cells that are trained and measured."""
    left: Mapping[str, int]
    """Stages still to do, by kind."""
    seconds: float
    """For those of a kind of which one is finished here."""
    unknown: tuple[str, ...]
    """Kinds that nothing is known of yet."""


def forecast(grid: Grid, run: Run) -> Forecast:
    """Looks at what is finished, and reckons from it what is not.

    A training takes what others took for a pair, times its pairs; any other stage takes what one of its kind took.
    """
    gone = set(grid.gone(run))
    found = [_again(item) if item.stage.name in gone else item for item in grid.standing(run)]
    manifests = {item.stage.name: run.stage(item.stage.name).manifest() for item in found if item.state == "done"}
    counts = {name: manifest["counts"] for name, manifest in manifests.items() if manifest}
    took: dict[str, list[float]] = {}
    for item in found:
        if of := counts.get(item.stage.name):
            took.setdefault(_kind(item.stage), []).append(of["seconds"] / _units(item.stage, counts))
    left = [item.stage for item in found if item.stage.name not in counts]
    known = [stage for stage in left if _kind(stage) in took]
    return Forecast(
        stages=tuple(found),
        cells=len(grid.cells),
        ended=sum(counts.keys() >= set(cell.measured.values()) for cell in grid.cells),
        left=Counter(map(_kind, left)),
        seconds=sum(median(took[_kind(stage)]) * _units(stage, counts, grid) for stage in known),
        unknown=tuple(dict.fromkeys(_kind(stage) for stage in left if _kind(stage) not in took)),
    )


def forecast_lines(found: Forecast) -> Iterator[str]:
    """Every stage and where it stands, then what is left."""
    width = max(len(item.stage.name) for item in found.stages)
    for item in found.stages:
        note = {"stale": "; ".join(item.why), "begun": f"{item.shards} shards are kept"}.get(
            item.state, item.stage.does
        )
        yield f"{item.stage.name:<{width}}  {item.state:<5}  {note}"
    yield f"{found.ended} of {found.cells} cells are trained and measured"
    if not found.left:
        return
    yield "to do: " + ", ".join(f"{count} {kind}" for kind, count in found.left.items())
    if not found.unknown:
        yield f"about {_time(found.seconds)}, by what is finished here"
    elif found.seconds:
        yield f"about {_time(found.seconds)}, and what {', '.join(found.unknown)} take: none is finished here yet"
    else:
        yield "how long that takes shows once something of each kind is finished here"


def _again(item: StageStatus) -> StageStatus:
    return replace(item, state="to do", stage=replace(item.stage, does=f"{item.stage.does}, again: its model is gone"))


def _kind(stage: Stage) -> str:
    """What takes alike: of `forward-1.ifd-64.s2` forward, of `ratings-1.ifd` 'ratings by ifd'."""
    kind = stage.name.partition(".")[0].rstrip("0123456789").rstrip("-")
    return f"{kind} by {stage.settings.get('curate.scorer')}" if kind == "ratings" else kind


def _units(stage: Stage, counts: Mapping[str, Mapping[str, Any]], grid: Grid | None = None) -> int:
    """The pairs of a training, those it read or those it will read; 1 for any other stage."""
    if not isinstance(stage.work, Train):
        return 1
    if grid is None:
        return max(1, counts[stage.name]["read"])
    pairs = counts.get("forward-0", {}).get("read", 0) if "seed" in stage.needs else 0
    for need in stage.needs:
        if need != "seed":
            size = grid.stages[need].settings.get("curate.select.top_n")
            pairs += counts[need]["kept"] if need in counts else size or counts.get("candidates", {}).get("kept", 0)
    return max(1, pairs)


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
