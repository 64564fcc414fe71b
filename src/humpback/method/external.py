"""Models that no stage makes: those that the settings name for a role, and what of them is in a recipe."""

from __future__ import annotations

from typing import Any

from humpback import models
from humpback.config import Config, ModelSettings
from humpback.config.flat import flat_settings
from humpback.config.neutral import date_settings
from humpback.runs.stage import ExternalModel, Stage, external_of

_DECIDING = ("dtype", "revision")
_DECIDING_ON_A_SERVER = ("server.logprobs", "server.prefill", "server.extra_body")


def role(name: str, settings: ModelSettings | None) -> ExternalModel | None:
    """The model that plays a role in place of one that the run trains; None where none is named."""
    return ExternalModel(name, settings) if settings else None


def played_by(model: Stage | ExternalModel, config: Config) -> Config:
    """The settings for a stage that asks a model: those of the model that answers, and nothing that it cannot do."""
    if not isinstance(model, ExternalModel):
        return config
    changed = {"model": model.settings}
    if model.settings.engine_spec.reads_spans:
        return config.model_copy(update=changed)
    # The gain reads an instruction that stands in the conversation, which no server does.
    return config.model_copy(update=changed | {"augment": config.augment.model_copy(update={"gain": False})})


def identities(*inputs: Stage | ExternalModel) -> dict[str, Any]:
    """What decides a stage's result of the external models among its inputs, each by its name.

    Of a model that a stage makes all this is in the recipe of its training, on which the stage stands.
    """
    settings: dict[str, Any] = {}
    for item in external_of(*inputs):
        settings[f"model.{item.name}"] = models.identify(item.settings)
        deciding = _DECIDING_ON_A_SERVER if item.settings.engine_spec.is_server else _DECIDING
        flat = flat_settings(item.settings, *deciding)
        settings |= {f"model.{item.name}.{name}": value for name, value in flat.items()}
        if item.settings.server.structured:  # else left out, so that no run that was made before is stale
            settings[f"model.{item.name}.server.structured"] = True
        settings |= {f"model.{item.name}.date": day for day in date_settings(item.settings).values()}
    return settings
