"""What a run folder says of its own plan, so that a run can be read anywhere.

Written when a run starts. `status`, `report` and `export` read it beside manifests and shards, and look at nothing
else: neither documents nor seed nor base model need be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from humpback import models
from humpback.config import Config
from humpback.errors import StoreError
from humpback.method.auto import resolve_auto
from humpback.method.plan import Plan, plan
from humpback.method.settings_file import load_config
from humpback.records import Curated, Rewritten, SeedDirection, Segment
from humpback.runs.store import Run


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The model that everything starts from, as it was when the run started; all empty where nothing does."""

    name: str
    """Without the folders that it lies in: a card is made to be published."""
    identity: str
    licence: str
    notice: str
    """What its licence asks to be shown."""
    hub_id: str
    """Empty where it does not come from the hub."""


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """The plan of a run by the names of its stages; each handle is the one of `Plan`."""

    stages: tuple[str, ...]
    seed: str
    segments: str
    filters: tuple[str, ...]
    """From documents to segments, without the sampling."""
    backward: str
    """M_yx; empty where another model writes."""
    candidates: str
    models: tuple[str, ...]
    ratings: tuple[str, ...]
    curated: tuple[str, ...]
    evaluation: str
    """Empty where nothing is measured."""
    scorer: str
    """What 'auto' came to."""
    base: BaseModel
    seed_source: str
    """Without its folders, like the documents."""
    documents: tuple[str, ...]
    direction: str = ""
    """Where the seed's answers lie, which segments are chosen by; empty where none are chosen."""
    writer: str = ""
    """The model that writes in place of M_yx; empty where none does."""
    rater: str = ""
    """The model that rates in place of M_{t-1}; empty where none does."""
    rewriter: str = ""
    """The model that rewrites responses; empty where none does."""
    rewritten: str = ""
    """The stage of what it wrote."""
    judge: str = ""
    """The model that compares the last model's answers with those of M_0; empty where none does."""
    winrate: str = ""
    """The stage of its verdicts."""

    @property
    def pairs(self) -> tuple[str, type[Curated]]:
        """The stage of the pairs that the run ends with, rewritten or not, and their type."""
        return (self.rewritten, Rewritten) if self.rewritten else (self.curated[-1], Curated)


def record_of(plan_: Plan, config: Config, identity: str = "") -> PlanRecord:
    """The record of a plan that was made from these settings on this machine; `identity` is the base model's."""
    base = BaseModel("", "", "", "", "")
    if config.needs_base:
        licence, hub_id = models.licence(config.model), config.model.name if models.is_hub_id(config.model) else ""
        identity = identity or models.identify(config.model)
        base = BaseModel(_without_folders(config.model.name), identity, licence.name, licence.notice, hub_id)
    roles = {name: _without_folders(model.name) for name, model in config.models if model}
    return PlanRecord(
        stages=tuple(stage.name for stage in plan_),
        seed=plan_.seed.name,
        segments=plan_.segments.name,
        filters=tuple(
            stage.name for stage in plan_.corpus[: -1 if config.corpus.limit else None] if stage.makes is Segment
        ),
        backward=plan_.backward.name if plan_.backward else "",
        candidates=plan_.candidates.name,
        models=tuple(stage.name for stage in plan_.models),
        ratings=tuple(stage.name for stage in plan_.ratings),
        curated=tuple(stage.name for stage in plan_.curated),
        evaluation=plan_.evaluation.name if plan_.evaluation else "",
        scorer=resolve_auto(config).curate.scorer,
        base=base,
        seed_source=_without_folders(config.seed.source),
        documents=tuple(map(_without_folders, config.corpus.documents)),
        direction=next((stage.name for stage in plan_.corpus if stage.makes is SeedDirection), ""),
        rewritten=plan_.rewritten.name if plan_.rewritten else "",
        winrate=plan_.winrate.name if plan_.winrate else "",
        **roles,
    )


def save_record(run: Run, record: PlanRecord) -> None:
    """Writes `plan.json`."""
    run.save_plan(asdict(record))


def read_record(run: Run) -> PlanRecord:
    """The plan of a run that is there.

    A folder of an earlier version has no record: its plan is made again, for which sources and base model must be here.

    Raises:
        StoreError: The record is damaged.
    """
    content = run.saved_plan()
    if content is None:
        config = load_config(run)
        base = base_identity(run, config)
        return record_of(plan(config, base), config, base)
    try:
        return _from_json(content)
    except (KeyError, TypeError):
        raise StoreError(f"{run.plan_path} is damaged", "write it again with 'humpback run'") from None


def base_identity(run: Run, config: Config) -> str:
    """The identity of the base model, as the run has recorded it where an earlier version did; empty without one."""
    return models.identify(config.model, run.recorded_setting("model.identity")) if config.needs_base else ""


def stage_names(run: Run) -> tuple[str, ...]:
    """The stages of a run, an experiment or a single command, in order; a folder may hold a run and an experiment.

    Raises:
        StoreError: There is no run, or its record is damaged.
    """
    names = run.saved_stage_names()
    if run.plan_path.is_file() or not names:
        names = [*read_record(Run.existing(run.path)).stages, *names]
    return tuple(dict.fromkeys(names))


def _from_json(content: Mapping[str, Any]) -> PlanRecord:
    """What a newer version says besides is left out."""
    values = {item.name: content[item.name] for item in fields(PlanRecord) if item.name in content}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    values["base"] = BaseModel(**{item.name: content["base"][item.name] for item in fields(BaseModel)})
    return PlanRecord(**values)


def _without_folders(name: str) -> str:
    return Path(name).name if Path(name).is_absolute() or Path(name).exists() else name
