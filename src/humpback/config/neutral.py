"""Settings that cannot change a result: the only ones that may be missing from every recipe.

A stage's recipe holds each setting that decides its result; a setting that is in no recipe makes nothing stale when it
changes. A test varies every setting. Each must change the fingerprint of a stage, or stand here with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from humpback.config.corpus import SegmentSettings
from humpback.config.data import SeedSettings
from humpback.config.loop import ForwardSettings
from humpback.config.model import ModelSettings

_TRAINING = {
    "packing": "no pair of a pack sees another; only the draws of dropout differ",
    "pack_tokens": "bounds memory; the pairs of an optimiser step stay the same",
    "micro_batch_size": "bounds memory; gradients are accumulated over the whole step",
    "gradient_checkpointing": "computes the same activations twice",
    "devices": "every number of them makes the same steps on the same examples",
    "shard": "lays weights and gradients out over devices",
    "checkpoint_steps": "says how much a kill costs",
    "keep_checkpoints": "says how much disk space checkpoints take",
    "tracker": "says who else is sent the curves",
    "max_dropped_share": "fails or does not",
}
_SERVER = "the model that a run trains is on no server; who asks one has what decides its answers in its recipe"
_VLLM = "lays vLLM out on its devices; requests stay the same"

RESULT_NEUTRAL: Mapping[str, str] = {
    "run.executor": "says where stages are carried out; random numbers follow from records",
    "run.workers": "says how many do it; random numbers follow from records",
    "run.price_per_hour": "is a figure that plan multiplies by",
    **dict.fromkeys(("run.budget", "run.budget_tokens"), "says when a run stops, and it goes on from there"),
    **dict.fromkeys(
        (f"model.server.{name}" for name in (
            "base_url", "api_key_env", "concurrency", "requests_per_minute", "batch", "timeout", "retries",
            "logprobs", "structured", "prefill", "price_read", "price_written", "extra_body",
        )), _SERVER,
    ),
    **dict.fromkeys(
        (f"model.vllm.{name}" for name in (
            "replicas", "tensor_parallel", "memory_share", "cache_gib", "compile",
        )), _VLLM,
    ),
    "model.device": "says where the model runs; sums are rounded otherwise, as on any other machine",
    "model.trust_remote_code": "loads or fails; what it loads is in the model's identity",
    "corpus.memory_mib": "bounds memory; more passes over the same keys give the same result",
    **{f"{part}.{name}": reason for part in ("backward", "forward") for name, reason in _TRAINING.items()},
    **dict.fromkeys(("curate.max_unrated_share", "evaluate.winrate.max_unjudged"), "fails or does not"),
}  # fmt: skip
"""Each with the reason why no result depends on it."""


_LATE: Mapping[str, Any] = {
    f"{group}.{name}": fields[name].default
    for group, fields, names in (
        ("corpus.segment", SegmentSettings.model_fields, ("dense_chars",)),
        ("forward", ForwardSettings.model_fields, ("order", "seed_weight")),
        ("model", ModelSettings.model_fields, ("batch_tokens", "date")),
        ("seed", SeedSettings.model_fields, ("turns", "system")),
    )
    for name in names
}
"""Settings that are younger than the first runs, and their defaults."""


def without_late_defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Flat settings without those at their default that came late: no run that was made before them is stale."""
    return {name: value for name, value in settings.items() if name not in _LATE or value != _LATE[name]}


def batch_settings(model: ModelSettings) -> dict[str, Any]:
    """`model.batch_tokens`, for the recipe of a stage that asks a model, where it decides what the model answers.

    It does so in bfloat16 on a CPU: there a text depends on the texts in the same batch (docs/engines.md). Elsewhere it
    is left out.
    """
    on_cpu = model.engine == "transformers" and model.device in ("auto", "cpu") and model.dtype == "bfloat16"
    return without_late_defaults({"model.batch_tokens": model.batch_tokens} if on_cpu else {})


def date_settings(model: ModelSettings) -> dict[str, Any]:
    """`model.date`, for the recipe of whatever asks or trains a model as it came.

    Of a model that was trained here the template holds the date.
    """
    return {name: str(date) for name, date in without_late_defaults({"model.date": model.date}).items()}
