"""The measures of an experiment: stages that measure a model, and a reading of their results item by item."""

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
        """Its name in the settings and in the names of its stages."""
        ...

    @property
    def title(self) -> str:
        """What is measured, with its unit, for people."""
        ...

    @property
    def lower_is_better(self) -> bool:
        """Whether a lower figure is better."""
        ...

    def stages(self, config: Config, seed: Stage, model: Stage | None, name: str) -> tuple[Stage, ...]:
        """The stages that measure a model; the last one holds the results.

        Args:
            config: The settings the model was trained with.
            seed: The stage of the seed pairs.
            model: The stage of the model; None for the base.
            name: What to call the last stage.
        """
        ...

    def read(self, folder: StageFolder) -> Iterator[Measured]:
        """The results of the last stage, item by item."""
        ...


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The loss on the held-out seed pairs, forwards, under the tag of seed pairs."""

    name: str = "heldout"
    title: str = "held-out loss, nats per target token"
    lower_is_better: bool = True

    def stages(self, config: Config, seed: Stage, model: Stage | None, name: str) -> tuple[Stage, ...]:
        """One model, measured on every held-out pair."""
        model_name = model.name if model else "base"
        measuring = evaluate(config, [(model_name, "forward")], [seed, *([model] if model else [])])
        return (renamed(measuring, name, f"measure {model_name} on held-out pairs"),)

    def read(self, folder: StageFolder) -> Iterator[Measured]:
        """Nats and target tokens of each pair."""
        for row in folder.records(HeldOutLoss):
            yield Measured(row.id, row.nats, row.tokens)


def measures_of(experiment: ExperimentSettings) -> tuple[Measure, ...]:
    """The measures that an experiment asks for, in its order."""
    measures: dict[str, Measure] = {
        "heldout": HeldOut(),
        "ifeval": IfEval(experiment.ifeval),
        "winrate": WinRateOf(experiment.winrate),
    }
    return tuple(measures[name] for name in experiment.measures)
