"""Groups of like vectors."""

import numpy as np

from humpback.likeness.clusters import fit_centroids, nearest_centroids


def planted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Five groups of 40 vectors, mixed."""
    draw = np.random.default_rng(seed)
    groups = np.repeat(np.arange(5), 40)
    draw.shuffle(groups)
    return draw.normal(size=(200, 8)) * 0.2 + 3 * np.eye(8)[groups], groups


def test_planted_groups_are_found():
    vectors, groups = planted(0)
    nearest = nearest_centroids(vectors, fit_centroids(vectors, 5, 0))

    assert len({(int(a), int(b)) for a, b in zip(groups, nearest, strict=True)}) == 5


def test_the_same_seed_gives_the_same_groups():
    vectors, _ = planted(1)
    assert np.array_equal(fit_centroids(vectors, 7, 3), fit_centroids(vectors, 7, 3))


def test_there_are_no_more_groups_than_different_vectors():
    assert len(fit_centroids(np.repeat(np.eye(3), 10, axis=0), 8, 0)) == 3
