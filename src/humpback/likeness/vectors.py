"""What a model makes of texts, as one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from humpback.engines.base import Engine, usage_of
from humpback.likeness.direction import Vectors
from humpback.records import Usage
from humpback.requests import EmbeddingRequest


@dataclass(frozen=True, slots=True)
class Reading:
    """The vectors of the texts that could be read."""

    vectors: Vectors
    indices: NDArray[np.int64]
    """Which text each is of, ascending."""
    usage: Usage


def read_vectors(texts: Sequence[str], engine: Engine, tokens: int) -> Reading:
    """Asks a model for the vector of each text; a text that it cannot read has none.

    Args:
        texts: Whole texts.
        engine: One that embeds.
        tokens: How many tokens at the beginning of each are read.
    """
    requests = (EmbeddingRequest(str(index), text, tokens) for index, text in enumerate(texts))
    answers = sorted((int(answer.id), answer) for answer in engine.embed(requests) if not answer.error)
    vectors = np.array([answer.values for _, answer in answers], np.float64)
    indices = np.array([index for index, _ in answers], np.int64)
    return Reading(vectors, indices, usage_of(answer for _, answer in answers))
