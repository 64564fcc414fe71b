"""A plan as lines: each stage with what it takes, and what is left in all. '~' marks an estimate, '?' what is open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from humpback.config import Config
from humpback.method.forecast import StageForecast, kind_of
from humpback.models.size import parameters
from humpback.runs.recipe import in_words
from humpback.runs.status import StageStatus
from humpback.training.requirements import training_memory_bytes

_GIB = 1 << 30


def plan_lines(forecasts: Sequence[StageForecast]) -> Iterator[str]:
    """A line for each stage, and one for the time that is left."""
    width = max(len(item.status.stage.name) for item in forecasts)
    yield f"{'stage':<{width}}  state    {'records':>10} {'tokens':>12} {'time':>9}  what"
    for item in forecasts:
        state, stage = item.status, item.status.stage
        note = _note(state)
        tokens = _number(item.tokens, exact=item.exact) if stage.model or stage.makes is None else "-"
        numbers = [_number(item.read, exact=item.exact), tokens]
        time = _time(item.seconds, exact=item.exact)
        yield f"{stage.name:<{width}}  {state.state:<7}  {numbers[0]:>10} {numbers[1]:>12} {time:>9}  {note}"
    left = [item for item in forecasts if not item.exact]
    unknown = list(dict.fromkeys(kind_of(item.status.stage) for item in left if item.seconds is None))
    seconds = sum(item.seconds or 0 for item in left)
    if not left:
        return
    if not seconds:
        yield "time: not known before something has run; 'humpback plan --measure' tries the stages in some minutes"
    else:
        beside = f", and the time of {', '.join(unknown)}" if unknown else ""
        yield f"time: about {_time(seconds, exact=True)} are left{beside}"


def plan_values(item: StageForecast) -> dict[str, Any]:
    """The same of one stage, for `plan --json`: null is not known, and `exact` says whether figures are counted."""
    state = item.status
    values = {"name": state.stage.name, "state": state.state, "does": state.stage.does, "why": list(state.why)}
    figures = {"records": item.read, "tokens": item.tokens, "seconds": item.seconds, "exact": item.exact}
    return {**values, "shards": state.shards, **figures}


def _note(state: StageStatus) -> str:
    notes = {"stale": in_words(state.why), "damaged": in_words(state.why), "begun": f"{state.shards} shards are kept"}
    return notes.get(state.state, state.stage.does)


def memory_line(config: Config) -> str:
    """What the trainings hold in memory at least; empty where the base model's size is not known yet."""
    size = parameters(config.model)
    if size is None:
        return ""
    weight = 2 if config.model.dtype == "bfloat16" else 4
    most = max(training_memory_bytes(training, size, weight) for training in (config.backward, config.forward))
    return f"memory: a training takes at least {most / _GIB:.1f} GiB, and more for long batches"


def _number(value: float | None, *, exact: bool) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}" if exact else f"~{value:,.0f}"


def _time(seconds: float | None, *, exact: bool) -> str:
    if seconds is None:
        return "?"
    minutes = f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
    return ("" if exact else "~") + (f"{seconds:.0f} s" if seconds < 120 else minutes)
