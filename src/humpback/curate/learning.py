"""What a calibration learns from pairs that people approved or rejected, measured on those that were left out.

The seed's pairs and their planted faults say how suspicious is too suspicious. Labels may say more: how much which
sign counts for these people and this corpus. The fit is held near what is known without labels, the closer the fewer
they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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


def learn(
    calibration: Outcome[SignScale],
    approved: Sequence[Candidate],
    rejected: Sequence[Candidate],
    engine: Engine,
    tags: TagSettings,
    settings: CurateSettings,
    rng_seed: int,
) -> Outcome[SignScale]:
    """What `calibrate` found, with what it learns from labels; engine, tags and settings are those of `calibrate`.

    Raises:
        StageError: Too few labelled pairs can be read.
    """
    shuffled = (sorted(side, key=lambda pair: record_rng_seed(rng_seed, "labels", pair.id))
                for side in (approved, rejected))  # fmt: skip
    drawn = [pair for side in shuffled for pair in side[:MOST]]
    readings, usage = read_signs(drawn, engine, tags, settings.follow_up)
    readable = [(pair, signs.values) for pair, signs in zip(drawn, readings, strict=True) if not signs.error]
    approved_ids = {pair.id for pair in approved}
    good = np.array([float(pair.id in approved_ids) for pair, _ in readable])
    if min(good.sum(), len(good) - good.sum()) < FEWEST:
        raise StageError(
            f"only {len(good)} of {len(drawn)} labelled pairs can be read, and {FEWEST} of either verdict are needed",
            "decide on more with 'humpback view', or leave curate.labels out",
        )
    scales, ridge = calibration.kept, _PRIOR / len(good)
    rows = np.array([sign_values(values, scales) for _, values in readable])
    before = np.array([scales[0].offset, scales[0].slope, *(scale.weight for scale in scales)])
    # Candidates of one segment are alike: no fit may have seen another one of those that it is measured on.
    segments = [pair.segment_id or pair.id for pair, _ in readable]
    order = {segment: number for number, segment in enumerate(dict.fromkeys(segments))}
    folds = np.array([order[segment] % _FOLDS for segment in segments])
    left_out = np.empty(len(good))
    for fold in range(_FOLDS):
        inside = folds != fold
        left_out[~inside] = rows[~inside] @ logistic(rows[inside], good[inside], before, ridge)
    offset, slope, *weights = logistic(rows, good, before, ridge).tolist()
    learned, unlearned = _auroc_with_interval(left_out, good), _auroc_with_interval(rows @ before, good)
    shared = replace(scales[0], offset=offset, slope=slope, labels=len(good), learned=learned, unlearned=unlearned)
    sign_scales = tuple(
        replace(shared, id=scale.id, centre=scale.centre, scale=scale.scale, weight=weight)
        for scale, weight in zip(scales, weights, strict=True)
    )
    return Outcome(sign_scales, (), len(sign_scales), calibration.usage + usage)


def learned_sentence(scales: Sequence[SignScale]) -> str:
    """How well a calibration tells labels that its fit has not seen; empty where it learned from none."""
    if not scales or not scales[0].labels:
        return ""
    learned, unlearned = (
        "{:.2f} ({:.2f} to {:.2f})".format(*auroc) for auroc in (scales[0].learned, scales[0].unlearned)
    )
    helped = scales[0].learned[0] > scales[0].unlearned[0]
    return (
        f"calibrated learned from {scales[0].labels:,} decisions of people. On those left out of each fit its AUROC is "
        f"{learned}; without them it is {unlearned}.{'' if helped else ' They did not help: leave curate.labels out.'}"
    )


def _auroc_with_interval(scores: FloatArray, good: FloatArray) -> tuple[float, float, float]:
    bad_scores, good_scores = scores[good == 0], scores[good == 1]
    value = auroc(bad_scores, good_scores)
    interval = auroc_interval(value, len(bad_scores), len(good_scores))
    return value, interval.low, interval.high
