"""A training carried out by Ray Train in two workers on the CPU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from humpback.errors import StageError

pytestmark = [pytest.mark.ray, pytest.mark.training]

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield
        ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own, of its own parts
def test_two_workers_of_ray_train_as_one_process_does(cluster: None, train: Any, tmp_path: Path) -> None:
    """To the rounding of sums in another order; see test_equal."""
    from humpback.training.ray import train_on_ray

    seen: list[int] = []
    settings = {"steps": 4, "batch_size": 5, "pack_tokens": 150}
    one = train("one", **settings)
    two = train("two", devices=2, together=train_on_ray, progress=lambda step, *_: seen.append(step), **settings)
    assert [p.loss for p in two.curve] == pytest.approx([p.loss for p in one.curve], rel=1e-3)
    assert two.curve[0].loss == pytest.approx(one.curve[0].loss, rel=1e-5)
    assert seen == [1, 2, 3, 4]
    assert (tmp_path / "two" / "model.safetensors").exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_what_the_user_did_wrong_is_told_as_if_it_were_here(cluster: None, train: Any) -> None:
    from humpback.training.ray import train_on_ray

    with pytest.raises(StageError, match="diverged"):
        train(
            devices=2, together=train_on_ray, steps=4,
            learning_rate=1e30, final_learning_rate=1e30, max_grad_norm=0,
        )  # fmt: skip
