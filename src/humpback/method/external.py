"""Models that no stage makes, in the recipes of the stages that ask them."""

from __future__ import annotations

from humpback import models
from humpback.runs.stage import ExternalModel, Stage, external_of


def identities(*inputs: Stage | ExternalModel) -> dict[str, str]:
    """What decides a stage's result of the external models among its inputs: the identity of each, by its name."""
    return {f"model.{item.name}": models.identify(item.settings) for item in external_of(*inputs)}
