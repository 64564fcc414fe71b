"""The direction from the corpus to the answers, and how far it carries to texts that it was not made from."""

import numpy as np
import pytest

from humpback.likeness.direction import FOLDS, fit_direction, fit_probe, fit_vector_scores, held_back_scores
from humpback.statistics.ranks import auroc


def vectors(count: int, shift: float, seed: int) -> np.ndarray:
    """Of 12 dimensions of different scale; the first three are shifted."""
    draws = np.random.default_rng(seed).normal(size=(count, 12))
    draws[:, :3] += shift
    return draws * 10.0 ** np.arange(-3, 9)


def test_the_means_of_both_sides_are_the_units():
    answers, passages = vectors(200, 1.0, 1), vectors(400, 0.0, 2)
    direction = fit_direction(answers, passages)

    assert direction.scores(answers).mean() == pytest.approx(1)
    assert direction.scores(passages).mean() == pytest.approx(0, abs=1e-9)


def test_dimensions_count_by_their_spread_and_not_by_their_size():
    direction = fit_direction(vectors(200, 1.0, 1), vectors(400, 0.0, 2))
    scores = direction.scores(np.concatenate([vectors(300, 1.0, 3), vectors(300, 0.0, 4)]))

    assert scores[:300].mean() > 0.7
    assert scores[300:].mean() < 0.3


def test_a_dimension_that_does_not_vary_and_sides_that_do_not_differ_are_no_trouble():
    same = np.ones((20, 4))
    direction = fit_direction(same, same)

    assert not direction.scores(same).any()


def test_a_probe_sees_what_only_dimensions_together_say():
    def texts(count, answers, seed):
        draws = np.random.default_rng(seed).normal(size=(count, 30))
        draws[:, 1] = draws[:, 0] + (0.4 if answers else -0.4) + draws[:, 1] / 10
        return draws

    sides = texts(150, True, 1), texts(40, False, 2)
    new = np.concatenate([texts(200, True, 3), texts(200, False, 4)])
    probe, means = fit_probe(*sides).scores(new), fit_direction(*sides).scores(new)

    assert fit_probe(*sides).scores(sides[0]).mean() == pytest.approx(1)
    assert fit_probe(*sides).scores(sides[1]).mean() == pytest.approx(0, abs=1e-9)
    assert auroc(probe[200:], probe[:200]) > auroc(means[200:], means[:200]) + 0.1


def test_transfer_is_of_texts_that_the_direction_has_not_seen():
    differ = held_back_scores(list(vectors(100, 1.0, 1)), list(vectors(300, 0.0, 2)), fit_vector_scores)
    alike = held_back_scores(list(vectors(100, 0.0, 1)), list(vectors(300, 0.0, 2)), fit_vector_scores)

    assert differ.auroc > 0.85
    assert alike.auroc == pytest.approx(0.5, abs=0.1)
    assert (len(differ.answers), len(differ.passages)) == (100, 300)


def test_every_text_is_scored_by_a_fit_on_the_others():
    def fit(answers, passages):
        assert len(set(answers) & set(range(23))) == len(answers)
        return lambda texts: np.array([float(text not in answers and text not in passages) for text in texts])

    held_back = held_back_scores(range(23), range(100, 100 + FOLDS), fit)
    assert held_back.answers.all()
    assert held_back.passages.all()
