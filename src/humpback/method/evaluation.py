"""What measures a model: held-out likelihood, answers to prompts, and what a judge says of two answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from humpback import prompts, seed
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.engines.base import Engine
from humpback.evaluate.answers import Answering, EvalPrompt
from humpback.evaluate.comparisons import Comparison, Output
from humpback.evaluate.winrate import Judging
from humpback.method.external import identities
from humpback.records import Direction, HeldOutLoss, Outcome, Pair
from humpback.runs.stage import ExternalModel, Inputs, MapShards, Produce, Stage, external_of, names_of

Item = TypeVar("Item")
Made = TypeVar("Made")

_WINDOW = 64
"""Items that a model is asked about and that are committed together."""


def ask_in_windows(
    inputs: Inputs,
    model: str,
    items: Sequence[Item],
    done: int,
    ask: Callable[[Sequence[Item], Engine], Outcome[Made]],
) -> Iterator[Outcome[Made]]:
    """Asks a model about items, window by window; it is opened only where a window is left.

    Args:
        inputs: Where the model is.
        model: A stage, 'base' or an external model.
        items: All of them, in a fixed order.
        done: Windows that are committed already.
        ask: Makes one shard of one window.
    """
    if done * _WINDOW < len(items):
        with inputs.engine(model) as engine:
            for start in range(done * _WINDOW, len(items), _WINDOW):
                yield ask(items[start : start + _WINDOW], engine)


def evaluate(config: Config, models: Sequence[tuple[str, Direction]], needs: Sequence[Stage]) -> Stage:
    """The loss of every model on the held-out seed pairs, one shard a model."""

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[HeldOutLoss]]:
        from humpback.evaluate.heldout import heldout_losses

        name, direction = models[part]
        pairs = seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).heldout
        if not done:
            with inputs.engine(name) as engine:
                yield heldout_losses(pairs, engine, name, direction, config.tags)

    settings = flat_settings(config, "tags", "seed.holdout_share", "seed.holdout_min", "model.max_tokens", "run.seed")
    settings |= {"models": [f"{name} {direction}" for name, direction in models]}
    does = "measure every model on held-out pairs"
    work = Produce(shards, len(models))
    return Stage("evaluation", does, names_of(*needs), settings, work, HeldOutLoss, model=True)


def read_pairs(config: Config, models: Sequence[ExternalModel], direction: Direction) -> Stage:
    """The loss of each model on all pairs of `seed.source`: a part for each model, in windows."""

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[HeldOutLoss]]:
        from humpback.evaluate.heldout import heldout_losses

        pairs, model = seed.read_seed(config.seed, config.run.seed).kept, models[part].name

        def losses(window: Sequence[Pair], engine: Engine) -> Outcome[HeldOutLoss]:
            return heldout_losses(window, engine, model, direction, config.tags)

        yield from ask_in_windows(inputs, model, pairs, done, losses)

    settings = flat_settings(config, "tags", "seed", "model.max_tokens", "model.engine", "run.seed")
    settings.pop("seed.source")  # its content counts, not its place
    settings |= {"seed.content": seed.source_digest(config.seed), "prompts": prompts.prompt_digest(direction)}
    settings |= {"direction": direction, **identities(*models)}
    does, work = f"how likely {len(models)} models find the pairs", Produce(shards, len(models))
    return Stage(
        "likelihood", does, (), settings, work, HeldOutLoss, model=True, hint="give shorter pairs",
        external=tuple(models),
    )  # fmt: skip


def answer_prompts(
    config: Config,
    name: str,
    by: Stage | ExternalModel | None,
    read: Callable[[], Sequence[EvalPrompt]],
    how: Answering,
    generator: str,
    settings: Mapping[str, Any],
) -> Stage:
    """A model answers prompts, with both tags, as at inference.

    Args:
        config: Tags and bounds of the model.
        name: What to call the stage.
        by: Who answers; None is the base model.
        read: Gives the prompts, in a fixed order, as often as it is called.
        how: How answers are drawn.
        generator: What the answers call the model.
        settings: What decides prompts and decoding.
    """
    model = by.name if by else "base"

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[Output]]:
        from humpback.evaluate.answers import answer

        def answers(window: Sequence[EvalPrompt], engine: Engine) -> Outcome[Output]:
            return answer(window, engine, generator, config.tags, how)

        yield from ask_in_windows(inputs, model, read(), done, answers)

    every = flat_settings(config, "tags", "model.max_tokens", "model.engine", "run.seed")
    every |= {**settings, "prompts": prompts.prompt_digest("forward")}
    inputs_ = (by,) if by else ()
    return Stage(
        name, f"let {model} answer prompts", names_of(*inputs_), every | identities(*inputs_), Produce(shards), Output,
        model=True, external=external_of(*inputs_), hint="look at the reasons, and at the model",
    )  # fmt: skip


def judge_pairs(name: str, pairs: Stage, judge: ExternalModel, how: Judging, settings: Mapping[str, Any]) -> Stage:
    """A judge compares two answers to each prompt, in both orders; where it gives no verdict there is none.

    Args:
        name: What to call the stage.
        pairs: The stage of the comparisons; verdicts of the same judge in them stand.
        judge: Who compares.
        how: How it is asked.
        settings: What else decides the verdicts.
    """

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Comparison]]]:
        from humpback.evaluate.winrate import judge as compare

        with inputs.engine(judge.name) as engine:

            def step(shard: Sequence[Comparison]) -> Outcome[Comparison]:
                return Outcome(tuple(compare(shard, engine, how)), (), len(shard))

            yield step

    every = {**settings, "prompts": prompts.prompt_digest("judge"), **identities(judge)}
    work = MapShards(((pairs.name, Comparison),), opened)
    does = f"{judge.settings.name} compares the answers"
    return Stage(name, does, names_of(pairs), every, work, Comparison, model=True, external=(judge,))
