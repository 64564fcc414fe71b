"""How seed pairs and augmented pairs are mixed: in which order they are trained on, and how often."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from humpback.config import Config, ExampleOrder, ForwardSettings, ModelSettings, TagSettings, TrainSettings
from humpback.method.loop import finetune
from humpback.records import Curated, Pair
from humpback.runs.stage import Produce, Stage
from humpback.training.schedule import Schedule, order_of_examples, steps_and_batch
from humpback.training.train import prepare
from humpback.training.training_job import TrainingJob

FROM_SEED = np.array([True, False, False, False] * 5)
"""Five seed pairs among fifteen augmented ones."""

ORDERS: tuple[ExampleOrder, ...] = ("mixed", "seed-last", "seed-first")


def ordered(order: ExampleOrder, places: int = 60, seed_weight: int = 1, seed: int = 0) -> list[int]:
    """The order of all twenty examples in a training of so many places."""
    return order_of_examples(FROM_SEED, Schedule(places // 4, 4, 2, order, seed_weight), seed).tolist()


def times(examples: list[int]) -> list[int]:
    """How often each of the twenty is seen."""
    return np.bincount(examples, minlength=len(FROM_SEED)).tolist()


@pytest.mark.parametrize("seed_weight", [1, 3])
@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("order", ORDERS)
def test_whole_passes_hold_each_example_equally_often_in_every_order(
    order: ExampleOrder, passes: int, seed_weight: int
) -> None:
    in_a_pass = 15 + 5 * seed_weight
    seen = times(ordered(order, passes * in_a_pass // 4 * 4, seed_weight))
    expected = [passes * (seed_weight if is_seed else 1) for is_seed in FROM_SEED]
    assert sum(seen) == passes * in_a_pass // 4 * 4
    assert sum(abs(a - b) for a, b in zip(seen, expected, strict=True)) <= passes * in_a_pass % 4


def test_each_phase_has_examples_of_one_origin_in_passes_of_its_own() -> None:
    last, first = ordered("seed-last"), ordered("seed-first")
    assert FROM_SEED[last].tolist() == [False] * 45 + [True] * 15
    assert FROM_SEED[first].tolist() == [True] * 15 + [False] * 45
    passes = [tuple(last[start : start + 15]) for start in (0, 15, 30)]
    passes += [tuple(last[start : start + 5]) for start in (45, 50, 55)]
    assert len(set(passes)) == 6
    assert all(len(set(indices)) == len(indices) for indices in passes)
    assert last[45:] + last[:45] == first


@pytest.mark.parametrize("places", [4, 28, 44])
@pytest.mark.parametrize("seed_weight", [1, 2, 5])
def test_the_places_are_shared_out_by_how_much_of_a_pass_each_origin_is(places: int, seed_weight: int) -> None:
    for order in ("seed-last", "seed-first"):
        seen = ordered(order, places, seed_weight)
        assert len(seen) == places
        seed_places = places * 5 * seed_weight / (15 + 5 * seed_weight)
        assert abs(int(FROM_SEED[seen].sum()) - seed_places) <= 0.5


def test_the_order_is_seeded() -> None:
    for order in ORDERS:
        assert ordered(order) == ordered(order)
        assert ordered(order) != ordered(order, seed=1)


def test_a_pass_of_a_mixed_training_holds_a_seed_pair_as_often_as_asked() -> None:
    seen = ordered("mixed", 60, seed_weight=3)
    assert times(seen[:30]) == times(seen[30:]) == [3 if is_seed else 1 for is_seed in FROM_SEED]
    assert seen[:30] != seen[30:]


@pytest.mark.parametrize("is_seed", [True, False])
def test_examples_of_one_origin_are_neither_ordered_nor_weighted(is_seed: bool) -> None:
    from_seed = np.full(10, is_seed)
    plain = steps_and_batch(10, TrainSettings(epochs=3), int(from_seed.sum()))
    expected = order_of_examples(from_seed, plain, 0).tolist()
    for order in ORDERS:
        settings = ForwardSettings(epochs=3, order=order, seed_weight=4)
        assert steps_and_batch(10, settings, int(from_seed.sum())) == plain
        assert order_of_examples(from_seed, replace(plain, order=order), 0).tolist() == expected


def test_only_epochs_make_a_training_longer_by_the_repetitions() -> None:
    def steps(**settings: Any) -> int:
        return steps_and_batch(1600, ForwardSettings.model_validate(settings), seed_count=400).steps

    assert (steps(epochs=2), steps(epochs=2, seed_weight=3)) == (400, 600)
    assert steps() == steps(seed_weight=3) == 600
    assert steps(steps=7) == steps(steps=7, seed_weight=3) == 7
    assert steps(epochs=2, order="seed-last") == 400


@pytest.fixture
def prepared(pairs: list[Pair], tiny_model: Path, tmp_path: Path) -> Any:
    """Prepares a training of the twenty pairs, or of those that are given."""

    def run(data: list[Pair] = pairs, **settings: Any) -> TrainingJob:
        model = ModelSettings(name=str(tiny_model), device="cpu", max_tokens=256)
        out, work = tmp_path / "model", tmp_path / "work"
        forward = ForwardSettings.model_validate({"steps": 3, "batch_size": 4, **settings})
        return prepare(data, tiny_model, "forward", model, forward, TagSettings(), 0, out, work)

    return run


def test_a_checkpoint_is_gone_on_with_only_by_a_training_of_the_same_mixture(prepared: Any, pairs: list[Pair]) -> None:
    settings: list[dict[str, Any]] = [{}, {"order": "seed-last"}, {"order": "seed-first"}, {"seed_weight": 2}]
    settings.append({"order": "seed-last", "seed_weight": 2})
    assert len({prepared(**given).identity for given in settings}) == len(settings)
    alone = [pair for pair in pairs if pair.origin == "seed"]
    assert len({prepared(alone, **given).identity for given in settings}) == 1


def test_another_process_gets_the_mixture_too(prepared: Any) -> None:
    job = prepared(order="seed-last", seed_weight=2)
    assert (job.schedule.order, job.schedule.seed_weight) == ("seed-last", 2)
    assert TrainingJob.load(job.dump()) == job


@pytest.mark.training
def test_a_training_with_the_seed_pairs_last_differs_and_goes_on_where_it_was(train: Any, tmp_path: Path) -> None:
    settings = {"steps": 5, "order": "seed-last", "checkpoint_steps": 2, "learning_rate": 1e-2}
    work = tmp_path / "work"
    whole = train("whole", work=work, **settings)
    again = train("again", work=work, **settings)
    mixed = train("mixed", **{**settings, "order": "mixed"})
    assert train("other", work=work, **{**settings, "order": "seed-first"}).resumed_from == 0
    assert (whole.resumed_from, again.resumed_from) == (0, 4)
    assert again.curve == whole.curve != mixed.curve
    assert (whole.steps, whole.examples) == (mixed.steps, mixed.examples)
    assert whole.tokens == mixed.tokens  # one pass: the same pairs in another order
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "again")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    record = json.loads((tmp_path / "whole" / "humpback.json").read_text())
    assert (record["settings"]["order"], record["settings"]["seed_weight"]) == ("seed-last", 1)


def _recipe(on: list[type], direction: Literal["forward", "backward"] = "forward", **forward: Any) -> dict[str, Any]:
    """What decides a training on stages of these records."""
    stages = [
        Stage(kind.__name__, "", (), {}, Produce(lambda inputs, part, done: iter(())), kind)  # type: ignore[arg-type]
        for kind in on
    ]
    config = Config.model_validate({"forward": forward})
    return dict(finetune(config, "base", f"{direction}-1", direction, on=stages).settings)


def test_only_what_was_given_and_matters_is_in_the_recipe() -> None:
    both = _recipe([Pair, Curated])
    assert both.keys().isdisjoint({"forward.order", "forward.seed_weight"})
    assert _recipe([Pair, Curated], order="mixed", seed_weight=1) == both
    assert _recipe([Pair, Curated], order="seed-last") == both | {"forward.order": "seed-last"}
    assert _recipe([Pair, Curated], seed_weight=2) == both | {"forward.seed_weight": 2}
    for alone in ([Pair], [Curated]):
        assert _recipe(alone, order="seed-last", seed_weight=2) == _recipe(alone)
    assert _recipe([Pair], "backward", order="seed-last") == _recipe([Pair], "backward")
