"""Scorers: what gives each candidate a score.

A scorer takes candidates and an engine that runs M_{t-1}, and gives exactly one rating for each candidate, in their
order. A candidate that gets no score keeps its rating with the state that says why; it is never given a default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from humpback.config import CurateSettings, TagSettings
from humpback.curate.baselines import LengthScorer, RandomScorer, StoredGainScorer
from humpback.curate.calibrated import CalibratedScorer
from humpback.curate.cycle import CycleScorer
from humpback.curate.graded import AdditiveScorer, YesNoScorer
from humpback.curate.likelihood import LIKELIHOODS, LikelihoodScorer
from humpback.curate.rating import ExpectedRatingScorer, RatingScorer
from humpback.curate.samples import SampledScorer
from humpback.engines.base import Engine
from humpback.errors import ConfigError
from humpback.records import Candidate, Outcome, Rating, SignScale


class Scorer(Protocol):
    """Gives candidates a score."""

    @property
    def name(self) -> str:
        """What is written into each rating, and what the setting `curate.scorer` calls it."""
        ...

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard: one rating for each candidate, in order; nothing is dropped."""
        ...


def make_scorer(
    settings: CurateSettings,
    seed: int,
    iteration: int,
    stage: str,
    tags: TagSettings | None = None,
    scales: Sequence[SignScale] = (),
) -> Scorer:
    """The scorer that `curate.scorer` names, for one iteration.

    Args:
        settings: Which, and how.
        seed: The run's seed.
        iteration: t; M_{t-1} rates.
        stage: The stage's name; with the candidate's id it decides the random numbers of each request.
        tags: What the model was trained to see behind an instruction; the defaults unless given.
        scales: For `calibrated`: what `calibrate` found out about the model.

    Raises:
        ConfigError: `calibrated` is asked for without them, `auto` is not settled yet, or an `ensemble` (`mean_ranks`).
    """
    name = settings.scorer
    tags = tags or TagSettings()
    if name in LIKELIHOODS:
        return LikelihoodScorer(iteration, name, tags)
    match name:
        case "expected-rating":
            return ExpectedRatingScorer(iteration)
        case "yes-no":
            return YesNoScorer(iteration)
        case "additive":
            return AdditiveScorer(iteration)
        case "cycle":
            return CycleScorer(iteration, settings, tags)
        case "stored-gain":
            return StoredGainScorer(iteration)
        case "length":
            return LengthScorer(iteration)
        case "random":
            return RandomScorer(seed, iteration, stage)
        case "ensemble":
            raise ConfigError("curate.scorer ensemble is made of ratings, not of candidates", "rate by its members")
        case "auto":
            raise ConfigError("curate.scorer is auto, and no base model has decided it", "name a scorer")
        case "calibrated":
            if not scales:
                raise ConfigError(
                    "curate.scorer calibrated has not seen good pairs", "calibrate it on seed pairs first"
                )
            return CalibratedScorer(iteration, tuple(scales), tags)
    stages = (stage, *(f"{stage} sample {number}" for number in range(2, settings.samples + 1)))
    each = tuple(RatingScorer(settings, seed, iteration, name) for name in stages)
    return each[0] if len(each) == 1 else SampledScorer(each)
