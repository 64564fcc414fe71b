"""A short try on this machine: the stages up to the first rating, on a few segments, with trainings of a few steps.

Its rates are those of the run's own model, settings and texts, and its results are thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from math import ceil
from pathlib import Path

from humpback.config import Config, TrainSettings
from humpback.corpus.reading.sources import list_sources
from humpback.errors import HumpbackError
from humpback.method.forecast import Measurement, kind_of, rates_of
from humpback.method.plan import Plan, plan
from humpback.records import Outcome, Segment, record_rng_seed
from humpback.runs.executor import execute
from humpback.runs.progress import Progress, StageProgress
from humpback.runs.recipe import Counts
from humpback.runs.stage import Inputs, Produce, Stage
from humpback.runs.store import Run

_SOURCES = 16
_DOCUMENTS = 4
"""Of each source at most."""
_SEGMENTS = 12
_STEPS = 2


def measure(config: Config, base: str, folder: Path, progress: Progress) -> tuple[Measurement, str]:
    """Carries the stages up to the first rating out on a little of the data.

    Args:
        config: The settings of the run.
        base: Identity of the base model.
        folder: An empty folder on this machine.
        progress: Whom to tell.

    Returns:
        What was measured, and why it ended early, if it did.
    """
    import humpback.training.train  # noqa: F401 - the first training must not be charged with it

    small, timed, drawn, why = _for_a_short_try(config), _StepTimes(progress), _Drawn(config), ""
    short_plan, run = plan(small, base), Run(folder)
    with run.locked():
        try:
            execute(_up_to_rating(short_plan, drawn), run, small, progress=timed)
        except HumpbackError as error:  # what came before it is measured all the same
            why = str(error)
    rates = rates_of(short_plan, run)
    for stage in (stage for stage in (short_plan.backward, *short_plan.models) if stage):
        if (seconds := timed.of_a_step(stage.name)) and (manifest := run.stage(stage.name).manifest()):
            kind, batch = kind_of(stage), manifest["training"]["batch_size"]
            rates[kind] = replace(rates[kind], seconds=seconds / batch)
    if manifest := run.stage(short_plan.seed.name).manifest():
        counts = manifest["counts"]
        usable = counts["kept"] + counts["dropped"].get("not sampled", 0)  # the limit is that of the try
        rates[kind_of(short_plan.seed)] = replace(rates[kind_of(short_plan.seed)], kept=usable / max(1, counts["read"]))
    manifest = run.stage(short_plan.corpus[0].name).manifest()
    pieces = manifest["counts"]["read"] / drawn.share if manifest and drawn.share else None
    return Measurement(rates, pieces), why


def _for_a_short_try(config: Config) -> Config:
    def training(settings: TrainSettings) -> TrainSettings:
        return settings.model_copy(update={"steps": _STEPS, "epochs": None, "seed_epochs": None, "warmup_steps": 0})

    pairs = ceil(6 * config.seed.holdout_min / (1 - config.seed.holdout_share))
    limit = min(pairs, config.seed.limit or pairs)
    calibration = min(16, config.curate.calibration_pairs)
    return config.model_copy(
        update={
            "run": config.run.model_copy(update={"iterations": 1, "shard_rows": _SEGMENTS // 2}),
            "seed": config.seed.model_copy(update={"limit": limit}),
            "corpus": config.corpus.model_copy(update={"limit": _SEGMENTS}),
            "backward": training(config.backward),
            "forward": training(config.forward),
            "curate": config.curate.model_copy(update={"calibration_pairs": calibration}),
        }
    )


def _up_to_rating(short_plan: Plan, drawn: _Drawn) -> list[Stage]:
    names = [stage.name for stage in short_plan]
    stages = list(short_plan)[: names.index(short_plan.ratings[0].name) + 1]
    few = replace(short_plan.corpus[0], work=Produce(drawn.segments))
    return [few if stage.name == few.name else stage for stage in stages]


class _Drawn:
    """Some sources of the corpus, drawn by chance.

    Attributes:
        share: The part that they are of the corpus, by their bytes; 0 where they were not read to their end.
    """

    def __init__(self, config: Config) -> None:
        self._corpus = config.corpus
        sources = list_sources(config.corpus)
        order = sorted(sources, key=lambda source: record_rng_seed(config.run.seed, "try", source.name))
        self._sources = order[:_SOURCES]
        total = sum(source.size for source in sources)
        self.share = sum(source.size for source in self._sources) / total if total else 0.0

    def segments(self, inputs: Inputs, part: int, committed: int) -> Iterator[Outcome[Segment]]:
        """Segments of the first documents of each."""
        from humpback.corpus.cut import cut
        from humpback.corpus.readers import read_documents

        for source in self._sources:
            documents = read_documents(self._corpus, [source])
            yield cut(islice(documents, _DOCUMENTS), self._corpus)
            if next(documents, None) is not None:
                self.share = 0.0


class _StepTimes:
    """Forwards everything, and notes when each step of a training was made: loading a model is no part of a step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage = ""
        self._times: dict[str, list[float]] = {}

    def prepare(self, stages: int, completed: int) -> None:
        """So many stages are carried out."""
        self._progress.prepare(stages, completed)

    def begin(self, stage: Stage) -> None:
        """A stage starts."""
        self._stage = stage.name
        self._progress.begin(stage)

    def advance(self, progress: StageProgress) -> None:
        """A task or a step is done, or a model has answered meanwhile."""
        times = self._times.setdefault(self._stage, [])
        if progress.completed > len(times):
            times.append(time.monotonic())
        self._progress.advance(progress)

    def end(self, stage: Stage, counts: Counts) -> None:
        """A stage is done."""
        self._progress.end(stage, counts)

    def of_a_step(self, stage: str) -> float:
        """Seconds that a step took, the first one aside; 0 where there was one alone."""
        times = self._times.get(stage, [])
        return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
