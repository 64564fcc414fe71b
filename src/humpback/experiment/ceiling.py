"""What there is to gain at most: no verdict is given where that is lost in the noise.

Where answers are planted the oracle says it: the arm that is trained on the hidden instructions. Elsewhere an arm that
is trained on a part of the seed says it, with one that is trained on all of it: a doubling of pairs by people is worth
so much, and candidates are worth no more than pairs by people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from humpback.config.experiment import ExperimentSettings
from humpback.experiment.plan import Row
from humpback.statistics.paired import Trainings

TIMES = 3.0
"""A verdict asks for a ceiling of so many times the half-width of its interval."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How much a row can be better than M_0, in the units of the measure."""

    how: str
    """By what that is known, for people."""
    start: float
    """The loss of M_0."""
    oracle: float | None = None
    """Where one figure holds for all rows."""
    per_doubling: float = 0.0
    seed_pairs: int = 0

    def of(self, pairs: int, against: float) -> float:
        """By how much a row with so many candidates can be better than one with such a loss.

        On one whose candidates did harm there is more to gain than on M_0.
        """
        gain = self.oracle
        if gain is None:
            gain = self.per_doubling * math.log2(1 + pairs / self.seed_pairs)
        return gain + max(0.0, against - self.start)


def ceiling_of(
    experiment: ExperimentSettings, trainings: Mapping[Row, Trainings], seed_pairs: Mapping[Row, int]
) -> Ceiling | None:
    """What the finished cells say of it; None where they say nothing.

    Args:
        experiment: Its settings.
        trainings: The rows of a loss.
        seed_pairs: How many pairs each row without candidates was trained on.
    """
    alone = [row for row in trainings if row.arm in experiment.arms and row.size is None]
    if experiment.recover:
        oracle = next((row for row in trainings if row.arm == experiment.recover.oracle), None)
        if oracle is None or not alone:
            return None
        lowest = min(trainings[row].value for row in alone)
        return Ceiling(f"the arm '{oracle.arm}' brings it, with true pairs", lowest, lowest - trainings[oracle].value)
    for part in alone:
        share = experiment.arms[part.arm].seed_share
        full = next((row for row in alone if _same_but_share(experiment, part, row)), None)
        if share < 1 and full is not None:
            per_doubling = (trainings[part].value - trainings[full].value) / -math.log2(share)
            how = f"a doubling of the seed brings {per_doubling:.4f}, by '{part.arm}' and '{full.arm}'"
            return Ceiling(how, trainings[full].value, None, per_doubling, seed_pairs[full])
    return None


def _same_but_share(experiment: ExperimentSettings, part: Row, full: Row) -> bool:
    first, second = experiment.arms[part.arm], experiment.arms[full.arm]
    return second.seed_share == 1 and first.model_copy(update={"seed_share": 1.0}) == second
