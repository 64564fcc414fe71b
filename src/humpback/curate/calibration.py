"""How a model's signs look on good pairs, and how they become a probability without labels.

The seed's own pairs show the median and the spread of each sign where nothing is wrong. A pair is the more suspicious
the further its signs are below that, all together. Faults planted in the same pairs say only how suspicious is too
suspicious: two numbers. Weights for each sign, fitted on the faults, did worse on kinds of fault that the fit had not
seen (docs/curation.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from humpback.config import CurateSettings, TagSettings
from humpback.curate.faults import COMMON, plant, sentences
from humpback.curate.signs import GRADE, SIGNS, Signs, read_signs
from humpback.engines.base import Engine
from humpback.errors import StageError
from humpback.records import Outcome, Pair, SignScale, Usage, record_rng_seed
from humpback.statistics.intervals import FloatArray
from humpback.statistics.ranks import auroc

FEWEST = 8
"""Good pairs, and faulty ones, that a calibration needs at least."""

_SENTENCES = 3
"""Responses with fewer come last: they show little of how sentences follow one another."""
_CAP = 8.0
"""No sign counts for more than so many standard distances."""
WEIGHT = {"answering": 2.0}
"""All other signs are of the response; only this one says whether it belongs to its instruction."""
_LOW_QUANTILE = 0.16
"""Of a normal distribution, one standard deviation below the middle."""
_LEAST_SPREAD = 0.35
"""Least spread, in standard deviations, for signs that are the same in the lower half of the good pairs."""
_LEAST_SCALE = 0.02
_RIDGE = 1e-2


def calibrate(
    pairs: Sequence[Pair], engine: Engine, tags: TagSettings, settings: CurateSettings, seed: int
) -> Outcome[SignScale]:
    """Measures how a model reads good pairs, and the same pairs with planted faults.

    Args:
        pairs: Good pairs that the model has not been trained on, if there are such.
        engine: The model.
        tags: What it was trained to see behind an instruction.
        settings: How many of the pairs to read (`calibration_pairs`, drawn by `seed`; those of three sentences and more
            come first), and whether to ask for a grade (`follow_up`).
        seed: The run's seed.

    Raises:
        StageError: Too few pairs can be read.
    """
    sample, faulty = draw_pairs(pairs, settings, seed)
    good, good_usage = _read_values(sample, engine, tags, settings)
    bad, faulty_usage = _read_values(faulty, engine, tags, settings)
    if min(len(good), len(bad)) < FEWEST:
        raise StageError(
            f"{len(good)} good pairs and {len(bad)} with a planted fault can be read, and {FEWEST} of each are needed",
            "give more seed pairs, longer ones, or another curate.scorer",
        )
    names = (*SIGNS, GRADE) if settings.follow_up else SIGNS
    scales = _scales(good, names)
    # Good pairs by scales that were made without them, as candidates are: else both figures below would flatter.
    without = [_scales([*good[:at], *good[at + 1 :]], names) for at in range(len(good))]
    near = np.log1p([distance(values, other_scales) for values, other_scales in zip(good, without, strict=True)])
    far = np.log1p([distance(values, scales) for values in bad])
    rows = np.stack([np.ones(len(near) + len(far)), -np.concatenate([near, far])], axis=1)
    offset, slope = logistic(rows, np.repeat([1.0, 0.0], [len(near), len(far)]), np.zeros(2), _RIDGE).tolist()
    separation = auroc(near, far)
    sign_scales = tuple(
        SignScale(name, centre, scale, offset, max(slope, _LEAST_SCALE), separation, len(good), len(bad))
        for name, (centre, scale) in scales.items()
    )
    return Outcome(sign_scales, (), len(sign_scales), good_usage + faulty_usage)


def draw_pairs(pairs: Sequence[Pair], settings: CurateSettings, seed: int) -> tuple[list[Pair], list[Pair]]:
    """The pairs that a calibration reads: good ones, and of those that can have a planted fault the faulty twins."""
    good = (pair for pair in pairs if pair.stands_alone)
    shuffled = sorted(good, key=lambda pair: record_rng_seed(seed, "calibration", pair.id))
    # The sort is stable: within the long ones, and within the short ones, the draw decides.
    long_first = sorted(shuffled, key=lambda pair: len(sentences(pair.response)[0]) < _SENTENCES)
    sample = long_first[: settings.calibration_pairs]
    return sample, _with_one_fault_each(sample, seed)


def _read_values(
    pairs: Sequence[Pair], engine: Engine, tags: TagSettings, settings: CurateSettings
) -> tuple[list[Mapping[str, float]], Usage]:
    """The signs of the pairs that could be read."""
    readings, usage = read_signs(pairs, engine, tags, settings.follow_up)
    return [signs.values for signs in readings if not signs.error], usage


def standard(values: Mapping[str, float], scales: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """How far each sign is above (or below) the median of the good pairs, in units of their own spread."""
    return {name: (values[name] - centre) / scale for name, (centre, scale) in scales.items() if name in values}


def distance(values: Mapping[str, float], scales: Mapping[str, tuple[float, float]]) -> float:
    """How suspicious a pair is: the sum of the squares of how far its signs are below the good pairs."""
    # A sign above the median counts for nothing: it is no sign of a fault, and must not make up for another sign.
    deviations = standard(values, scales)
    return sum(WEIGHT.get(name, 1.0) * min(max(-z, 0.0), _CAP) ** 2 for name, z in deviations.items())


def sign_values(values: Mapping[str, float], scales: Sequence[SignScale]) -> list[float]:
    """What the log-odds of a pair are the sum of: 1, its suspicion, each sign; one that was not read counts for 0."""
    by_name = calibration_scales(scales)
    deviations = standard(values, by_name)
    signs = (float(np.clip(deviations.get(name, 0.0), -_CAP, _CAP)) for name in by_name)
    return [1.0, -float(np.log1p(distance(values, by_name))), *signs]


def probability(values: Mapping[str, float], scales: Sequence[SignScale]) -> float:
    """The probability that a pair is good, if as many pairs were faulty as good."""
    _, suspicion, *signs = sign_values(values, scales)
    learned = sum(scale.weight * sign for scale, sign in zip(scales, signs, strict=True))
    return float(1 / (1 + np.exp(-(scales[0].offset + scales[0].slope * suspicion + learned))))


def _with_one_fault_each(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """Faulty twins, the kinds of fault in turn; where a pair cannot have one, it gets the next that it can have."""
    twins = [plant(kind, pairs, seed) for kind in COMMON]
    first_possible = [
        next((twin for step in range(len(twins)) if (twin := twins[(index + step) % len(twins)][index])), None)
        for index in range(len(pairs))
    ]
    return list({twin.id: twin for twin in first_possible if twin}.values())


def _scales(good: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, tuple[float, float]]:
    """The median and the spread of each sign on good pairs."""
    return {name: _scale([values[name] for values in good if name in values]) for name in names}


def _scale(values: Sequence[float]) -> tuple[float, float]:
    readings = np.array(values)
    centre = float(np.median(readings))
    # Only the lower half says how far a sign may fall where nothing is wrong; what is above the median is no fault.
    below = centre - float(np.quantile(readings, _LOW_QUANTILE))
    return centre, max(below, _LEAST_SPREAD * float(readings.std()), _LEAST_SCALE)


def logistic(rows: FloatArray, good: FloatArray, centre: FloatArray, ridge: float) -> FloatArray:
    """Coefficients of the log-odds, both kinds counted alike; Newton's method.

    Args:
        rows: What the log-odds are the sum of, a row for each pair.
        good: 1 for good pairs, 0 for faulty ones.
        centre: What the coefficients are held near.
        ridge: How much: where good and faulty pairs do not overlap no finite slope is the best without it.
    """
    weights = good * 0.5 / good.sum() + (1 - good) * 0.5 / (1 - good).sum()
    coefficients = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-rows @ coefficients))
        slope = rows.T @ (weights * (chance - good)) + ridge * (coefficients - centre)
        bend = (rows * (weights * chance * (1 - chance))[:, None]).T @ rows + ridge * np.eye(len(centre))
        coefficients -= np.linalg.solve(bend, slope)
    return coefficients


def calibration_scales(scales: Sequence[SignScale]) -> dict[str, tuple[float, float]]:
    """The median and the spread of each sign, by name."""
    return {scale.id: (scale.centre, scale.scale) for scale in scales}


def explain(signs: Signs, scales: Sequence[SignScale]) -> str:
    """The signs of a pair in short, for its rating."""
    deviations = standard(signs.values, calibration_scales(scales))
    return " ".join(f"{name}={value:+.2f}" for name, value in deviations.items())
