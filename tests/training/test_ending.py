"""When a training ends early, and what it leaves and takes on the disk."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from humpback.config import ModelSettings, TagSettings, TrainSettings
from humpback.errors import StoreError
from humpback.records import Pair, content_id
from humpback.training.checkpoints import check_disk
from humpback.training.train import prepare

pytestmark = pytest.mark.training

Train = Callable[..., Any]

_FAST = {"learning_rate": 2e-2, "final_learning_rate": 1e-2, "batch_size": 8}


@pytest.fixture
def heldout() -> list[Pair]:
    """Texts that the pairs of the training say nothing about: fitting those makes these less likely."""
    texts = [f"{number} gzip fjord quartz vex {number}!" for number in range(4)]
    return [Pair(content_id(text), f"Tell me {text}", text * 3, "seed", "test") for text in texts]


def test_a_training_ends_when_the_held_out_loss_no_longer_falls(train: Train, heldout: list[Pair]) -> None:
    summary = train("early", steps=60, heldout=heldout, early_stop_checks=3, early_stop_steps=2, **_FAST)
    losses = [loss for _, loss in summary.heldout]
    best = losses.index(min(losses))
    assert len(losses) == best + 4  # three checks without a better one
    assert [step for step, _ in summary.heldout] == [2 * n + 2 for n in range(len(losses))]
    assert summary.steps == summary.heldout[-1][0] < 60
    assert summary.curve[-1].step == summary.steps


@pytest.mark.parametrize("method", ["full", pytest.param("lora", marks=pytest.mark.slow)])
def test_the_weights_of_the_best_check_are_kept(
    train: Train, tmp_path: Path, tiny_model: Path, heldout: list[Pair], method: str
) -> None:
    """The held-out loss of the folder that is left is that of the best check, not that of the last step."""
    summary = train("early", method=method, steps=60, heldout=heldout, early_stop_checks=2, early_stop_steps=2, **_FAST)
    best = min(loss for _, loss in summary.heldout)
    assert summary.heldout[-1][1] > best
    again = train(
        "again", base=tmp_path / "early", steps=1, heldout=heldout, early_stop_checks=1, early_stop_steps=1,
        learning_rate=1e-12, final_learning_rate=0, batch_size=1,
    )  # fmt: skip
    assert again.heldout[0][1] == pytest.approx(best, rel=1e-4)


@pytest.mark.slow
def test_two_processes_end_early_together(train: Train, heldout: list[Pair]) -> None:
    settings = {"steps": 40, "heldout": heldout, "early_stop_checks": 2, "early_stop_steps": 2, **_FAST}
    one, two = train("one", **settings), train("two", devices=2, **settings)
    assert two.steps == one.steps < 40
    assert [loss for _, loss in two.heldout] == pytest.approx([loss for _, loss in one.heldout], rel=1e-3)


def test_by_default_nothing_is_held_out_and_every_step_is_made(train: Train, heldout: list[Pair]) -> None:
    summary = train(steps=4, heldout=heldout)
    assert (summary.steps, summary.heldout) == (4, ())


def test_the_last_checkpoints_are_kept(train: Train, tmp_path: Path) -> None:
    train(steps=9, checkpoint_steps=2, keep_checkpoints=2, work=tmp_path / "work")
    assert sorted(path.name for path in (tmp_path / "work").glob("checkpoint-*")) == ["checkpoint-6", "checkpoint-8"]


def test_the_room_that_is_asked_for_is_the_room_that_is_taken(train: Train, tmp_path: Path) -> None:
    """To a tenth and what tokenizer and notes take: the bound is honest, and not far too high."""
    work = tmp_path / "work"
    summary = train("model", steps=5, checkpoint_steps=2, keep_checkpoints=2, work=work)
    taken = [path.stat().st_size for folder in (work, tmp_path / "model") for path in folder.rglob("*.*")]
    assert sum(taken) <= summary.disk_bytes * 1.1 + 2_000_000
    assert summary.disk_bytes <= 1.6 * sum(taken)  # one more checkpoint may be there for a moment


def test_a_disk_that_is_too_small_is_refused_before_the_first_step(
    pairs: list[Pair], tiny_model: Path, tmp_path: Path
) -> None:
    model = ModelSettings(name=str(tiny_model), device="cpu", max_tokens=256)
    settings = TrainSettings(steps=10, checkpoint_steps=2)
    job = prepare(
        pairs, tiny_model, "backward", model, settings, TagSettings(), 0, tmp_path / "model", tmp_path / "work"
    )
    huge = 1 << 50
    with pytest.raises(StoreError, match=r"backward training writes up to [\d.]+ GiB .* backward.keep_checkpoints"):
        check_disk(job, weights=huge, trained=1)
    assert check_disk(job, weights=1000, trained=10) == 1000 + 2 * 10 * 12
    none = dataclasses.replace(job, settings=settings.model_copy(update={"checkpoint_steps": 10}))
    assert check_disk(none, weights=1000, trained=10) == 1000
