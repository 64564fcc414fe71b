"""Every setting, declared once: its name, its default, its source and what it means.

The defaults are the paper's (Li et al. 2023) where it gives one. Settings are frozen; an unknown key is an error.
Imports no heavy library, so that `plan` answers at once.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from humpback.config.base import Positive, Settings
from humpback.config.corpus import (
    ChooseSettings,
    CorpusSettings,
    DeduplicateSettings,
    FilterName,
    LineSettings,
    SegmentSettings,
    UrlSettings,
)
from humpback.config.data import ColumnSettings, DecontaminateSettings, SeedSettings
from humpback.config.engines import ENGINES, EngineName, EngineSpec
from humpback.config.loop import (
    AugmentSettings,
    CascadeSettings,
    CurateSettings,
    EvaluateSettings,
    ExampleOrder,
    ForwardSettings,
    LoraSettings,
    SelectSettings,
    TagSettings,
    TrainSettings,
)
from humpback.config.model import ModelSettings, ServerSettings
from humpback.config.prompts import PromptSettings
from humpback.config.scorers import SCORERS, ScorerName, ScorerSpec, SingleScorer, spec_of

__all__ = [
    "ENGINES",
    "SCORERS",
    "AugmentSettings",
    "CascadeSettings",
    "ChooseSettings",
    "ColumnSettings",
    "Config",
    "CorpusSettings",
    "CurateSettings",
    "DecontaminateSettings",
    "DeduplicateSettings",
    "EngineName",
    "EngineSpec",
    "EvaluateSettings",
    "ExampleOrder",
    "FilterName",
    "ForwardSettings",
    "LineSettings",
    "LoraSettings",
    "ModelSettings",
    "PromptSettings",
    "RunSettings",
    "ScorerName",
    "ScorerSpec",
    "SeedSettings",
    "SegmentSettings",
    "SelectSettings",
    "ServerSettings",
    "Settings",
    "SingleScorer",
    "TagSettings",
    "TrainSettings",
    "UrlSettings",
    "spec_of",
]


class RunSettings(Settings):
    """How the run is carried out."""

    seed: int = 0
    """Every random choice follows from this, the stage and the record."""
    iterations: Annotated[int, Field(gt=0, le=100)] = 2
    """Rounds of self-curation: T in the paper."""
    shard_rows: Positive = 64
    """Documents, segments or candidates that are worked on and committed together: what a kill can cost."""
    executor: Literal["local", "ray"] = "local"
    """Where stages are carried out: on this machine, or on a Ray cluster."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Workers for the stages that need no model; 0 takes one for each core. No number of them changes a result."""


class Config(Settings):
    """One run, from documents, seed and base model to curated data set and model."""

    run: RunSettings = RunSettings()
    model: ModelSettings = ModelSettings()
    seed: SeedSettings = SeedSettings()
    corpus: CorpusSettings = CorpusSettings()
    decontaminate: DecontaminateSettings = DecontaminateSettings()
    tags: TagSettings = TagSettings()
    prompts: PromptSettings = PromptSettings()
    backward: TrainSettings = TrainSettings()
    """The training of M_yx."""
    forward: ForwardSettings = ForwardSettings()
    """The trainings of M_0, M_1, ..., M_T, each from the base model."""
    augment: AugmentSettings = AugmentSettings()
    curate: CurateSettings = CurateSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
