"""Cheap first: the expensive scorer sees only what a cheap one leaves in reach, and a sample of the rest as a check."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from humpback.config import CascadeSettings, SelectSettings
from humpback.curate.base import Scorer
from humpback.curate.select import Cutoff, cutoff
from humpback.engines.base import Engine
from humpback.errors import StageError
from humpback.records import Candidate, Outcome, Rating, record_rng_seed

Scores = Callable[[], Iterable[tuple[str, float | None]]]
"""Id and score of every candidate, as often as they are asked for."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which candidates the expensive scorer sees."""

    line: Cutoff
    """What the cheap scores of those within reach lie above."""
    last: int
    """Those left out are rated all the same up to this digest of their id; -1 for none."""

    def holds(self, record_id: str, cheap: float | None) -> bool:
        """Whether a candidate is within reach. One without a cheap score is: nothing speaks against it."""
        return cheap is None or self.line.keeps(record_id, cheap)

    def checks(self, record_id: str) -> bool:
        """Whether a candidate out of reach is rated all the same, as a check."""
        return _digest(record_id) <= self.last


def reach(scores: Scores, settings: CascadeSettings) -> Reach:
    """Decides what is rated and what is not; takes 16 bytes for each candidate while it does.

    Args:
        scores: What the cheap scorer gave.
        settings: The share within reach, and how many of the others are rated as a check.

    Raises:
        StageError: The cheap scorer gave nothing a score.
    """
    line = cutoff(scores(), SelectSettings(top_share=settings.share))
    if line.candidates and not line.scored:
        raise StageError(
            f"{settings.scorer} knows nothing of the {line.candidates} candidates: no cascade can begin with it",
            "set curate.cascade.scorer to end-of-sequence, which asks the model, or set augment.gain",
        )
    left_out = (_digest(id_) for id_, cheap in scores() if cheap is not None and not line.keeps(id_, cheap))
    # The lowest digests are as good as a draw, and a worker needs only the last of them to know which were drawn.
    drawn = heapq.nsmallest(settings.check, left_out)
    return Reach(line, drawn[-1] if drawn else -1)


def rate_within(
    candidates: Sequence[Candidate], cheap: Iterable[Rating], within: Reach, scorer: Scorer, engine: Engine
) -> Outcome[Rating]:
    """Rates what is within reach of one shard, and the sample; the others get a rating that says 'skipped'.

    Args:
        candidates: One shard.
        cheap: Their ratings by the cheap scorer, joined by id.
        within: Which of them are seen.
        scorer: The expensive one.
        engine: The model it asks.
    """
    cheap_ratings = {rating.id: rating for rating in cheap}
    reached = {rating.id for rating in cheap_ratings.values() if within.holds(rating.id, rating.score)}
    selected = [candidate for candidate in candidates if candidate.id in reached or within.checks(candidate.id)]
    outcome = scorer.score(selected, engine)
    rated = {rating.id: rating for rating in outcome.kept}
    ratings = []
    for candidate in candidates:
        rating = rated.get(candidate.id)
        if rating is None:
            rating = _skipped_rating(cheap_ratings[candidate.id], scorer.name, engine.model)
        elif candidate.id not in reached and rating.score is not None:
            rating = replace(rating, state="checked")
        ratings.append(rating)
    return Outcome(tuple(ratings), (), len(candidates), outcome.usage)


def _skipped_rating(cheap: Rating, scorer: str, model: str) -> Rating:
    reply = f"out of reach: {cheap.scorer}={cheap.score:.4g}"
    return replace(cheap, scorer=scorer, model=model, state="skipped", score=None, reply=reply)


def _digest(record_id: str) -> int:
    return record_rng_seed(0, "cascade check", record_id)
