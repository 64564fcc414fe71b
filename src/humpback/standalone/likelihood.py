"""How likely models find somebody's pairs, compared pair by pair. Goes on after a kill, like a stage: it is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from humpback import models, prompts, seed
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.data_access.record_tables import TableWriter
from humpback.errors import ConfigError, StageError
from humpback.evaluate.heldout import heldout_losses
from humpback.method.settings_file import with_changes
from humpback.records import Direction, HeldOutLoss, Outcome
from humpback.runs.executor import execute
from humpback.runs.stage import Inputs, Produce, Stage
from humpback.runs.status import status
from humpback.runs.store import Run, remove
from humpback.statistics.intervals import percentile_interval
from humpback.statistics.paired import Measured, difference, draws, line_up

_WINDOW = 64
"""Pairs that are read and committed together: what a kill can cost."""


def likelihood_lines(
    pairs: str, names: Sequence[str], direction: Direction, out: Path | None, changes: list[str]
) -> Iterator[str]:
    """The loss of each model on pairs, and what it is above or below that of the first model; lines of figures.

    Args:
        pairs: Pairs as `seed.source` takes them. None of the models should have been trained on them.
        names: The models.
        direction: Which side is predicted from the other.
        out: File for the loss of each model on each pair: .jsonl or .parquet.
        changes: Settings to change.

    Raises:
        ConfigError: A model is named twice.
        StageError: The models have no pair in common that they can read.
    """
    if len(set(names)) < len(names):
        raise ConfigError("a model is named twice", "name each one once")
    config = with_changes(Config.model_validate({"seed": {"source": pairs}}), changes)
    stage = _stage(config, names, direction)
    beside = out or Path("likelihood")
    run = Run(beside.with_name(f".{beside.name}.work"))
    with TableWriter(out, HeldOutLoss) as table, run.locked():
        execute([stage], run, config, [one.stage.name for one in status([stage], run) if one.state == "stale"])
        rows = list(run.stage(stage.name).records(HeldOutLoss))
        table.write(rows)
    remove(run.path)
    yield from _compared(rows, names, direction)
    if out is not None:
        yield f"wrote {out}: {len(rows)} losses"


def _stage(config: Config, names: Sequence[str], direction: Direction) -> Stage:
    """One part for each model."""
    each = [config.model.model_copy(update={"name": name}) for name in names]

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[HeldOutLoss]]:
        from humpback.engines.open import open_engine

        given = seed.read_seed(config.seed, config.run.seed).kept
        if done * _WINDOW >= len(given):
            return
        with open_engine(each[part]) as engine:
            for start in range(done * _WINDOW, len(given), _WINDOW):
                yield heldout_losses(given[start : start + _WINDOW], engine, names[part], direction, config.tags)

    settings = flat_settings(config, "tags", "seed", "model.max_tokens", "model.engine", "run.seed")
    settings |= {"seed.content": seed.source_digest(config.seed), "prompts": prompts.prompt_digest(direction)}
    settings |= {"models": [models.identify(one) for one in each], "direction": direction}
    work = Produce(shards, len(each))
    return Stage("likelihood", "read pairs", (), settings, work, HeldOutLoss, model=True, hint="give shorter pairs")


def _compared(rows: Sequence[HeldOutLoss], names: Sequence[str], direction: Direction) -> Iterator[str]:
    read = {name: {0: [Measured(row.id, row.nats, row.tokens) for row in rows if row.model == name]} for name in names}
    found, left_out = line_up(read)
    first = found[names[0]]
    if not first.totals.size:
        raise StageError("the models have no pair in common that they can read", "raise model.max_tokens")
    left = f"; {left_out} that one of the models cannot read are left out" if left_out else ""
    yield f"{first.totals.shape[1]} pairs, {direction}s, nats per target token; 95 %, paired bootstrap over pairs{left}"
    width = max(map(len, names))
    for name in names:
        here = percentile_interval(draws(found[name]))
        line = f"{name:<{width}}  {found[name].value:.4f} ({here.low:.4f} to {here.high:.4f})"
        if name != names[0]:
            apart = difference(found[name], first)
            low, high = apart.interval.low, apart.interval.high
            verdict = "not told apart" if low <= 0 <= high else "better" if high < 0 else "worse"
            line += f"  against {names[0]} {apart.difference:+.4f} ({low:+.4f} to {high:+.4f}): {verdict}"
        yield line
