"""Models that no stage makes, in the recipes of the stages that ask them."""

from __future__ import annotations

from typing import Any

from humpback import models
from humpback.config.flat import flat_settings
from humpback.config.neutral import date_settings
from humpback.runs.stage import ExternalModel, Stage, external_of

_DECIDING = ("dtype", "revision")
_DECIDING_ON_A_SERVER = ("server.logprobs", "server.prefill", "server.extra_body")


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
        settings |= {f"model.{item.name}.date": day for day in date_settings(item.settings).values()}
    return settings
