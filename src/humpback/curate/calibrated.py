"""The scorer `calibrated`: four signs read in two passes, weighed by what they are on the seed's own pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from humpback.config import TagSettings
from humpback.curate.base import unparsed
from humpback.curate.calibration import calibration_scales, distance, explain, probability
from humpback.curate.signs import GRADE, Signs, read_signs
from humpback.engines.base import Engine
from humpback.records import Candidate, Outcome, Rating, SignScale


@dataclass(frozen=True, slots=True)
class CalibratedScorer:
    """The probability p that a pair is as whole as the seed's own, as 1 + 4p. Ours; needs no labels and no writing.

    The reply of the rating shows every sign in standard distances from the seed's pairs. Where the scales hold a grade,
    the same pass asks for one.
    """

    iteration: int
    scales: tuple[SignScale, ...]
    """What `calibrate` measured of the model that rates."""
    tags: TagSettings
    """What it was trained to see behind an instruction."""
    name: str = "calibrated"

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        follow_up = any(scale.id == GRADE for scale in self.scales)
        readings, usage = read_signs(candidates, engine, self.tags, follow_up)
        ratings = tuple(
            self._rating(candidate.id, signs, engine.model)
            for candidate, signs in zip(candidates, readings, strict=True)
        )
        return Outcome(ratings, (), len(candidates), usage)

    def _rating(self, record_id: str, signs: Signs, model: str) -> Rating:
        if signs.error:
            return unparsed(self, record_id, model, signs.error)
        suspicion = distance(signs.values, calibration_scales(self.scales))
        score = 1 + 4 * probability(signs.values, self.scales)
        reply = f"suspicion={suspicion:.2f} {explain(signs, self.scales)}"
        return Rating(record_id, self.iteration, self.name, model, "scored", score, reply, "stop")
