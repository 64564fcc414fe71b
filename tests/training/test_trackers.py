"""Curves for the trackers that people use: off unless a setting names one."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from humpback.errors import ConfigError

pytestmark = pytest.mark.training


def _events(folder: Path) -> list[Event]:
    """What TensorBoard would read: records of length, checksum, event, checksum."""
    (file,) = folder.glob("events.*")
    data, events, place = file.read_bytes(), [], 0
    while place < len(data):
        length = int.from_bytes(data[place : place + 8], "little")
        body = data[place + 12 : place + 12 + length]
        assert int.from_bytes(data[place + 12 + length : place + 16 + length], "little") == masked_crc32c(body)
        events.append(Event.FromString(body))
        place += 16 + length
    return events


def test_tensorboard_gets_the_curve(train: Any, tmp_path: Path) -> None:
    summary = train("model", steps=5, tracker="tensorboard")
    scalars = [(v.tag, e.step, v.simple_value) for e in _events(tmp_path / "model" / "runs") for v in e.summary.value]
    losses = [(step, value) for tag, step, value in scalars if tag == "train/loss"]
    assert [step for step, _ in losses] == [point.step for point in summary.curve]
    assert [value for _, value in losses] == pytest.approx([point.loss for point in summary.curve], rel=1e-6)


def test_without_the_setting_nothing_is_written(train: Any, tmp_path: Path) -> None:
    train("model")
    assert not (tmp_path / "model" / "runs").exists()
    assert not list((tmp_path / "model-work").iterdir())


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed")
def test_a_tracker_that_is_not_installed_is_named_before_anything_is_done(train: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"forward\.tracker is wandb, which is not installed: pip install wandb"):
        train(tracker="wandb")
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
def test_importing_the_room_imports_no_tracker() -> None:
    script = (
        "import sys, humpback.training.train\n"
        "print([name for name in ('wandb', 'trackio', 'tensorboardX') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
