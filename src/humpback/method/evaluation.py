"""What measures a model: held-out likelihood, answers to prompts, and what a judge says of two answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from humpback import prompts, seed
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.config.neutral import batch_settings
from humpback.evaluation.answers import Answering, EvalPrompt
from humpback.evaluation.comparisons import Comparison, Output
from humpback.method.external import identities
from humpback.records import Direction, HeldOutLoss, Outcome, Pair
from humpback.runs.stage import ExternalModel, Inputs, MapShards, Produce, Stage, external_of, names_of

if TYPE_CHECKING:
    from humpback.evaluation.winrate import Judging  # which loads numpy, and a plan must not wait for it


def evaluate(config: Config, models: Sequence[tuple[str, Direction]], needs: Sequence[Stage]) -> Stage:
    """The loss of every model on the held-out seed pairs, one shard a model."""

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[HeldOutLoss]]:
        from humpback.evaluation.heldout import heldout_losses

        name, direction = models[part]
        pairs = seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).heldout
        if not done:
            with inputs.engine(name) as engine:
                yield heldout_losses(pairs, engine, name, direction, config.tags)

    settings = flat_settings(config, "tags", "seed.holdout_share", "seed.holdout_min", "model.max_tokens", "run.seed")
    settings |= batch_settings(config.model)
    settings |= {"models": [f"{name} {direction}" for name, direction in models]}
    does = "measure every model on held-out pairs"
    work = Produce(shards, len(models))
    return Stage("evaluation", does, names_of(*needs), settings, work, HeldOutLoss, model=True)


def pair_losses(config: Config, name: str, pairs: Stage, model: Stage | ExternalModel, direction: Direction) -> Stage:
    """The loss of a model on all pairs of a stage.

    Args:
        config: Tags and bounds of the model.
        name: What to call the stage.
        pairs: The stage of the pairs.
        model: Who reads them.
        direction: Which side is predicted from the other.
    """

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[HeldOutLoss]]]:
        from humpback.evaluation.heldout import heldout_losses

        with inputs.engine(model.name) as engine:
            yield lambda shard: heldout_losses(shard, engine, model.name, direction, config.tags)

    settings = flat_settings(config, "tags", "model.max_tokens", "model.engine")
    settings |= batch_settings(config.model)
    settings |= {
        "prompts": prompts.prompt_digest(direction, own=config.prompts),
        "direction": direction,
        **identities(model),
    }
    does, work = f"how likely {model.name} finds the pairs", MapShards(((pairs.name, Pair),), opened)
    return Stage(
        name, does, names_of(pairs, model), settings, work, HeldOutLoss, model=True, hint="give shorter pairs",
        external=external_of(model),
    )  # fmt: skip


def answer_prompts(
    config: Config,
    name: str,
    prompt_rows: Stage,
    by: Stage | ExternalModel | None,
    how: Answering,
    generator: str,
    settings: Mapping[str, Any],
) -> Stage:
    """A model answers prompts, with both tags, as at inference.

    Args:
        config: Tags and bounds of the model.
        name: What to call the stage.
        prompt_rows: The stage of the prompts.
        by: Who answers; None is the base model.
        how: How answers are drawn.
        generator: What the answers call the model.
        settings: What else decides the answers.
    """
    model, asks = by.name if by else "base", (by,) if by else ()

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Output]]]:
        from humpback.evaluation.answers import answer

        with inputs.engine(model) as engine:
            yield lambda shard: answer(shard, engine, generator, config.tags, how)

    deciding = flat_settings(config, "tags", "model.max_tokens", "model.engine", "run.seed")
    deciding |= batch_settings(config.model)
    deciding |= {**settings, "model.stage": model, "prompts": prompts.prompt_digest("forward"), **identities(*asks)}
    work = MapShards(((prompt_rows.name, EvalPrompt),), opened)
    return Stage(
        name, f"let {model} answer the prompts", names_of(prompt_rows, *asks), deciding, work, Output, model=True,
        external=external_of(*asks), hint="look at the reasons, and at the model",
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
        from humpback.evaluation.winrate import judge as compare

        with inputs.engine(judge.name) as engine:

            def step(shard: Sequence[Comparison]) -> Outcome[Comparison]:
                return Outcome(tuple(compare(shard, engine, how)), (), len(shard))

            yield step

    deciding = {**settings, **identities(judge)}
    work = MapShards(((pairs.name, Comparison),), opened)
    does = f"{judge.settings.name} compares the answers"
    return Stage(name, does, names_of(pairs), deciding, work, Comparison, model=True, external=(judge,))
