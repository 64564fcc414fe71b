"""What segments say, as packed vectors in groups of like ones: by a model's hidden states of their beginnings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from humpback.engines.base import Engine
from humpback.errors import StageError
from humpback.likeness.clusters import fit_centroids
from humpback.likeness.packed import pack, similarities, unpack
from humpback.likeness.vectors import read_vectors
from humpback.records import Outcome, Segment, SegmentVector, VectorGroups


def find_groups(
    texts: Sequence[str], engine: Engine, tokens: int, clusters: int, rng_seed: int
) -> Outcome[VectorGroups]:
    """How the vectors of segments are standardised, and where groups of like ones lie.

    Args:
        texts: A sample of the segments, in random order.
        engine: The base model.
        tokens: How many tokens at the beginning of each text are read.
        clusters: How many groups; there are fewer where fewer vectors differ.
        rng_seed: Of the groups.

    Raises:
        StageError: The model can read none of the texts.
    """
    reading = read_vectors(texts, engine, tokens)
    if not len(reading.indices):
        raise StageError(
            f"the base model can read none of {len(texts)} segments", "leave corpus.deduplicate.meaning out"
        )
    deviations = reading.vectors.std(axis=0)
    centre, scale = reading.vectors.mean(axis=0), np.where(deviations > 0, deviations, 1.0)
    standardised = (reading.vectors - centre) / scale
    lengths = np.linalg.norm(standardised, axis=1, keepdims=True)
    centroids = fit_centroids(standardised / np.where(lengths > 0, lengths, 1), clusters, rng_seed)
    groups = VectorGroups(tuple(centre.tolist()), tuple(scale.tolist()), pack(centroids).tobytes())
    return Outcome((groups,), (), 1, reading.usage)


class MeaningReader:
    """Gives segments their vectors and groups.

    Args:
        groups: How vectors are standardised, and the groups.
        engine: The base model.
        tokens: How many tokens at the beginning of each segment it reads.
    """

    def __init__(self, groups: VectorGroups, engine: Engine, tokens: int) -> None:
        self._centre, self._scale = np.array(groups.centre), np.array(groups.scale)
        self._centroids = unpack(groups.centroids, len(groups.centre))
        self._engine = engine
        self._tokens = tokens

    def read(self, segments: Sequence[Segment]) -> Outcome[SegmentVector]:
        """The vector of each segment of a shard, in order."""
        reading = read_vectors([segment.text for segment in segments], self._engine, self._tokens)
        vectors = [SegmentVector(segment.id, -1, b"") for segment in segments]
        if len(reading.indices):
            packed = pack((reading.vectors - self._centre) / self._scale)
            clusters = similarities(packed, self._centroids).argmax(axis=1)
            for index, vector, cluster in zip(reading.indices.tolist(), packed, clusters.tolist(), strict=True):
                vectors[index] = SegmentVector(segments[index].id, cluster, vector.tobytes())
        return Outcome(tuple(vectors), (), len(segments), reading.usage)
