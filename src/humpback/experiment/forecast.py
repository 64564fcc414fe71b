"""What is left of an experiment, and roughly how long it takes, judged by its finished stages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from humpback.experiment.plan import Grid
from humpback.runs.recipe import in_words
from humpback.runs.stage import Stage, Train
from humpback.runs.status import StageStatus
from humpback.runs.store import Run


@dataclass(frozen=True, slots=True)
class Forecast:
    """How far an experiment is, and what is left to do."""

    stages: tuple[StageStatus, ...]
    cells: int
    ended: int
    """Cells that are trained and measured."""
    to_do: Mapping[str, int]
    """Stages still to do, by kind."""
    seconds: float
    """For the stages of a kind of which one is finished."""
    unknown: tuple[str, ...]
    """Kinds of which no stage is finished yet."""


def forecast(grid: Grid, run: Run) -> Forecast:
    """Estimates from the finished stages what the others take.

    A training takes as long per pair as the finished ones; any other stage takes as long as one of its kind.
    """
    missing_models = set(grid.gone(run))
    standing = [_to_do_again(item) if item.stage.name in missing_models else item for item in grid.standing(run)]
    manifests = {item.stage.name: run.stage(item.stage.name).manifest() for item in standing if item.state == "done"}
    counts = {name: manifest["counts"] for name, manifest in manifests.items() if manifest}
    seconds: dict[str, list[float]] = {}
    for item in standing:
        if stage_counts := counts.get(item.stage.name):
            seconds.setdefault(_kind(item.stage), []).append(stage_counts["seconds"] / _units(item.stage, counts))
    to_do = [item.stage for item in standing if item.stage.name not in counts]
    predictable = [stage for stage in to_do if _kind(stage) in seconds]
    return Forecast(
        stages=tuple(standing),
        cells=len(grid.cells),
        ended=sum(counts.keys() >= set(cell.measured.values()) for cell in grid.cells),
        to_do=Counter(map(_kind, to_do)),
        seconds=sum(median(seconds[_kind(stage)]) * _units(stage, counts, grid) for stage in predictable),
        unknown=tuple(dict.fromkeys(_kind(stage) for stage in to_do if _kind(stage) not in seconds)),
    )


def forecast_lines(estimate: Forecast) -> Iterator[str]:
    """Every stage with its state, then what is left to do."""
    width = max(len(item.stage.name) for item in estimate.stages)
    for item in estimate.stages:
        note = {
            "stale": in_words(item.why),
            "damaged": in_words(item.why),
            "begun": f"{item.shards} shards are kept",
        }.get(item.state, item.stage.does)
        yield f"{item.stage.name:<{width}}  {item.state:<7}  {note}"
    yield f"{estimate.ended} of {estimate.cells} cells are trained and measured"
    if not estimate.to_do:
        return
    yield "to do: " + ", ".join(f"{count} {kind}" for kind, count in estimate.to_do.items())
    if not estimate.unknown:
        yield f"about {_time(estimate.seconds)}, judged by what is finished here"
    elif estimate.seconds:
        yield f"about {_time(estimate.seconds)}, and what {', '.join(estimate.unknown)} take: none is finished here yet"
    else:
        yield "how long that takes shows once something of each kind is finished here"


def _to_do_again(item: StageStatus) -> StageStatus:
    return replace(item, state="to do", stage=replace(item.stage, does=f"{item.stage.does}, again: its model is gone"))


def _kind(stage: Stage) -> str:
    """Stages of one kind take equally long: `forward-1.ifd-64.s2` is forward, `ratings-1.ifd` is 'ratings by ifd'."""
    kind = stage.name.partition(".")[0].rstrip("0123456789").rstrip("-")
    return f"{kind} by {stage.settings.get('curate.scorer')}" if kind == "ratings" else kind


def _units(stage: Stage, counts: Mapping[str, Mapping[str, Any]], grid: Grid | None = None) -> int:
    """The pairs of a training, those it read or those it will read; 1 for any other stage."""
    if not isinstance(stage.work, Train):
        return 1
    if grid is None:
        return max(1, counts[stage.name]["read"])
    start = grid.start
    seed_model = start.seed_model.name if start.seed_model else ""
    pairs = counts.get(seed_model, {}).get("read", 0) if start.seed.name in stage.needs else 0
    for need in stage.needs:
        if need != start.seed.name:
            size = grid.stages[need].settings.get("curate.select.top_n")
            pairs += (
                counts[need]["kept"] if need in counts else size or counts.get(start.candidates.name, {}).get("kept", 0)
            )
    return max(1, pairs)


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
