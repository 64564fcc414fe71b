"""A plan as lines: each stage with what it takes, and what is left in all. '~' marks an estimate, '?' what is open.

Where the price of an hour is set, time is said as money too.
"""

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


def plan_lines(forecasts: Sequence[StageForecast], price_per_hour: float = 0.0) -> Iterator[str]:
    """A line for each stage, and one for the time that is left."""
    width = max(len(item.status.stage.name) for item in forecasts)
    cost_head = f" {'cost':>9}" if price_per_hour else ""
    yield f"{'stage':<{width}}  state    {'records':>10} {'tokens':>12} {'time':>9}{cost_head}  what"
    for item in forecasts:
        state, stage = item.status, item.status.stage
        note = _note(state)
        tokens = _number(item.tokens, exact=item.exact) if stage.model or stage.makes is None else "-"
        numbers = [_number(item.read, exact=item.exact), tokens]
        time = _time(item.seconds, exact=item.exact)
        cost = f" {_cost(item.seconds, price_per_hour, exact=item.exact):>9}" if price_per_hour else ""
        yield f"{stage.name:<{width}}  {state.state:<7}  {numbers[0]:>10} {numbers[1]:>12} {time:>9}{cost}  {note}"
    unfinished = [item for item in forecasts if not item.exact]
    unknown = list(dict.fromkeys(kind_of(item.status.stage) for item in unfinished if item.seconds is None))
    seconds = sum(item.seconds or 0 for item in unfinished)
    if not unfinished:
        return
    if not seconds:
        yield "time: not known before something has run; 'humpback plan --measure' tries the stages in some minutes"
    else:
        beside = f", and the time of {', '.join(unknown)}" if unknown else ""
        cost = f", which cost {_cost(seconds, price_per_hour, exact=True)}" if price_per_hour else ""
        yield f"time: about {_time(seconds, exact=True)} are left{cost}{beside}"


def plan_values(item: StageForecast, price_per_hour: float = 0.0) -> dict[str, Any]:
    """The same of one stage, for `plan --json`: null is not known, and `exact` says whether figures are counted."""
    state = item.status
    values = {"name": state.stage.name, "state": state.state, "does": state.stage.does, "why": list(state.why)}
    figures = {"records": item.read, "tokens": item.tokens, "seconds": item.seconds, "exact": item.exact}
    cost = None if item.seconds is None or not price_per_hour else item.seconds / 3600 * price_per_hour
    return {**values, "shards": state.shards, **figures, "cost": cost}


def _note(state: StageStatus) -> str:
    notes = {"stale": in_words(state.why), "damaged": in_words(state.why), "begun": f"{state.shards} shards are kept"}
    return notes.get(state.state, state.stage.does)


def memory_line(config: Config) -> str:
    """What the trainings hold in memory at least; empty where there are none, or the base model's size is not known."""
    size = parameters(config.model) if config.run.train != "none" else None
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


def _cost(seconds: float | None, price_per_hour: float, *, exact: bool) -> str:
    if seconds is None:
        return "?"
    return f"{'' if exact else '~'}{seconds / 3600 * price_per_hour:,.2f}"
