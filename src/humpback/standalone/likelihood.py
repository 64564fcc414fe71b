"""`humpback evaluate likelihood`: how likely models find anybody's pairs, compared pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from humpback.config import Config
from humpback.errors import ConfigError, StageError
from humpback.method.corpus import read_seed
from humpback.method.evaluation import pair_losses
from humpback.records import Direction, HeldOutLoss
from humpback.runs.stage import ExternalModel
from humpback.runs.store import Run
from humpback.standalone.tables import write_records
from humpback.standalone.work import PLAIN, Command, How, carry_out
from humpback.statistics.figures import span
from humpback.statistics.intervals import Interval, percentile_interval
from humpback.statistics.paired import Difference, Measured, difference, draws, line_up


@dataclass(frozen=True, slots=True)
class ModelLoss:
    """How likely one model finds the pairs, in nats per target token: lower is better."""

    model: str
    value: float
    interval: Interval
    """95 %, a bootstrap over pairs."""
    difference: Difference | None
    """Its loss minus the first model's, on the same pairs; None for the first model itself."""


def likelihood_lines(
    config: Config, names: Sequence[str], direction: Direction, losses: Path | None, how: How = PLAIN
) -> list[str]:
    """The loss of each model on pairs, and what it is above or below that of the first model; lines of figures.

    Args:
        config: The settings; `seed.source` names the pairs. None of the models should have been trained on them.
        names: The models.
        direction: Which side is predicted from the other.
        losses: File for the loss of each model on each pair: .jsonl or .parquet.
        how: How the command is carried out.

    Raises:
        ConfigError: A model is named twice.
        StageError: The models have no pair in common that they can read.
    """
    if len(set(names)) < len(names):
        raise ConfigError("a model is named twice", "name each one once")
    read = read_seed(config)
    plan = [read]
    for number, name in enumerate(names, 1):
        model = ExternalModel(name, config.model.model_copy(update={"name": name}))
        plan.append(pair_losses(config, f"losses-{number}", read, model, direction))

    def write(run: Run) -> list[str]:
        rows = [row for stage in plan[1:] for row in run.stage(stage.name).records(HeldOutLoss)]
        lines = list(_comparison_lines(rows, names, direction))
        if losses is None:
            return lines
        write_records(losses, HeldOutLoss, rows)
        return [*lines, f"wrote {losses}: {len(rows)} losses"]

    work, reads = losses or Path("likelihood"), (Path(config.seed.source),)
    return carry_out(Command(plan, config, work, write, (losses,), reads), how)


def model_losses(rows: Sequence[HeldOutLoss], names: Sequence[str]) -> tuple[tuple[ModelLoss, ...], int, int]:
    """What the losses say of each model, on the pairs that all of them can read.

    Args:
        rows: The loss of each model on each pair.
        names: The models; each is compared with the first.

    Returns:
        The models in order, the number of pairs, and of those left out because a model cannot read them.

    Raises:
        StageError: The models have no pair in common that they can read.
    """
    read = {name: {0: [Measured(row.id, row.nats, row.tokens) for row in rows if row.model == name]} for name in names}
    losses, left_out = line_up(read)
    first = losses[names[0]]
    if not first.totals.size:
        raise StageError("the models have no pair in common that they can read", "raise model.max_tokens")
    compared = tuple(
        ModelLoss(
            name,
            losses[name].value,
            percentile_interval(draws(losses[name])),
            difference(losses[name], first) if name != names[0] else None,
        )
        for name in names
    )
    return compared, first.totals.shape[1], left_out


def _comparison_lines(rows: Sequence[HeldOutLoss], names: Sequence[str], direction: Direction) -> Iterator[str]:
    losses, pairs, left_out = model_losses(rows, names)
    unread = f"; {left_out} that one of the models cannot read are left out" if left_out else ""
    measure = "nats per target token; 95 %, paired bootstrap over pairs"
    yield f"{pairs} pairs, {direction}s, {measure}{unread}"
    width = max(map(len, names))
    for loss in losses:
        line = f"{loss.model:<{width}}  {loss.value:.4f} ({span(loss.interval, '.4f')})"
        if apart := loss.difference:
            low, high = apart.interval.low, apart.interval.high
            verdict = "not told apart" if low <= 0 <= high else "better" if high < 0 else "worse"
            line += f"  against {names[0]} {apart.difference:+.4f} ({low:+.4f} to {high:+.4f}): {verdict}"
        yield line
