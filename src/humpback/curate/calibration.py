"""How a model's signs look on good pairs: what turns them into a probability, without labels.

The seed's own pairs say where each sign lies where nothing is wrong, and how far it strays. A pair is then as
suspicious as its signs fall below that, all together. Faults planted in the same pairs only say how suspicious is too
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
from humpback.records import Outcome, Pair, SignScale, record_rng_seed
from humpback.statistics.ranks import auroc

FEWEST = 8
"""Good pairs, and faulty ones, that a calibration stands on at least."""

_SENTENCES = 3
"""A shorter response shows little of how its sentences stand beside one another."""
_CAP = 8.0
"""No sign counts for more than so many standard distances."""
_WEIGHT = {"answering": 2.0}
"""All other signs are of the response; this one alone says whether it belongs to its instruction."""
_LOW_QUANTILE = 0.16
"""Of a normal distribution, one standard deviation below the middle."""
_LEAST_SPREAD = 0.35
"""Of the standard deviation: where the lower half of the good pairs is all alike."""
_LEAST_SCALE = 0.02
_RIDGE = 1e-2


def calibrate(
    pairs: Sequence[Pair], engine: Engine, tags: TagSettings, settings: CurateSettings, seed: int
) -> Outcome[SignScale]:
    """Looks at how a model reads good pairs, and the same with planted faults.

    Args:
        pairs: Good pairs that the model may have seen in training.
        engine: The model.
        tags: What it was trained to see behind an instruction.
        settings: How many of the pairs to read (`calibration_pairs`, drawn by `seed`; those of three sentences and more
            come first), and whether to ask for a grade (`follow_up`).
        seed: The run's seed.

    Raises:
        StageError: Too few pairs can be read.
    """
    drawn = sorted(pairs, key=lambda pair: record_rng_seed(seed, "calibration", pair.id))
    chosen = sorted(drawn, key=lambda pair: len(sentences(pair.response)[0]) < _SENTENCES)
    chosen = chosen[: settings.calibration_pairs]
    faulty = _with_one_fault_each(chosen, seed)
    good_signs, good_usage = read_signs(chosen, engine, tags, settings.follow_up)
    faulty_signs, faulty_usage = read_signs(faulty, engine, tags, settings.follow_up)
    good, bad = ([one.values for one in signs if not one.error] for signs in (good_signs, faulty_signs))
    if min(len(good), len(bad)) < FEWEST:
        raise StageError(
            f"{len(good)} good pairs and {len(bad)} with a planted fault can be read, and {FEWEST} of each are needed",
            "give more seed pairs, longer ones, or another curate.scorer",
        )
    names = (*SIGNS, GRADE) if settings.follow_up else SIGNS
    scales = {name: _scale([values[name] for values in good if name in values]) for name in names}
    near, far = (np.log1p([distance(values, scales) for values in each]) for each in (good, bad))
    offset, slope = _logistic(near, far)
    kept = tuple(
        SignScale(name, centre, scale, offset, slope, auroc(near, far), len(good), len(bad))
        for name, (centre, scale) in scales.items()
    )
    return Outcome(kept, (), len(kept), good_usage + faulty_usage)


def standard(values: Mapping[str, float], scales: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """How far each sign is above (or below) the middle of the good pairs, in their own spread."""
    return {name: (values[name] - centre) / scale for name, (centre, scale) in scales.items() if name in values}


def distance(values: Mapping[str, float], scales: Mapping[str, tuple[float, float]]) -> float:
    """How suspicious a pair is: the squares of what its signs fall below the good pairs, added up."""
    found = standard(values, scales)
    return sum(_WEIGHT.get(name, 1.0) * min(max(-z, 0.0), _CAP) ** 2 for name, z in found.items())


def probability(found: float, scale: SignScale) -> float:
    """That a pair is good, if as many were faulty as good."""
    return float(1 / (1 + np.exp(-(scale.offset - scale.slope * np.log1p(found)))))


def _with_one_fault_each(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """The kinds in turn; where a pair is too short for one, the next that it can have."""
    twins = [plant(kind, pairs, seed) for kind in COMMON]
    made = [
        next((twin for k in range(len(twins)) if (twin := twins[(place + k) % len(twins)][place])), None)
        for place in range(len(pairs))
    ]
    return list({twin.id: twin for twin in made if twin}.values())


def _scale(values: Sequence[float]) -> tuple[float, float]:
    found = np.array(values)
    centre = float(np.median(found))
    below = centre - float(np.quantile(found, _LOW_QUANTILE))
    return centre, max(below, _LEAST_SPREAD * float(found.std()), _LEAST_SCALE)


def _logistic(near: np.ndarray, far: np.ndarray) -> tuple[float, float]:
    """Offset and slope of the log-odds against the distance, both kinds counted alike; Newton's method."""
    x = np.concatenate([near, far])
    rows = np.stack([np.ones_like(x), -x], axis=1)
    good = np.repeat([1.0, 0.0], [len(near), len(far)])
    weights = np.repeat([0.5 / len(near), 0.5 / len(far)], [len(near), len(far)])
    found = np.zeros(2)
    for _ in range(50):
        chance = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (weights * (chance - good)) + _RIDGE * found
        bend = (rows * (weights * chance * (1 - chance))[:, None]).T @ rows + _RIDGE * np.eye(2)
        found -= np.linalg.solve(bend, slope)
    return float(found[0]), max(float(found[1]), _LEAST_SCALE)


def calibration_scales(scales: Sequence[SignScale]) -> dict[str, tuple[float, float]]:
    """The middle and the spread of each sign, by name."""
    return {scale.id: (scale.centre, scale.scale) for scale in scales}


def explain(signs: Signs, scales: Sequence[SignScale]) -> str:
    """The signs of a pair in short: what stands in its rating."""
    found = standard(signs.values, calibration_scales(scales))
    return " ".join(f"{name}={value:+.2f}" for name, value in found.items())
