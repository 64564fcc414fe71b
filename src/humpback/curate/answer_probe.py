"""The scorer `answer-probe`: do a model's hidden states of a response look like those of an answer?

A linear probe (Alain & Bengio 2016) on the mean of the middle layer over the first tokens of a text. It is fitted with
the model that rates, on texts that ship: the handbooks of `package:demo`, whose sections answer something, and its
news, adverts, minutes, lives, diaries and stories. They are English. 0 is the mean of what answers nothing, 1 that of
what answers. Ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from humpback.curate.hidden_states import Looked
from humpback.demo.sections import sections, text_id
from humpback.engines.base import Engine
from humpback.errors import StageError
from humpback.likeness.direction import FOLDS, Direction, Vectors, fit_probe
from humpback.likeness.vectors import read_vectors
from humpback.records import Outcome, SeedDirection
from humpback.statistics.ranks import auroc

_TOKENS = 64
"""Tokens of a response that are read."""


def find_probe(engine: Engine) -> Outcome[SeedDirection]:
    """Fits the probe to a model.

    Texts that it was fitted on get a score by a fit that has seen no section of their documents, in five folds.

    Raises:
        StageError: The model cannot read the texts.
    """
    shown = sections()
    reading = read_vectors([one.text for one in shown], engine, _TOKENS)
    if len(reading.indices) < len(shown):
        raise StageError("the model cannot read the texts that ship", "raise model.max_tokens")
    answers = np.array([one.answers for one in shown])
    folds = np.array([one.document % FOLDS for one in shown])

    def fitted(rows: NDArray[np.bool_]) -> Direction:
        return fit_probe(reading.vectors[rows & answers], reading.vectors[rows & ~answers])

    held_back: Vectors = np.empty(len(shown))
    for fold in range(FOLDS):
        held_back[folds == fold] = fitted(folds != fold).scores(reading.vectors[folds == fold])
    probe = fitted(np.ones(len(shown), np.bool_))
    record = SeedDirection(
        "probe",
        auroc(held_back[~answers], held_back[answers]),
        int(answers.sum()),
        tuple(one.id for one in shown),
        tuple(held_back.tolist()),
        tuple(probe.centre.tolist()),
        tuple(probe.scale.tolist()),
        tuple(probe.weights.tolist()),
        probe.offset,
    )
    return Outcome((record,), (), 1, reading.usage)


LOOKED = Looked(lambda one: one.response, _TOKENS, lambda one: text_id(one.response))
