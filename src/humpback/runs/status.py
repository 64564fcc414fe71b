"""What of a plan is done, stale or still to do. Reads manifests only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from humpback.runs.recipe import ALL_BYTES, Recipe
from humpback.runs.stage import Stage
from humpback.runs.store import Run

State = Literal["done", "begun", "stale", "to do"]


@dataclass(frozen=True, slots=True)
class StageStatus:
    """Where one stage of a plan stands.

    Attributes:
        stage: The stage.
        recipe: What it would be made by now.
        state: 'begun' has committed shards or checkpoints that the next run goes on from.
        why: For 'stale': the settings or stages that changed.
        shards: Committed shards.
    """

    stage: Stage
    recipe: Recipe
    state: State
    why: tuple[str, ...] = ()
    shards: int = 0


def recipes(plan: Sequence[Stage], run: Run | None = None) -> dict[str, Recipe]:
    """The recipe of every stage, by name, each with the fingerprints of those it needs.

    A stage of the run folder that was made before recipes had `ALL_BYTES` is compared without it.
    """
    by_name: dict[str, Recipe] = {}
    for stage in plan:
        upstream = {name: by_name[name].fingerprint for name in stage.needs}
        origins = {key: text for key, text in stage.origins.items() if key in stage.settings}
        origins |= {f"model.{model.name}": f"model {model.settings.name}" for model in stage.external}
        settings = dict(stage.settings)
        old = run.stage(stage.name).recipe() if run and settings.get(ALL_BYTES) else None
        if old and ALL_BYTES not in old["settings"]:
            del settings[ALL_BYTES]
        by_name[stage.name] = Recipe(stage.name, stage.version, settings, upstream, origins)
    return by_name


def with_dependents(plan: Sequence[Stage], names: Sequence[str]) -> set[str]:
    """These stages and all that stand on them."""
    dependents = set(names)
    for stage in plan:
        if dependents.intersection(stage.needs):
            dependents.add(stage.name)
    return dependents


def status(plan: Sequence[Stage], run: Run) -> list[StageStatus]:
    """Compares a plan with what its run folder holds."""
    states = []
    for stage, recipe in zip(plan, recipes(plan, run).values(), strict=True):
        folder = run.stage(stage.name)
        old = folder.recipe()
        shards = len(folder.committed()) if old else 0
        if old is None or not (folder.manifest() or folder.has_work()):
            states.append(StageStatus(stage, recipe, "to do"))
        elif old.get("fingerprint") != recipe.fingerprint:
            states.append(StageStatus(stage, recipe, "stale", tuple(recipe.changes_since(old)), shards))
        else:
            state: State = "done" if folder.manifest() else "begun"
            states.append(StageStatus(stage, recipe, state, (), shards))
    return states
