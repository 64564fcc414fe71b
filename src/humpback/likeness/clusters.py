"""Groups of like texts: k-means (Lloyd 1982) of standardised vectors, so that what is chosen is not all of one kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from humpback.likeness.direction import Vectors

_STEPS = 50


def fit_centroids(vectors: Vectors, count: int, rng_seed: int) -> Vectors:
    """The means of groups of like vectors.

    Args:
        vectors: Standardised; their order decides ties.
        count: How many groups; there are fewer where fewer vectors differ.
        rng_seed: Of the starting points.
    """
    centroids = _start(vectors, count, rng_seed)
    nearest = nearest_centroids(vectors, centroids)
    for _ in range(_STEPS):
        groups = [vectors[nearest == number] for number in range(len(centroids))]
        # A group that has lost all its vectors stays where it was.
        centroids = np.array([g.mean(axis=0) if len(g) else c for g, c in zip(groups, centroids, strict=True)])
        before = nearest
        nearest = nearest_centroids(vectors, centroids)
        if np.array_equal(before, nearest):
            break
    return centroids


def nearest_centroids(vectors: Vectors, centroids: Vectors) -> NDArray[np.int64]:
    """The number of the group that each vector belongs to."""
    return np.asarray(_distances(vectors, centroids).argmin(axis=1))


def _distances(vectors: Vectors, centroids: Vectors) -> Vectors:
    """Squared, less the squared length of each vector, which is the same for all groups."""
    return np.asarray((centroids**2).sum(axis=1) - 2 * vectors @ centroids.T)


def _start(vectors: Vectors, count: int, rng_seed: int) -> Vectors:
    """Vectors far from one another (k-means++: Arthur & Vassilvitskii 2007)."""
    draw = np.random.default_rng(rng_seed)
    indices = [int(draw.integers(len(vectors)))]
    distances = ((vectors - vectors[indices[0]]) ** 2).sum(axis=1)
    while len(indices) < count and distances.any():
        sums = np.cumsum(distances)
        indices.append(int(np.searchsorted(sums, draw.random() * sums[-1], side="right")))
        distances = np.minimum(distances, ((vectors - vectors[indices[-1]]) ** 2).sum(axis=1))
    return vectors[indices]
