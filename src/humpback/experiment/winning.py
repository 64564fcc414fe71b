"""Win rates: each model answers the prompts of a baseline, and a judge compares the answers in both orders."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from humpback import models, prompts
from humpback.config import Config
from humpback.config.experiment import BaselineSettings
from humpback.config.flat import flat_settings
from humpback.data_access.rows import input_digest
from humpback.engines.base import Engine
from humpback.errors import ConfigError
from humpback.evaluation.answers import Answering, EvalPrompt
from humpback.evaluation.comparisons import Comparison, Judging, Output, read_outputs
from humpback.evaluation.winrate import judge
from humpback.method.evaluation import answer_prompts, enough_verdicts
from humpback.method.rows import read_rows
from humpback.records import Outcome, content_id, record_rng_seed
from humpback.runs.stage import ExternalModel, Inputs, MapShards, Stage
from humpback.runs.store import StageFolder
from humpback.statistics.paired import Measured


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge says of one answer."""

    id: str
    """Of the prompt's text."""
    preference: float | None
    """2 for the model, 1 for the baseline, 1.5 a tie; None where the judge gave no verdict."""
    verdicts: tuple[str, ...]
    """In each order."""
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WinRateOf:
    """How often a judge prefers the answers to a baseline's, in percent; a tie counts half."""

    settings: BaselineSettings
    name: str = "winrate"
    title: str = "win rate against the baseline, %"
    lower_is_better: bool = False

    def stages(self, config: Config, seed: Stage, model: Stage | None, name: str) -> tuple[Stage, ...]:
        """The answers of one model, and what the judge says of them.

        Raises:
            ConfigError: No baseline is named.
        """
        if not self.settings.baseline:
            raise ConfigError("winrate.baseline is not given", "name outputs to win against, or leave winrate out")
        prompt_stage = self._prompts(config)
        answers = self._answers(config, prompt_stage, model, f"answers.{model.name if model else 'base'}")
        return prompt_stage, answers, self._verdicts(config, answers, name)

    def read(self, folder: StageFolder) -> Iterator[Measured]:
        """Points of each prompt that has a verdict: 100, 50 or 0, or between where the orders disagree."""
        for row in folder.records(Judged):
            if row.preference is not None:
                yield Measured(row.id, 100 * (row.preference - 1))

    def _prompts(self, config: Config) -> Stage:
        """The prompts, the same for every model."""

        def read() -> list[EvalPrompt]:
            baseline = _baseline(self.settings, config.run.seed)
            return [EvalPrompt(output.instruction, output.dataset) for output in baseline]

        settings = {"winrate.content": input_digest(self.settings.baseline), "winrate.limit": self.settings.limit}
        return read_rows("prompts.winrate", read, EvalPrompt, config, settings | flat_settings(config, "run.seed"))

    def _answers(self, config: Config, prompt_stage: Stage, model: Stage | None, name: str) -> Stage:
        settings = {"winrate.max_new_tokens": self.settings.max_new_tokens}
        how = Answering(config.run.seed, self.settings.max_new_tokens)
        return answer_prompts(config, name, prompt_stage, model, how, model.name if model else "base", settings)

    def _verdicts(self, config: Config, answers: Stage, name: str) -> Stage:
        judge = ExternalModel("judge", self.settings.judge)

        @contextmanager
        def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Judged]]]:
            baseline = {output.instruction: output for output in _baseline(self.settings, config.run.seed)}
            with inputs.engine(judge.name) as engine:
                yield lambda shard: _judge_against(shard, baseline, engine, self.settings, config.run.seed)

        check = enough_verdicts(name, self.settings)
        settings = flat_settings(config, "run.seed")
        settings |= {
            "winrate.judge": models.identify(self.settings.judge),
            "winrate.tokens": self.settings.judge_tokens,
        }
        settings |= {"winrate.judge.max_tokens": self.settings.judge.max_tokens}
        settings |= {"prompts": prompts.prompt_digest("judge", settings=config.prompts)}
        work = MapShards(((answers.name, Output),), opened)
        does = f"judge {answers.name}"
        return Stage(name, does, (answers.name,), settings, work, Judged, model=True, check=check, external=(judge,))


def _judge_against(
    answers: list[Output], baseline: dict[str, Output], engine: Engine, settings: BaselineSettings, seed: int
) -> Outcome[Judged]:
    """One record for each answer, in order."""
    pairs = [
        Comparison(
            output.instruction,
            baseline[output.instruction].output,
            output.output,
            "baseline",
            output.generator,
            output.dataset,
        )
        for output in answers
    ]
    judged = judge(pairs, engine, Judging(seed, settings.judge_tokens))
    rows = [Judged(content_id(row.instruction), row.preference, row.verdicts, row.replies) for row in judged]
    return Outcome(tuple(rows), (), len(answers))


def _baseline(settings: BaselineSettings, seed: int) -> list[Output]:
    """The baseline's outputs, or a seeded sample of them: never the first ones; of a prompt that recurs, one."""
    outputs = list({output.instruction: output for output in read_outputs(Path(settings.baseline))}.values())
    if not settings.limit:
        return outputs
    return heapq.nsmallest(
        settings.limit, outputs, key=lambda output: record_rng_seed(seed, "winrate", output.instruction)
    )
