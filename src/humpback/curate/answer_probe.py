"""The scorer `answer-probe`: do a model's hidden states of a response look like those of an answer?

A linear probe (Alain & Bengio 2016) on the mean of the middle layer over the first tokens of a text. It is fitted with
the model that rates, on texts that ship: the handbooks of `package:demo`, whose sections answer something, and its
news, adverts, minutes, lives, diaries and stories. They are English.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from humpback.curate.base import rate_each
from humpback.demo.sections import sections, text_id
from humpback.engines.base import Engine
from humpback.errors import StageError
from humpback.likeness.direction import FOLDS, Direction, Vectors, fit_probe
from humpback.likeness.measuring import stored_direction
from humpback.likeness.vectors import read_vectors
from humpback.records import Candidate, Outcome, Rating, SeedDirection
from humpback.requests import Embedding, EmbeddingRequest
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


class AnswerProbeScorer:
    """Where a response lies between what answers nothing (0) and answers (1), by the probe. Ours.

    Args:
        iteration: t; M_{t-1} rates.
        record: The probe, fitted to the same model.
    """

    name = "answer-probe"

    def __init__(self, iteration: int, record: SeedDirection) -> None:
        self.iteration = iteration
        self._probe = stored_direction(record)
        self._seen = dict(zip(record.seen_ids, record.seen_scores, strict=True))

    def score(self, candidates: Sequence[Candidate], engine: Engine) -> Outcome[Rating]:
        """Rates one shard. A candidate that the engine cannot read is 'unparsed', with the error as the reply."""
        return rate_each(self, candidates, engine, engine.embed(_requests(candidates)), self._score)

    def _score(self, candidate: Candidate, answer: Embedding) -> tuple[float, str]:
        seen = self._seen.get(text_id(candidate.response))
        return float(self._probe.scores(np.array([answer.values]))[0]) if seen is None else seen, ""


def _requests(candidates: Iterable[Candidate]) -> Iterable[EmbeddingRequest]:
    return (EmbeddingRequest(candidate.id, candidate.response, _TOKENS) for candidate in candidates)
