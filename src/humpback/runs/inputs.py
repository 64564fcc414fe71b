"""What the stages of a run may read, wherever they are carried out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from humpback import models
from humpback.config import Config
from humpback.engines.base import Engine
from humpback.engines.open import open_engine
from humpback.records import content_id
from humpback.runs.recipe import Recipe
from humpback.runs.store import Run
from humpback.runs.store.files import get_folder, is_remote

R = TypeVar("R")


class RunInputs:
    """What the stages of one run may read. Travels to the workers.

    Args:
        run: The run folder.
        config: The run's settings.
        made: The recipe of every stage, by name.
    """

    def __init__(self, run: Run, config: Config, made: Mapping[str, Recipe]) -> None:
        self.run = run
        self._config = config
        self._made = made

    def records(self, stage: str, kind: type[R]) -> Iterator[R]:
        """All records of a stage."""
        return self.run.stage(stage).records(kind)

    def column(self, stage: str, name: str) -> Iterator[Any]:
        """One column of all records of a stage."""
        return self.run.stage(stage).column(name)

    def base(self) -> Path:
        """The base model's folder."""
        return self._base.path

    def scratch(self, stage: str) -> Path:
        """A folder on this machine for the checkpoints of a training, the same after a kill."""
        folder = self.run.stage(stage)
        if not is_remote(folder.path):
            return folder.work_path
        return models.cache_folder() / "runs" / content_id(str(self.run.path), self._made[stage].fingerprint)

    @cached_property
    def _base(self) -> models.ModelFolder:
        return models.resolve(self._config.model)

    @contextmanager
    def engine(self, stage: str) -> Iterator[Engine]:
        """An engine for the model of a stage, or for 'base'; the only one open at a time."""
        if stage == "base":
            path, identity = self._base.path, f"base@{self._base.identity[:12]}"
        else:
            path = get_folder(self.run.stage(stage).model_path, self.scratch(stage).with_suffix(".model"))
            identity = f"{stage}@{self._made[stage].fingerprint[:12]}"
        with open_engine(self._config.model, path, identity) as engine:
            yield engine
