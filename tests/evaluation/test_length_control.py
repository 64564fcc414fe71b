from dataclasses import replace

import numpy as np
import pytest

from humpback.errors import InputError
from humpback.evaluation.comparisons import Comparison
from humpback.evaluation.length_control import Gamed, gamed_of, joint_difficulty, length_controlled, length_differences


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def annotations(skill, wordiness, bias, *, n=400, seed=0, hard=None, generator="m"):
    """A model of some skill whose answers are longer, before a judge that likes long answers."""
    rng = np.random.default_rng(seed)
    more = rng.normal(wordiness, 200, n).round().astype(int)
    delta = -more / more.std(ddof=1)
    hard = np.zeros(n) if hard is None else hard
    preferences = sigmoid(skill + bias * np.tanh(-delta) + hard)
    return [
        Comparison(
            f"Do {k}.", "x" * 1000, "x" * max(1, 1000 + int(m)), "base", generator, preference=1 + float(p), index=k
        )
        for k, (m, p) in enumerate(zip(more, preferences, strict=True))
    ]


def test_a_wordy_model_is_brought_back_to_its_skill():
    rows = annotations(skill=-0.5, wordiness=250, bias=1.5)
    raw = 100 * np.mean([row.preference - 1 for row in rows])
    found = length_controlled(rows)
    assert raw > 55
    assert found.win_rate == pytest.approx(100 * sigmoid(-0.5), abs=0.5)
    assert found.weights == pytest.approx((-1.5, -0.5), abs=0.05)
    assert found.form == "tanh(length) + model"


def test_the_interval_knows_the_noise_of_the_fit():
    """Verdicts of a model of skill 0 drawn by chance: most intervals hold the truth, and none is narrow."""
    draw, held = np.random.default_rng(3), []
    for seed in range(12):
        rows = annotations(skill=0.0, wordiness=0, bias=1.0, n=60, seed=seed)
        verdicts = [replace(row, preference=1.0 + float(draw.random() < row.preference - 1)) for row in rows]
        interval = length_controlled(verdicts).interval
        assert interval.high - interval.low > 10
        held.append(interval.low <= 50 <= interval.high)
    assert sum(held) >= 10


def test_a_judge_that_does_not_mind_length_leaves_the_win_rate_as_it_is():
    rows = annotations(skill=0.7, wordiness=250, bias=0.0)
    assert length_controlled(rows).win_rate == pytest.approx(100 * sigmoid(0.7), abs=0.3)


def test_difficulty_is_a_term_where_it_is_given():
    hard = np.random.default_rng(1).normal(0, 1, 400)
    rows = annotations(skill=-0.5, wordiness=0, bias=1.0, hard=0.8 * hard)
    found = length_controlled(rows, dict(enumerate(hard)))
    assert found.weights == pytest.approx((-1.0, 0.8, -0.5), abs=0.05)
    assert found.win_rate == pytest.approx(100 * np.mean(sigmoid(-0.5 + 0.8 * hard)), abs=0.3)
    assert found.standard_error > 0
    assert length_controlled(rows).standard_error is None, "all predictions are one: they say nothing of the noise"


def test_gamed_comparisons_decide_where_the_model_says_nothing_of_length():
    rows = [Comparison(f"Do {k}.", "x" * 100, "y" * 100, "base", "m", preference=1.4, index=k) for k in range(200)]
    gamed = [Gamed(k, float(sigmoid(1.0 * np.tanh(-d))), d) for k, d in enumerate(np.linspace(-2, 2, 200))]
    alone, held = length_controlled(rows), length_controlled(rows, None, gamed)
    assert alone.weights[0] == 0.0
    assert held.weights[0] == pytest.approx(-1.0, abs=0.1)
    assert held.win_rate == pytest.approx(alone.win_rate, abs=0.5)


def test_comparisons_without_a_preference_are_predicted_but_not_learnt_from():
    rows = annotations(skill=-0.5, wordiness=250, bias=1.5)
    holes = [Comparison(r.instruction, r.output_1, r.output_2, "base", "m", index=r.index) for r in rows[:50]]
    assert length_controlled(holes + rows[50:]).win_rate == pytest.approx(length_controlled(rows).win_rate, abs=0.5)


def test_all_of_one_kind_and_all_of_one_length_can_be_fitted():
    rows = [Comparison(f"Do {k}.", "x", "y", "base", "m", preference=2.0, index=k) for k in range(50)]
    assert length_controlled(rows).win_rate > 99
    assert list(length_differences(rows)) == [0.0] * 50


def test_too_few():
    with pytest.raises(InputError, match="4 preferences are too few"):
        length_controlled(annotations(0, 0, 0, n=4))


def test_a_prompt_without_difficulty_is_named():
    with pytest.raises(InputError, match="380 prompts have no difficulty, such as number 20"):
        length_controlled(annotations(0, 0, 0), dict.fromkeys(range(20), 0.0))


def test_difficulty_can_be_learnt_from_many_models():
    hard = np.random.default_rng(1).normal(0, 1, 100)
    models = [annotations(s, 50 * s, 1.0, n=100, seed=k, hard=hard) for k, s in enumerate(np.linspace(-1, 1, 8))]
    found = joint_difficulty(models)
    assert np.corrcoef([found[k] for k in range(100)], hard)[0, 1] > 0.98
    with pytest.raises(InputError, match="with one model"):
        joint_difficulty(models[:1])


def test_gamed_models_may_be_given_as_annotations():
    rows = annotations(skill=0.0, wordiness=300, bias=1.0, generator="base_verbose")
    found = gamed_of(rows)
    assert len(found) == 400
    assert np.std([one.length for one in found], ddof=1) == pytest.approx(1.0)
    assert found[3].preference == pytest.approx(rows[3].preference - 1)
