"""Every setting, declared once: its name, its default, its source and what it means.

The defaults are the paper's (Li et al. 2023) where it gives one. Settings are frozen; an unknown key is an error.
Imports no heavy library, so that `plan` answers at once.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    ExampleSettings,
    ForwardSettings,
    LoraSettings,
    RewriteSettings,
    SelectSettings,
    TagSettings,
    TrainSettings,
)
from humpback.config.model import ModelSettings, RoleSettings, ServerSettings
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
    "ExampleSettings",
    "FilterName",
    "ForwardSettings",
    "LineSettings",
    "LoraSettings",
    "ModelSettings",
    "PromptSettings",
    "RewriteSettings",
    "RoleSettings",
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
    train: Literal["all", "last", "none"] = "all"
    """Which models are trained. last: M_1 alone, on seed and curated pairs. none: the run ends at the curated set. Both
    need `models.writer` and `models.rater`."""
    shard_rows: Positive = 64
    """Documents, segments or candidates that are worked on and committed together: what a kill can cost."""
    executor: Literal["local", "ray"] = "local"
    """Where stages are carried out: on this machine, or on a Ray cluster."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Workers for the stages that need no model; 0 takes one for each core. No number of them changes a result."""
    price_per_hour: Annotated[float, Field(ge=0)] = 0.0
    """What an hour of the machine costs, in any currency: `humpback plan` then says what each stage costs."""
    budget: Annotated[float, Field(gt=0)] | None = None
    """What the answers of all servers may cost together, in the currency of their prices. When it is used up the run
    ends and keeps every answer; with a higher budget it goes on."""
    budget_tokens: Positive | None = None
    """The same in tokens, read and written."""

    def contradictions(self) -> Iterator[str]:
        """A budget needs one account."""
        if self.executor == "ray" and (self.budget or self.budget_tokens):
            yield "executor is ray, whose workers each keep an account of their own: remove budget and budget_tokens"


class Config(Settings):
    """One run, from documents, seed and base model to curated data set and model."""

    run: RunSettings = RunSettings()
    model: ModelSettings = ModelSettings()
    """The base model, which is trained."""
    models: RoleSettings = RoleSettings()
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
    rewrite: RewriteSettings = RewriteSettings()
    evaluate: EvaluateSettings = EvaluateSettings()

    def contradictions(self) -> Iterator[str]:
        """Who does a part that nobody is trained for, and how often."""
        for role in ("writer", "rater"):
            if self.run.train != "all" and getattr(self.models, role) is None:
                yield f"run.train is {self.run.train}, so that nobody is trained to be the {role}: name models.{role}"
        if self.models.rater and self.run.iterations > 1:
            yield f"models.rater rates every iteration alike: set run.iterations, which is {self.run.iterations}, to 1"
        writer = self.models.writer
        if writer and self.curate.needs_gain and not writer.engine_spec.reads_spans:
            yield f"curate.scorer {self.curate.scorer} needs the stored gain, which a writer on a server does not give"
        if self.models.judge and self.run.train == "none":
            yield "models.judge compares models that are trained, and run.train is none: leave models.judge out"
        if self.run.train != "all" and self.augment.reads_drafts:
            yield "augment.best_by is forward, and M_0 is not trained: set it to backward"

    @property
    def needs_base(self) -> bool:
        """Whether anything is made of the base model, or read by it."""
        by_meaning = self.corpus.deduplicate.meaning is not None
        chosen_by_model = self.corpus.choose.share < 1 and self.corpus.choose.by == "hidden"
        return self.run.train != "none" or by_meaning or chosen_by_model
