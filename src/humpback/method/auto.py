"""Settings that the base model decides, where the user leaves them to it."""

from __future__ import annotations

from humpback.config import Config, ScorerName
from humpback.models.size import parameters

SMALL = 1_000_000_000
"""Parameters below which a model's grades are next to noise, and what it finds unlikely is not (docs/curation.md)."""


def resolve_auto(config: Config, *, written_here: bool = True) -> Config:
    """The configuration with `curate.scorer: auto` replaced by the scorer that suits the model that rates.

    A model whose size is not known before it is fetched, or that is on a server, is taken for a large one.

    Args:
        config: Any configuration; one without `auto` comes back as it is.
        written_here: Whether it is kept how likely M_yx found the instructions, which no server says. Without that, and
            where settings are given that only one scorer obeys (a cascade, labels of people), small models get
            `calibrated`.
    """
    if config.curate.scorer != "auto":
        return config
    rater = config.models.rater or config.model
    size = None if rater.engine_spec.is_server else parameters(rater)
    for_one = config.curate.labels or config.curate.cascade.share < 1
    by_ranks = written_here and not for_one and not _by_a_server(config)
    small: ScorerName = "two-questions" if by_ranks else "calibrated"
    scorer = small if size is not None and size < SMALL else "rating"
    return config.model_copy(update={"curate": config.curate.model_copy(update={"scorer": scorer})})


def _by_a_server(config: Config) -> bool:
    return config.models.writer is not None and config.models.writer.engine_spec.is_server
