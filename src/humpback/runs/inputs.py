"""What the stages of a run may read, wherever they are carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from humpback import models
from humpback.config import Config, ModelSettings
from humpback.engines.answer_files import AnswerFolders
from humpback.engines.answer_log import AnswerLog
from humpback.engines.base import Engine
from humpback.engines.counted import CountedEngine
from humpback.engines.open import open_engine
from humpback.engines.spending import Spending
from humpback.prompts import use_texts
from humpback.runs.recipe import Recipe
from humpback.runs.stage import Stage
from humpback.runs.status import recipes
from humpback.runs.store import Run
from humpback.runs.store.files import get_folder

R = TypeVar("R")


class RunInputs:
    """What the stages of one run may read. Travels to the workers.

    Args:
        run: The run folder.
        config: The run's settings.
        plan: All stages of the run.
    """

    def __init__(self, run: Run, config: Config, plan: Sequence[Stage]) -> None:
        self.run = run
        self._config = config
        use_texts(config.prompts.texts)
        self._recipes: dict[str, Recipe] = recipes(plan)
        self._external = {model.name: model.settings for stage in plan for model in stage.external}
        self._stage = ""
        self._logs: list[AnswerLog] = []
        self.on_answer: Callable[[int], None] | None = None
        """Called with the tokens of each answer that a model gives in this process."""
        self.on_batches: Callable[[str], None] | None = None
        """Called with what batches of requests are under way, in words; '' where none is."""

    def __getstate__(self) -> dict[str, Any]:
        # A worker in another process has nobody to tell, and keeps an account of its own.
        state = {name: value for name, value in self.__dict__.items() if name != "spending"}
        return state | {"on_answer": None, "on_batches": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        use_texts(self._config.prompts.texts)

    def of_stage(self, stage: str) -> RunInputs:
        """The same for the work of one stage: answers of a server are written down in its folder as they arrive."""
        inputs = copy(self)
        inputs._stage, inputs._logs, inputs.spending = stage, [], self.spending
        inputs.on_answer, inputs.on_batches = self.on_answer, self.on_batches
        return inputs

    def records(self, stage: str, kind: type[R]) -> Iterator[R]:
        """All records of a stage."""
        return self.run.stage(stage).records(kind)

    def column(self, stage: str, name: str) -> Iterator[Any]:
        """One column of all records of a stage."""
        return self.run.stage(stage).column(name)

    def position(self, stage: str, part: int) -> tuple[int, int]:
        """Where a part of a stage goes on: the position of its last committed shard."""
        return self.run.stage(stage).position(part)

    def base(self) -> Path:
        """The base model's folder."""
        return self._base.path

    def scratch(self, stage: str) -> Path:
        """A folder on this machine for unfinished work of a stage, the same after a kill."""
        return self.run.scratch_path(stage, self._recipes[stage].fingerprint)

    @cached_property
    def spending(self) -> Spending:
        """What the run has spent on servers."""
        return Spending(self.run.on_this_machine("spent"), self._config.run.budget, self._config.run.budget_tokens)

    @cached_property
    def _base(self) -> models.ModelFolder:
        return models.resolve(self._config.model)

    @contextmanager
    def engine(self, stage: str, *, embeds: bool = False) -> Iterator[Engine]:
        """An engine for the model of a stage, for 'base', or for an external model; the only one open at a time."""
        settings, path, identity = self._external.get(stage, self._config.model), None, ""
        if embeds and settings.engine_spec.embeds_by:
            settings = settings.model_copy(update={"engine": settings.engine_spec.embeds_by})
        if stage == "base":
            path, identity = self._base.path, f"base@{self._base.identity[:12]}"
        elif stage not in self._external:
            path = get_folder(self.run.stage(stage).model_path, self.scratch(stage).with_suffix(".model"))
            self.run.stage(stage).check_model(path)
            identity = f"{stage}@{self._recipes[stage].fingerprint[:12]}"
        with open_engine(settings, path, identity) as engine:
            logged = self._with_log(engine, settings)
            try:
                yield CountedEngine(logged, self.on_answer) if self.on_answer else logged
            finally:
                logged.close()
                if spent := str(getattr(engine, "spent", "")):  # a model on this machine takes nothing but its time
                    self.run.log("spent", stage=self._stage, model=engine.model, spent=spent)

    def answers(self, stage: str) -> AnswerFolders:
        """Where the answers of servers for a stage are kept."""
        return AnswerFolders(self.scratch(stage) / "answers", self.run.answers_path(stage))

    def lay_aside_answers(self) -> None:
        """Lays aside the answers that this thread has written down for a shard: it is committed."""
        for log in self._logs:
            log.lay_aside()

    def _with_log(self, engine: Engine, settings: ModelSettings) -> Engine:
        if not settings.engine_spec.keeps_answers or not self._stage:
            return engine
        if remember_in := getattr(engine, "remember_in", None):
            remember_in(self.scratch(self._stage) / "batches", self.on_batches or (lambda words: None))
        log = AnswerLog(engine, self.answers(self._stage), self.spending)
        self._logs.append(log)
        return log
