"""What is measured of each model of an experiment: a stage that measures it, and what it found on each item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from humpback.config import Config
from humpback.config.experiment import ExperimentSettings
from humpback.experiment.following import IfEval
from humpback.experiment.renamed import renamed
from humpback.experiment.winning import WinRateOf
from humpback.method.evaluation import evaluate
from humpback.records import HeldOutLoss
from humpback.runs.stage import Stage
from humpback.runs.store import StageFolder
from humpback.statistics.paired import Measured


class Measure(Protocol):
    """One kind of measurement. Another one is one class and its name in `ExperimentSettings.measures`."""

    @property
    def name(self) -> str:
        """How the settings, and the names of its stages, call it."""
        ...

    @property
    def title(self) -> str:
        """What is measured, with its unit, for people."""
        ...

    @property
    def lower_is_better(self) -> bool:
        """Which way is better."""
        ...

    def stages(self, config: Config, seed: Stage, model: Stage | None, name: str) -> tuple[Stage, ...]:
        """The stages that measure a model; the last one holds what was found.

        Args:
            config: The settings the model was trained with.
            seed: The stage of the seed pairs.
            model: The stage of the model; None for the base.
            name: What to call the last stage.
        """
        ...

    def read(self, folder: StageFolder) -> Iterator[Measured]:
        """What the last stage found, item by item."""
        ...


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The loss on the held-out seed pairs, forwards, under the tag of seed pairs."""

    name: str = "heldout"
    title: str = "held-out loss, nats per target token"
    lower_is_better: bool = True

    def stages(self, config: Config, seed: Stage, model: Stage | None, name: str) -> tuple[Stage, ...]:
        """One model, measured on every held-out pair."""
        called = model.name if model else "base"
        measuring = evaluate(config, [(called, "forward")], [seed, *([model] if model else [])])
        return (renamed(measuring, name, f"measure {called} on held-out pairs"),)

    def read(self, folder: StageFolder) -> Iterator[Measured]:
        """Nats and target tokens of each pair."""
        for row in folder.records(HeldOutLoss):
            yield Measured(row.id, row.nats, row.tokens)


def measures_of(experiment: ExperimentSettings) -> tuple[Measure, ...]:
    """The measures that an experiment asks for, in its order."""
    known: dict[str, Measure] = {
        "heldout": HeldOut(),
        "ifeval": IfEval(experiment.ifeval),
        "winrate": WinRateOf(experiment.winrate),
    }
    return tuple(known[name] for name in experiment.measures)
