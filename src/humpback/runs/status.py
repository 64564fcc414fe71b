"""What of a plan is done, stale or still to do. Reads manifests only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from humpback.errors import StoreError
from humpback.runs.recipe import Recipe
from humpback.runs.stage import Stage
from humpback.runs.store import Run

State = Literal["done", "begun", "stale", "damaged", "to do"]


@dataclass(frozen=True, slots=True)
class StageStatus:
    """Where one stage of a plan stands.

    Attributes:
        stage: The stage.
        recipe: What it would be made by now.
        state: 'begun' has committed shards or checkpoints that the next run goes on from.
        why: For 'stale': the settings or stages that changed; for 'damaged': which file, and how.
        shards: Committed shards.
    """

    stage: Stage
    recipe: Recipe
    state: State
    why: tuple[str, ...] = ()
    shards: int = 0


def recipes(plan: Sequence[Stage]) -> dict[str, Recipe]:
    """The recipe of every stage, by name, each with the fingerprints of those it needs."""
    by_name: dict[str, Recipe] = {}
    for stage in plan:
        upstream = {name: by_name[name].fingerprint for name in stage.needs}
        origins = {key: text for key, text in stage.origins.items() if key in stage.settings}
        origins |= {f"model.{model.name}": f"model {model.settings.name}" for model in stage.external}
        by_name[stage.name] = Recipe(stage.name, stage.version, stage.settings, upstream, origins)
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
    return [_stage_status(stage, recipe, run) for stage, recipe in zip(plan, recipes(plan).values(), strict=True)]


def _stage_status(stage: Stage, recipe: Recipe, run: Run) -> StageStatus:
    folder = run.stage(stage.name)
    try:
        old = folder.recipe()
        damage = folder.damage()
    except StoreError as error:
        return StageStatus(stage, recipe, "damaged", (error.what.removeprefix(f"{stage.name}: "),))
    if old is None or not (folder.manifest() or folder.has_work()):
        return StageStatus(stage, recipe, "to do")
    if old.get("fingerprint") != recipe.fingerprint:
        return StageStatus(stage, recipe, "stale", tuple(recipe.changes_since(old)))
    if damage:
        return StageStatus(stage, recipe, "damaged", (damage,))
    return StageStatus(stage, recipe, "done" if folder.manifest() else "begun", (), len(folder.committed()))
