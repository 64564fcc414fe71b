"""Choosing segments before instructions are written for them: those that resemble the seed's answers. Ours."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from humpback import seed
from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.config.neutral import batch_settings
from humpback.errors import ConfigError
from humpback.method.origins import origins
from humpback.records import Likeness, Outcome, Pair, SeedDirection, Segment, record_rng_seed
from humpback.runs.stage import Inputs, MapShards, Stage, one_shard

if TYPE_CHECKING:
    from humpback.likeness.measuring import Sampled  # which loads numpy, and a plan must not wait for it


def choose_segments(
    config: Config, segments: Stage, pairs: Stage, base: str, called: Callable[[Stage], Stage] = lambda stage: stage
) -> tuple[Stage, ...]:
    """The stages from all segments to those that are chosen.

    Args:
        config: The run's settings.
        segments: What is chosen from.
        pairs: The seed.
        base: Identity of the base model.
        called: Gives each stage the name it has here, before others refer to it.

    Raises:
        ConfigError: The base model's hidden states are asked for, and its engine does not show them.
    """
    if _by_hidden_states(config) and not config.model.engine_spec.embeds_by:
        raise ConfigError(
            f"corpus.choose reads hidden states, which model.engine {config.model.engine} does not show",
            "set corpus.choose.by to words",
        )
    direction = called(find_direction(config, segments, pairs, base))
    likeness = called(measure_likeness(config, segments, direction, base))
    return direction, likeness, called(choose(config, segments, likeness))


def find_direction(config: Config, segments: Stage, pairs: Stage, base: str) -> Stage:
    """Where the seed's answers lie, seen from a sample of the segments."""
    settings = config.corpus.choose

    def find(inputs: Inputs, part: int) -> Outcome[SeedDirection]:
        from humpback.likeness.measuring import find_directions

        train = seed.hold_out(inputs.records(pairs.name, Pair), config.seed, config.run.seed).train
        answers = draw_texts(((p.id, p.response) for p in train if p.stands_alone), settings.sample, config.run.seed)
        columns = (inputs.column(segments.name, name) for name in ("id", "text"))
        passages = draw_texts(zip(*columns, strict=True), settings.sample, config.run.seed)
        rng_seed = record_rng_seed(config.run.seed, "direction", "clusters")
        with inputs.engine("base", embeds=True) if _by_hidden_states(config) else nullcontext() as engine:
            return find_directions(answers, passages, settings, engine, rng_seed)

    deciding = flat_settings(config, "corpus.choose.by", "corpus.choose.sample", "run.seed")
    deciding |= flat_settings(config, "seed.holdout_share", "seed.holdout_min")
    if _by_hidden_states(config):
        deciding |= flat_settings(config, "corpus.choose.clusters", "corpus.choose.words_share")
        deciding |= reading_settings(config, base)
    does = "where the seed's answers lie, seen from the segments"
    needs, work = (pairs.name, segments.name), one_shard(find)
    return Stage(
        "direction",
        does,
        needs,
        deciding,
        work,
        SeedDirection,
        model=_by_hidden_states(config),
        origins=origins(config),
    )


def measure_likeness(config: Config, segments: Stage, direction: Stage, base: str) -> Stage:
    """How much each segment is like the seed's answers."""

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Likeness]]]:
        from humpback.likeness.measuring import LikenessMeter

        records = list(inputs.records(direction.name, SeedDirection))
        with inputs.engine("base", embeds=True) if _by_hidden_states(config) else nullcontext() as engine:
            yield LikenessMeter(records, config.corpus.choose.tokens, engine).measure

    does = "how much each segment is like the seed's answers"
    needs, work = (segments.name, direction.name), MapShards(((segments.name, Segment),), opened)
    deciding = reading_settings(config, base) if _by_hidden_states(config) else {}
    return Stage(
        "likeness", does, needs, deciding, work, Likeness, model=_by_hidden_states(config), origins=origins(config)
    )


def choose(config: Config, segments: Stage, likeness: Stage) -> Stage:
    """The segments most like the seed's answers, and some by chance."""
    settings = config.corpus.choose

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Segment]]]:
        from humpback.likeness.choosing import choose as decide
        from humpback.likeness.choosing import choose_shard

        def rows() -> Iterable[tuple[str, float | None, int]]:
            columns = (inputs.column(likeness.name, name) for name in ("id", "score", "cluster"))
            return zip(*columns, strict=True)

        choice = decide(rows, settings, config.run.seed)
        yield lambda shard, measured: choose_shard(shard, measured, choice)

    deciding = flat_settings(config, "corpus.choose.share", "corpus.choose.explore")
    if settings.explore:
        deciding |= flat_settings(config, "run.seed")
    if settings.clusters:
        deciding |= flat_settings(config, "corpus.choose.max_cluster_share")
    work = MapShards(((segments.name, Segment), (likeness.name, Likeness)), opened)
    needs = (segments.name, likeness.name)
    return Stage("chosen", "keep what is most like the seed", needs, deciding, work, Segment)


def draw_texts(texts: Iterable[tuple[str, str]], count: int, rng_seed: int) -> list[Sampled]:
    """A seeded sample of texts, given with their ids, in random order; holds no more of them than it draws."""
    from humpback.likeness.measuring import Sampled

    draws = ((record_rng_seed(rng_seed, "direction", id_), id_, text) for id_, text in texts)
    return [Sampled(id_, text) for _, id_, text in heapq.nsmallest(count, draws)]


def reading_settings(config: Config, base: str) -> dict[str, Any]:
    """What decides what the base model makes of a text."""
    model = config.model.model_copy(update={"engine": config.model.engine_spec.embeds_by})
    deciding = flat_settings(config, "corpus.choose.tokens", "model.max_tokens", "model.dtype")
    return deciding | batch_settings(model) | {"model.engine": model.engine, "model.identity": base}


def _by_hidden_states(config: Config) -> bool:
    return config.corpus.choose.by == "hidden"
