"""What the training tests share: a few readable pairs, and a training small enough for every test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from humpback.config import ForwardSettings, ModelSettings, TagSettings, TrainSettings
from humpback.records import Pair, content_id
from humpback.training.processes import train_in_processes
from humpback.training.train import finetune

_TOPICS = ["the sea", "the wind", "bread", "salt", "the sky", "stone walls", "harbours", "flour", "air", "yeast"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test tokenises for itself."""
    monkeypatch.setenv("HUMPBACK_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """Twenty pairs of different lengths, half of them augmented."""
    made = []
    for number in range(20):
        topic = _TOPICS[number % len(_TOPICS)]
        instruction = f"Write {number + 1} words about {topic}."
        response = f"A note about {topic}: " + "the wind and the harbour. " * (1 + number % 5)
        origin = "seed" if number % 2 == 0 else "augmented"
        made.append(Pair(content_id(instruction, response), instruction, response, origin, "test"))
    return made


Train = Callable[..., Any]


@pytest.fixture
def train(pairs: list[Pair], tiny_model: Path, tmp_path: Path) -> Train:
    """Runs `finetune` on the tiny model; keyword arguments go to its settings unless they are its own."""

    def run(name: str = "model", base: Path = tiny_model, **settings: Any) -> Any:
        own = {
            key: settings.pop(key)
            for key in ("direction", "seed", "progress", "work", "data", "heldout", "dtype", "together")
            if key in settings
        }
        direction = own.get("direction", "forward")
        settings_type = ForwardSettings if direction == "forward" else TrainSettings
        defaults = {"steps": 4, "batch_size": 4, "learning_rate": 1e-3, "final_learning_rate": 1e-4, "dropout": 0.0}
        return finetune(
            own.get("data", pairs),
            base=base,
            direction=direction,
            model=ModelSettings(name=str(base), device="cpu", max_tokens=256, dtype=own.get("dtype", "auto")),
            settings=settings_type.model_validate({**defaults, **settings}),
            tags=TagSettings(),
            seed=own.get("seed", 0),
            model_folder=tmp_path / name,
            work=own.get("work", tmp_path / f"{name}-work"),
            heldout=own.get("heldout", ()),
            progress=own.get("progress"),
            together=own.get("together", train_in_processes),
        )

    return run
