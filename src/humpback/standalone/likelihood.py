"""`humpback evaluate likelihood`: how likely models find anybody's pairs, compared pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from humpback.config import Config
from humpback.errors import ConfigError, StageError
from humpback.method.corpus import read_seed
from humpback.method.evaluation import pair_losses
from humpback.method.settings_file import with_changes
from humpback.records import Direction, HeldOutLoss
from humpback.runs.stage import ExternalModel
from humpback.runs.store import Run
from humpback.standalone.tables import write_records
from humpback.standalone.work import Command, How, carry_out
from humpback.statistics.figures import span
from humpback.statistics.intervals import percentile_interval
from humpback.statistics.paired import Measured, difference, draws, line_up

_DEFAULT = How()


def likelihood_lines(
    pairs: str, names: Sequence[str], direction: Direction, out: Path | None, changes: list[str], how: How = _DEFAULT
) -> list[str]:
    """The loss of each model on pairs, and what it is above or below that of the first model; lines of figures.

    Args:
        pairs: Pairs as `seed.source` takes them. None of the models should have been trained on them.
        names: The models.
        direction: Which side is predicted from the other.
        out: File for the loss of each model on each pair: .jsonl or .parquet.
        changes: Settings to change.
        how: How the command is carried out.

    Raises:
        ConfigError: A model is named twice.
        StageError: The models have no pair in common that they can read.
    """
    if len(set(names)) < len(names):
        raise ConfigError("a model is named twice", "name each one once")
    config = with_changes(Config.model_validate({"seed": {"source": pairs}}), changes)
    read = read_seed(config)
    plan = [read]
    for number, name in enumerate(names, 1):
        model = ExternalModel(name, config.model.model_copy(update={"name": name}))
        plan.append(pair_losses(config, f"losses-{number}", read, model, direction))

    def write(run: Run) -> list[str]:
        rows = [row for stage in plan[1:] for row in run.stage(stage.name).records(HeldOutLoss)]
        lines = list(_compared(rows, names, direction))
        if out is None:
            return lines
        write_records(out, HeldOutLoss, rows)
        return [*lines, f"wrote {out}: {len(rows)} losses"]

    writes = (out,) if out else ()
    return carry_out(Command(plan, config, out or Path("likelihood"), write, writes, (Path(pairs),)), how)


def _compared(rows: Sequence[HeldOutLoss], names: Sequence[str], direction: Direction) -> Iterator[str]:
    read = {name: {0: [Measured(row.id, row.nats, row.tokens) for row in rows if row.model == name]} for name in names}
    losses, left_out = line_up(read)
    first = losses[names[0]]
    if not first.totals.size:
        raise StageError("the models have no pair in common that they can read", "raise model.max_tokens")
    unread = f"; {left_out} that one of the models cannot read are left out" if left_out else ""
    measure = "nats per target token; 95 %, paired bootstrap over pairs"
    yield f"{first.totals.shape[1]} pairs, {direction}s, {measure}{unread}"
    width = max(map(len, names))
    for name in names:
        interval = percentile_interval(draws(losses[name]))
        line = f"{name:<{width}}  {losses[name].value:.4f} ({span(interval, '.4f')})"
        if name != names[0]:
            apart = difference(losses[name], first)
            low, high = apart.interval.low, apart.interval.high
            verdict = "not told apart" if low <= 0 <= high else "better" if high < 0 else "worse"
            line += f"  against {names[0]} {apart.difference:+.4f} ({low:+.4f} to {high:+.4f}): {verdict}"
        yield line
