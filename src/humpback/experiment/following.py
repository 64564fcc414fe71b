"""Instructions followed, as IFEval checks them: each model answers its prompts, and a program checks the answers."""

from __future__ import annotations

import heapq
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from humpback import prompts
from humpback.config import Config
from humpback.config.experiment import IfEvalSettings
from humpback.config.flat import flat_settings
from humpback.data_access.rows import input_digest
from humpback.engines.base import Engine
from humpback.errors import ConfigError
from humpback.evaluation.answers import EvalPrompt
from humpback.method.rows import read_rows
from humpback.records import Outcome, content_id, record_rng_seed
from humpback.runs.stage import Inputs, MapShards, Stage, names_of
from humpback.runs.store import StageFolder
from humpback.statistics.paired import Measured

if TYPE_CHECKING:
    from humpback.evaluation.answers import EvalPrompt
from humpback.evaluation.suites.ifeval import Task

_PACKAGES = ("lm_eval", "langdetect", "nltk", "punkt")
_STRICT = "inst_level_strict_acc"


@dataclass(frozen=True, slots=True)
class Followed:
    """An answer to one of IFEval's prompts, and how much of it was followed."""

    id: str
    """Of the prompt's text."""
    prompt: str
    answer: str
    """Empty where the model gave none: it follows nothing then."""
    asked: int
    """Instructions in the prompt."""
    strictly: int
    """Of those followed, by IFEval's strict check."""


@dataclass(frozen=True, slots=True)
class IfEval:
    """The share of instructions that are followed strictly; greedy answers, with both tags."""

    settings: IfEvalSettings
    name: str = "ifeval"
    title: str = "IFEval, share of instructions followed strictly"
    lower_is_better: bool = False

    def stages(self, config: Config, seed: Stage, model: Stage | None, name: str) -> tuple[Stage, ...]:
        """One model, asked every prompt.

        Raises:
            ConfigError: No prompts are named, or the checkers are not installed.
        """
        if not self.settings.prompts:
            raise ConfigError("ifeval.prompts is not given", "name IFEval's file, or leave ifeval out of measures")
        if missing := [package for package in _PACKAGES if importlib.util.find_spec(package) is None]:
            raise ConfigError(f"ifeval needs {', '.join(missing)}", "pip install 'humpback-align[suites]'")
        called = model.name if model else "base"

        def read() -> list[EvalPrompt]:
            return [EvalPrompt(task.prompt, "ifeval") for task in _draw_tasks(self.settings, config.run.seed)]

        @contextmanager
        def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Followed]]]:
            tasks = {task.prompt: task for task in _draw_tasks(self.settings, config.run.seed)}
            with inputs.engine(called) as engine:
                yield lambda shard: follow(shard, tasks, engine, config, self.settings)

        content = {"ifeval.content": input_digest(self.settings.prompts), "ifeval.limit": self.settings.limit}
        prompt_stage = read_rows(
            "prompts.ifeval", read, EvalPrompt, config, content | flat_settings(config, "run.seed")
        )
        settings = flat_settings(config, "tags", "model.max_tokens", "model.engine", "run.seed")
        settings |= {"ifeval.max_new_tokens": self.settings.max_new_tokens, "model.stage": called}
        settings |= {"prompts": prompts.prompt_digest("forward")}
        needs = names_of(prompt_stage, *((model,) if model else ()))
        work = MapShards(((prompt_stage.name, EvalPrompt),), opened)
        return prompt_stage, Stage(
            name, f"let {called} answer IFEval's prompts", needs, settings, work, Followed, model=True
        )

    def read(self, folder: StageFolder) -> Iterator[Measured]:
        """Instructions followed, of those in each prompt."""
        for row in folder.records(Followed):
            yield Measured(row.id, row.strictly, row.asked)


def follow(
    prompt_rows: Sequence[EvalPrompt],
    tasks: Mapping[str, Task],
    engine: Engine,
    config: Config,
    settings: IfEvalSettings,
) -> Outcome[Followed]:
    """Lets a model answer prompts and checks the answers, one record for each prompt, in order.

    Args:
        prompt_rows: The prompts.
        tasks: What each asks for, by its text.
        engine: The model.
        config: Its tags.
        settings: How long an answer may be.
    """
    from humpback.evaluation.answers import Answering, answer
    from humpback.evaluation.suites.ifeval import check

    greedy = Answering(max_new_tokens=settings.max_new_tokens, temperature=0.0)
    outcome = answer(prompt_rows, engine, engine.model, config.tags, greedy)
    answers = {output.instruction: output.output for output in outcome.kept}
    prompt_tasks = [tasks[prompt.instruction] for prompt in prompt_rows]
    rows = []
    for task, checked in zip(prompt_tasks, check(prompt_tasks, answers), strict=True):
        followed = checked.metrics[_STRICT]
        text = answers.get(task.prompt, "")
        rows.append(Followed(content_id(task.prompt), task.prompt, text, len(followed), round(sum(followed))))
    return Outcome(tuple(rows), (), len(prompt_rows), outcome.usage)


def _draw_tasks(settings: IfEvalSettings, seed: int) -> list[Task]:
    """The prompts, or a seeded sample of them: never the first ones."""
    from humpback.evaluation.suites.ifeval import read_tasks

    tasks = list({task.prompt: task for task in read_tasks(Path(settings.prompts))}.values())
    if not settings.limit:
        return tasks
    return heapq.nsmallest(settings.limit, tasks, key=lambda task: record_rng_seed(seed, "ifeval", task.prompt))
