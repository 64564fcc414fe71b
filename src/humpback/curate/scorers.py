"""How each scorer is made.

A scorer takes candidates and an engine that runs M_{t-1}, and gives exactly one rating for each candidate, in their
order. A candidate that gets no score keeps its rating with the state that says why; it is never given a default.
What is known of a scorer before it is made is in `humpback.config.scorers`, under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from humpback.config import CurateSettings, TagSettings
from humpback.curate import answer_probe, seed_likeness
from humpback.curate.base import Scorer
from humpback.curate.baselines import STORED, LengthScorer, RandomScorer, StoredScorer
from humpback.curate.calibrated import CalibratedScorer
from humpback.curate.cycle import CycleScorer
from humpback.curate.graded import AdditiveScorer, YesNoScorer
from humpback.curate.hidden_states import HiddenStatesScorer
from humpback.curate.likelihood import LIKELIHOODS, LikelihoodScorer
from humpback.curate.rating import ExpectedRatingScorer, RatingScorer
from humpback.curate.samples import SampledScorer
from humpback.errors import ConfigError
from humpback.records import SeedDirection, SignScale


@dataclass(frozen=True, slots=True)
class ScorerContext:
    """What a scorer may be made from."""

    settings: CurateSettings
    rng_seed: int
    iteration: int
    stage: str
    tags: TagSettings
    scales: tuple[SignScale, ...]
    direction: SeedDirection | None


def make_scorer(
    settings: CurateSettings,
    rng_seed: int,
    iteration: int,
    stage: str,
    tags: TagSettings | None = None,
    scales: Sequence[SignScale] = (),
    direction: SeedDirection | None = None,
) -> Scorer:
    """The scorer that `curate.scorer` names, for one iteration.

    Args:
        settings: Which, and how.
        rng_seed: The run's seed.
        iteration: t; M_{t-1} rates.
        stage: The stage's name; with the candidate's id it decides the random numbers of each request.
        tags: What the model was trained to see behind an instruction; the defaults unless given.
        scales: For `calibrated`: what `calibrate` measured of the model.
        direction: For `seed-likeness` what `find_pair_direction`, for `answer-probe` what `find_probe` found with the
            model.

    Raises:
        ConfigError: What the scorer stands on is not given, `auto` is not resolved yet, or it is made of the ratings by
            others (`RankScorer`).
    """
    if settings.scorer == "auto":
        raise ConfigError("curate.scorer is auto, and no base model has decided it", "name a scorer")
    context = ScorerContext(settings, rng_seed, iteration, stage, tags or TagSettings(), tuple(scales), direction)
    return MAKERS[settings.scorer](context)


def _rating(context: ScorerContext) -> Scorer:
    # The first reply has the stage's own name, so that it is the reply that would be drawn alone.
    stages = (context.stage, *(f"{context.stage} sample {number}" for number in range(2, context.settings.samples + 1)))
    scorers = tuple(RatingScorer(context.settings, context.rng_seed, context.iteration, stage) for stage in stages)
    return scorers[0] if len(scorers) == 1 else SampledScorer(scorers)


def _calibrated(context: ScorerContext) -> Scorer:
    if not context.scales:
        raise ConfigError("curate.scorer calibrated has not seen good pairs", "calibrate it on seed pairs first")
    return CalibratedScorer(context.iteration, context.scales, context.tags)


def _seed_likeness(context: ScorerContext) -> Scorer:
    if context.direction is None:
        raise ConfigError("curate.scorer seed-likeness has not seen the seed's pairs", "find its direction first")
    return HiddenStatesScorer("seed-likeness", context.iteration, context.direction, seed_likeness.LOOKED)


def _answer_probe(context: ScorerContext) -> Scorer:
    if context.direction is None:
        raise ConfigError("curate.scorer answer-probe is not fitted to the model", "fit it first")
    return HiddenStatesScorer("answer-probe", context.iteration, context.direction, answer_probe.LOOKED)


def _likelihood(context: ScorerContext) -> Scorer:
    return LikelihoodScorer(context.iteration, context.settings.scorer, context.tags)


def _of_ratings(context: ScorerContext) -> Scorer:
    name = context.settings.scorer
    raise ConfigError(f"curate.scorer {name} is made of ratings, not of candidates", "rate by its members")


MAKERS: Mapping[str, Callable[[ScorerContext], Scorer]] = {
    "rating": _rating,
    "expected-rating": lambda context: ExpectedRatingScorer(context.iteration),
    "calibrated": _calibrated,
    "yes-no": lambda context: YesNoScorer(context.iteration),
    "additive": lambda context: AdditiveScorer(context.iteration),
    **dict.fromkeys(LIKELIHOODS, _likelihood),
    "cycle": lambda context: CycleScorer(context.iteration, context.settings, context.tags),
    "seed-likeness": _seed_likeness,
    "answer-probe": _answer_probe,
    **dict.fromkeys(STORED, lambda context: StoredScorer(context.iteration, context.settings.scorer)),
    "length": lambda context: LengthScorer(context.iteration),
    "random": lambda context: RandomScorer(context.rng_seed, context.iteration, context.stage),
    "ensemble": _of_ratings,
    "two-questions": _of_ratings,
}
"""How each is made, by the name that `curate.scorer` takes."""
