"""What a calibration learns from pairs that people approved or rejected, measured on those that were left out.

The seed's pairs and their planted faults say how suspicious is too suspicious. Labels may say more: how much which
sign counts for these people and this corpus. The fit is held near what is known without labels, the closer the fewer
they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from humpback.config import CurateSettings, TagSettings
from humpback.curate.calibration import FEWEST, logistic, sign_values
from humpback.curate.signs import read_signs
from humpback.engines.base import Engine
from humpback.errors import StageError
from humpback.records import Candidate, Outcome, SignScale, record_rng_seed
from humpback.statistics.intervals import FloatArray
from humpback.statistics.ranks import auroc, auroc_interval

MOST = 500
"""Pairs of either verdict that are read; of more, so many are drawn."""
_FOLDS = 5
_PRIOR = 4.0
"""Precision of each coefficient before the labels, around its value without them: a standard deviation of one half."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A pair with the verdict of people."""

    pair: Candidate
    good: bool


def learn(
    calibration: Outcome[SignScale],
    labelled: Sequence[Labelled],
    engine: Engine,
    tags: TagSettings,
    settings: CurateSettings,
    rng_seed: int,
) -> Outcome[SignScale]:
    """The calibration with what it learns from labels.

    Args:
        calibration: What `calibrate` found without labels.
        labelled: The labels, in any order.
        engine: The model that rates.
        tags: What it was trained to see behind an instruction.
        settings: Whether to ask for a grade (`follow_up`).
        rng_seed: The run's seed: by it labels are drawn and shared out to folds.

    Raises:
        StageError: Too few labelled pairs can be read.
    """
    shuffled = sorted(labelled, key=lambda label: record_rng_seed(rng_seed, "labels", label.pair.id))
    drawn = [label for good in (True, False) for label in [one for one in shuffled if one.good is good][:MOST]]
    readings, usage = read_signs([label.pair for label in drawn], engine, tags, settings.follow_up)
    readable = [(label, signs.values) for label, signs in zip(drawn, readings, strict=True) if not signs.error]
    good = np.array([float(label.good) for label, _ in readable])
    counts = int(good.sum()), len(good) - int(good.sum())
    if min(counts) < FEWEST:
        raise StageError(
            f"{counts[0]} approved and {counts[1]} rejected pairs can be read, and {FEWEST} of each are needed",
            "decide on more with 'humpback view', or leave curate.labels out",
        )
    scales = calibration.kept
    rows = np.array([sign_values(values, scales) for _, values in readable])
    before = np.array([scales[0].offset, scales[0].slope, *(scale.weight for scale in scales)])
    # Candidates of one segment are alike: no fit may have seen another one of those that it is measured on.
    segments = [label.pair.segment_id or label.pair.id for label, _ in readable]
    order = {segment: place for place, segment in enumerate(dict.fromkeys(segments))}
    folds = np.array([order[segment] % _FOLDS for segment in segments])
    left_out = np.empty(len(good))
    for fold in range(_FOLDS):
        inside = folds != fold
        left_out[~inside] = rows[~inside] @ _fitted(rows[inside], good[inside], before)
    offset, slope, *weights = _fitted(rows, good, before).tolist()
    learned, unlearned = _measured(left_out, good), _measured(rows @ before, good)
    kept = tuple(
        replace(
            scale, offset=offset, slope=slope, weight=weight, labels=len(good), learned=learned, unlearned=unlearned
        )
        for scale, weight in zip(scales, weights, strict=True)
    )
    return Outcome(kept, (), len(kept), calibration.usage + usage)


def learned_sentence(scales: Sequence[SignScale]) -> str:
    """How well a calibration tells labels that its fit has not seen; empty where it learned from none."""
    if not scales or not scales[0].labels:
        return ""
    (value, low, high), (plain, plain_low, plain_high) = scales[0].learned, scales[0].unlearned
    helped = "" if value > plain else " They did not help: leave curate.labels out."
    return (
        f"calibrated learned from {scales[0].labels:,} decisions of people. On those left out of each fit its AUROC is "
        f"{value:.2f} ({low:.2f} to {high:.2f}); without them it is {plain:.2f} ({plain_low:.2f} to {plain_high:.2f})."
        f"{helped}"
    )


def _fitted(rows: FloatArray, good: FloatArray, before: FloatArray) -> FloatArray:
    return logistic(rows, good, before, _PRIOR / len(good))


def _measured(scores: FloatArray, good: FloatArray) -> tuple[float, float, float]:
    bad_scores, good_scores = scores[good == 0], scores[good == 1]
    value = auroc(bad_scores, good_scores)
    interval = auroc_interval(value, len(bad_scores), len(good_scores))
    return value, interval.low, interval.high
