"""What measures a model: held-out likelihood, answers to prompts, and what a judge says of two answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

from humpback import prompts, seed
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.config.loop import WinRateSettings
from humpback.config.neutral import batch_settings
from humpback.errors import StageError
from humpback.evaluation.answers import Answering, EvalPrompt
from humpback.evaluation.comparisons import Comparison, Judging, Output, pair_up
from humpback.method.external import identities
from humpback.records import Direction, Dropped, HeldOutLoss, Outcome, Pair, content_id, record_rng_seed
from humpback.runs.stage import ExternalModel, Inputs, MapShards, Stage, external_of, in_shards, names_of, one_shard


def evaluate(config: Config, models: Sequence[tuple[str, Direction]], needs: Sequence[Stage]) -> Stage:
    """The loss of every model on the held-out seed pairs, one shard a model."""

    def measure(inputs: Inputs, part: int) -> Outcome[HeldOutLoss]:
        from humpback.evaluation.heldout import heldout_losses

        name, direction = models[part]
        pairs = seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).heldout
        with inputs.engine(name) as engine:
            return heldout_losses(pairs, engine, name, direction, config.tags)

    settings = flat_settings(config, "tags", "seed.holdout_share", "seed.holdout_min", "model.max_tokens", "run.seed")
    settings |= batch_settings(config.model)
    settings |= {"models": [f"{name} {direction}" for name, direction in models]}
    does = "measure every model on held-out pairs"
    work = one_shard(measure, len(models))
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
        "prompts": prompts.prompt_digest(direction, settings=config.prompts),
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


def judge_pairs(
    name: str,
    compared: Sequence[Stage],
    judge: ExternalModel,
    how: Judging,
    settings: Mapping[str, Any],
    check: Callable[[Inputs], None] = lambda inputs: None,
) -> Stage:
    """A judge compares two answers to each prompt, in both orders; where it gives no verdict there is none.

    Args:
        name: What to call the stage.
        compared: The stage of the comparisons, in which verdicts of the same judge stand; or the answers of two models.
        judge: Who compares.
        how: How it is asked.
        settings: What else decides the verdicts.
        check: Raises StageError where the verdicts must not be used.
    """

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Comparison]]]:
        from humpback.evaluation.winrate import judge as compare

        with inputs.engine(judge.name) as engine:

            def step(*shards: Any) -> Outcome[Comparison]:
                pairs = pair_up(*shards)[0] if len(shards) > 1 else shards[0]
                answered = {pair.instruction for pair in pairs}
                dropped = tuple(
                    Dropped(content_id(row.instruction), "one answer alone", row.generator, "", row.instruction[:200])
                    for row in chain(*shards)
                    if row.instruction not in answered
                )
                return Outcome(tuple(compare(pairs, engine, how)), dropped, len(pairs) + len(dropped))

            yield step

    deciding = {**settings, **identities(judge)}
    work = MapShards(tuple((stage.name, stage.makes or Comparison) for stage in compared), opened)
    does = f"{judge.settings.name} compares the answers"
    return Stage(
        name, does, names_of(*compared), deciding, work, Comparison, model=True, external=(judge,), check=check,
        hint="look at the answers of both models",
    )  # fmt: skip


def enough_verdicts(name: str, settings: WinRateSettings) -> Callable[[Inputs], None]:
    """The check of a stage of verdicts: the judge may leave out no more than `max_unjudged` of the answers."""

    def check(inputs: Inputs) -> None:
        preferences = list(inputs.column(name, "preference"))
        missing = sum(preference is None for preference in preferences)
        if missing > settings.max_unjudged * len(preferences):
            raise StageError(
                f"{name}: the judge gave no verdict on {missing} of {len(preferences)} answers",
                "take another judge, or raise judge_tokens or max_unjudged of winrate",
            )

    return check


def compare_models(
    config: Config, base: str, models: Sequence[Stage], pairs: Stage, judge: ExternalModel
) -> tuple[Stage, ...]:
    """The last model answers instructions of the seed, as does M_0, or the base without M_0; a judge compares. Ours.

    The last stage has the verdicts; before it are the prompts, which nothing was trained on, and the answers of both.
    """
    settings, rng_seed = config.evaluate.winrate, config.run.seed
    how, both, heldout_prompts = Answering(rng_seed, settings.max_new_tokens), [], _heldout_prompts(config, pairs)
    for model in (models[0] if len(models) > 1 else None, models[-1]):
        generator = model.name if model else "base"
        deciding: dict[str, Any] = {"winrate.max_new_tokens": how.max_new_tokens}
        deciding |= {} if model else {"model.identity": base}
        name = f"answers-{generator.rpartition('-')[2]}"
        both.append(answer_prompts(config, name, heldout_prompts, model, how, generator, deciding))
    judging: dict[str, Any] = {"winrate.judge_tokens": settings.judge_tokens, "run.seed": rng_seed}
    judging |= {"prompts": prompts.prompt_digest("judge", settings=config.prompts)}
    judging |= {"model.judge.max_tokens": judge.settings.max_tokens, **batch_settings(judge.settings)}
    check, as_asked = enough_verdicts("winrate", settings), Judging(rng_seed, settings.judge_tokens)
    return heldout_prompts, *both, judge_pairs("winrate", both, judge, as_asked, judging, check)


def _heldout_prompts(config: Config, pairs: Stage) -> Stage:
    """The instructions of the held-out pairs, each once, or a seeded sample of them."""
    rng_seed = config.run.seed

    def instructions(inputs: Inputs) -> list[EvalPrompt]:
        heldout = seed.hold_out(inputs.records(pairs.name, Pair), config.seed, rng_seed).heldout
        order = sorted({pair.instruction for pair in heldout}, key=partial(record_rng_seed, rng_seed, "winrate"))
        return [EvalPrompt(instruction, "held out") for instruction in order[: config.evaluate.winrate.limit or None]]

    names = ("evaluate.winrate.limit", "run.seed", "run.shard_rows", "seed.holdout_share", "seed.holdout_min")
    does, work = "the prompts that models are compared on", in_shards(instructions, config.run.shard_rows)
    return Stage("prompts", does, names_of(pairs), flat_settings(config, *names), work, EvalPrompt)
