"""What the stages of a run will take, as far as it can be known before they run.

Counts of finished stages are exact. Others are estimates: of what goes through a stage from what its sources give, of
tokens and time from what a record took in a stage of the same kind, in this run or in a measurement. What follows from
neither is left open. Reads manifests, and the first pairs of the seed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from humpback import seed
from humpback.config import Config, TrainSettings
from humpback.method.plan import Plan
from humpback.runs.stage import MapShards, Shuffle, Stage, Train
from humpback.runs.status import StageStatus
from humpback.runs.store import Run

_COUNTED_PAIRS = 10_000
"""Pairs of the seed that are counted at most."""


@dataclass(frozen=True, slots=True)
class StageForecast:
    """What one stage takes. Exact where it is done, else estimated; None where it cannot be known yet."""

    status: StageStatus
    read: float | None
    """Records that go in."""
    kept: float | None
    """Records that come out."""
    tokens: float | None
    """Tokens that a model reads and writes."""
    seconds: float | None

    @property
    def exact(self) -> bool:
        """Whether these are counts."""
        return self.status.state == "done"


@dataclass(frozen=True, slots=True)
class Rate:
    """What a record took in a stage that is done; of a training, a pair each time that it was seen."""

    tokens: float
    seconds: float
    kept: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a short try on this machine has shown."""

    rates: Mapping[str, Rate] = field(default_factory=dict)
    """By the kind of stage."""
    pieces: float | None = None
    """What all documents are cut into, before the filters; None where the try does not tell."""


@dataclass(slots=True)
class _Facts:
    """What is known of the run so far."""

    config: Config
    pairs: int | None
    pieces: float | None
    rates: Mapping[str, Rate]
    kept: dict[str, float | None] = field(default_factory=dict)

    @property
    def heldout(self) -> int | None:
        """Pairs that are held out."""
        settings = self.config.seed
        pairs = self.kept.get("seed", self.pairs)
        return None if pairs is None else max(settings.holdout_min, round(settings.holdout_share * pairs))


def forecast(
    plan: Plan, states: Sequence[StageStatus], config: Config, run: Run, measured: Measurement
) -> list[StageForecast]:
    """What each stage takes.

    Args:
        plan: The stages of a run.
        states: Where each stands.
        config: The run's settings.
        run: Where it is carried out.
        measured: What counts where nothing of a kind is done in the run.
    """
    manifests = {stage.name: run.stage(stage.name).manifest() for stage in plan}
    if manifests[plan.seed.name]:
        pairs = None
    else:
        first, are_all = seed.first_pairs(config.seed, config.run.seed, _COUNTED_PAIRS)
        pairs = len(first) if are_all or config.seed.limit else None
    rates = {**measured.rates, **rates_of(plan, run)}
    facts, forecasts = _Facts(config, pairs, measured.pieces, rates), []
    for item in states:
        manifest = manifests[item.stage.name] if item.state == "done" else None
        expected = _counted(item, manifest["counts"]) if manifest else _expected(item, plan, facts)
        facts.kept[item.stage.name] = expected.kept
        forecasts.append(expected)
    return forecasts


def kind_of(stage: Stage) -> str:
    """Stages of one kind take equally long for a record: 'ratings-1' and 'ratings-2'."""
    return re.sub(r"-\d+", "", stage.name)


def rates_of(plan: Plan, run: Run) -> dict[str, Rate]:
    """What a record took in the finished stages of a run, by the kind of stage."""
    rates = {}
    for stage in plan:
        manifest = run.stage(stage.name).manifest()
        if manifest and (units := _units(manifest)):
            counts = manifest["counts"]
            tokens, seconds = counts["tokens_read"] + counts["tokens_written"], counts["seconds"]
            rates[kind_of(stage)] = Rate(tokens / units, seconds / units, counts["kept"] / max(1, counts["read"]))
    return rates


def _units(manifest: Mapping[str, Any]) -> int:
    """What the time of a stage is shared by: of a training the pairs that it saw, of any other the records read."""
    training = manifest.get("training", {})
    return int(training.get("steps", 0) * training.get("batch_size", 0)) or int(manifest["counts"]["read"])


def _counted(item: StageStatus, counts: Mapping[str, Any]) -> StageForecast:
    tokens = counts["tokens_read"] + counts["tokens_written"]
    return StageForecast(item, counts["read"], counts["kept"], tokens, counts["seconds"])


def _expected(item: StageStatus, plan: Plan, facts: _Facts) -> StageForecast:
    stage, rates = item.stage, facts.rates
    rate = rates.get(kind_of(stage))
    if isinstance(stage.work, Train):
        # Both directions train the same base on texts of the same length.
        rate = rate or rates.get("forward") or rates.get("backward")
    read = _read(stage, plan, facts)
    units = _pairs_seen(stage, read, facts.config) if rate and read and isinstance(stage.work, Train) else read
    kept = _kept(stage, plan, read, rate, facts)
    if rate is None or units is None:
        return StageForecast(item, read, kept, None, None)
    return StageForecast(item, read, kept, units * rate.tokens, units * rate.seconds)


def _read(stage: Stage, plan: Plan, facts: _Facts) -> float | None:
    """Records that go into a stage that is not done."""
    heldout, pairs = facts.heldout, facts.kept.get(plan.seed.name)
    if stage.name == plan.seed.name:
        return facts.pairs
    if stage.name == plan.corpus[0].name:
        return facts.pieces
    if isinstance(stage.work, MapShards):
        return facts.kept.get(stage.work.over[0][0])
    if isinstance(stage.work, Shuffle):
        return facts.kept.get(stage.work.over[0])
    if heldout is None or pairs is None:
        return facts.kept.get(stage.needs[0]) if stage.name == "sample" else None
    if isinstance(stage.work, Train):
        curated = [facts.kept.get(name) for name in stage.needs if name != plan.seed.name]
        return None if None in curated else pairs - heldout + sum(size or 0 for size in curated)
    if plan.evaluation and stage.name == plan.evaluation.name:
        return heldout * (len(plan.models) + (3 if plan.backward else 1))
    if stage.name == "prompts":
        return min(heldout, facts.config.evaluate.winrate.limit or heldout)
    if kind_of(stage) == "calibration":
        return min(facts.config.curate.calibration_pairs, pairs - heldout)
    return facts.kept.get(stage.needs[0]) if stage.name == "sample" else None


def _kept(stage: Stage, plan: Plan, read: float | None, rate: Rate | None, facts: _Facts) -> float | None:
    """Records that come out of a stage that is not done."""
    rule, limit = facts.config.curate.select, facts.config.corpus.limit
    if stage.name == "sample":
        return limit if read is None else min(limit, read)
    if stage in plan.curated:
        if rule.top_n is not None or rule.top_share is not None:
            most = rule.top_n if rule.top_n is not None else (rule.top_share or 0) * (read or 0)
            return most if read else None
        return read * rate.kept if read is not None and rate else None
    if read is None or isinstance(stage.work, Train):
        return read
    return read * rate.kept if rate else read


def _pairs_seen(stage: Stage, pairs: float, config: Config) -> float:
    """How many pairs a training sees, repetitions counted."""
    from humpback.training.schedule import steps_and_batch

    settings: TrainSettings = config.backward
    if "backward.method" not in stage.settings:
        alone = len(stage.needs) == 1
        settings = config.forward.of_seed_model if alone else config.forward.of_later_models
    schedule = steps_and_batch(max(1, round(pairs)), settings)
    return schedule.steps * schedule.batch_size
