"""Recovered gain, first half: a corpus in which answers of known instructions are hidden among other texts.

Pairs by people are parted: S is the seed, H is held out, P is planted. Of P the corpus gets the bare answers; the
instructions stay here, so that afterwards it can be said what became of them. A further part says how long M_0 is best
trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from humpback import seed as seed_data
from humpback.config import Config, SeedSettings
from humpback.config.experiment import ExperimentSettings, RecoverSettings
from humpback.config.flat import flat_settings
from humpback.config.neutral import without_late_defaults
from humpback.errors import StageError
from humpback.experiment.renamed import renamed
from humpback.method.corpus import cut_segments, read_seed
from humpback.records import (
    Candidate,
    Dropped,
    Outcome,
    Pair,
    Segment,
    content_id,
    record_rng_seed,
)
from humpback.runs.stage import Inputs, MapShards, Stage, in_shards, names_of, one_shard

PLANTED = "planted"
"""The source of planted answers in segments, candidates and curated sets; a distractor's is its kind."""


@dataclass(frozen=True, slots=True)
class PlantedCorpus:
    """The stages of a corpus with planted answers."""

    seed: Stage
    """S and H."""
    planted: Stage
    """P."""
    development: Stage | None
    distractors: tuple[Stage, ...]
    segments: Stage

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All of them in order."""
        development = (self.development,) if self.development else ()
        return self.seed, self.planted, *development, *self.distractors, self.segments


def plan_planted_corpus(experiment: ExperimentSettings, recover: RecoverSettings) -> PlantedCorpus:
    """Makes the stages.

    Args:
        experiment: The settings that all arms share.
        recover: What is planted among what.
    """
    config = experiment.settings
    seed = read_seed(config)
    source = recover.pairs or config.seed.model_copy(update={"limit": 0})
    planted = _pairs(config, recover, source, seed, PLANTED, 0, recover.planted)
    development = (
        _pairs(config, recover, source, seed, "development", recover.planted, recover.development)
        if recover.development
        else None
    )
    distractors = tuple(_distractors(config, kind, recover) for kind in recover.distractors) if recover.ratio else ()
    return PlantedCorpus(
        seed, planted, development, distractors, _mixed_segments(config, recover, planted, distractors)
    )


def segment_name(response: str) -> str:
    """The id of the segment that a planted answer becomes."""
    return content_id(PLANTED, response)


def hidden_instructions(pairs: Iterator[Pair]) -> dict[str, str]:
    """The instruction that was hidden, by the id of its segment."""
    return {segment_name(pair.response): pair.instruction for pair in pairs}


def _pairs(
    config: Config, recover: RecoverSettings, source: SeedSettings, seed: Stage, name: str, first: int, count: int
) -> Stage:
    """So many pairs of a seeded order, none of which is in the seed."""

    def draw(inputs: Inputs, part: int) -> Outcome[Pair]:
        seed_texts = {text for pair in inputs.records(seed.name, Pair) for text in (pair.instruction, pair.response)}
        usable = {
            pair.response: pair
            for pair in seed_data.read_pairs(source)
            if isinstance(pair, Pair)
            and recover.min_chars <= len(pair.response) <= recover.max_chars
            and not {pair.instruction, pair.response} & seed_texts
        }
        order = sorted(usable.values(), key=lambda pair: record_rng_seed(config.run.seed, PLANTED, pair.id))
        if len(order) < first + count:
            raise StageError(
                f"{name}: {len(order)} pairs outside the seed have answers of {recover.min_chars} to "
                f"{recover.max_chars} characters, and {first + count} are needed",
                "lower recover.planted, recover.development or seed.limit, or widen recover.min_chars and max_chars",
            )
        drawn = tuple(order[first : first + count])
        return Outcome(drawn, (), len(drawn))

    settings = flat_settings(config, "run.seed") | flat_settings(recover, "min_chars", "max_chars")
    settings |= {"pairs.content": seed_data.source_digest(source), "first": first, "count": count}
    layout = {f"seed.{name}": value for name, value in source.model_dump(mode="json", exclude={"source"}).items()}
    settings |= {name.replace("seed", "pairs", 1): value for name, value in without_late_defaults(layout).items()}
    return Stage(name, f"{count} pairs by people", (seed.name,), settings, one_shard(draw), Pair)


def _distractors(config: Config, kind: str, recover: RecoverSettings) -> Stage:
    segment = config.corpus.segment.model_copy(
        update={"min_chars": recover.min_chars, "max_chars": recover.max_chars}
    )  # fmt: skip
    corpus = config.corpus.model_copy(update={"documents": recover.distractors[kind], "segment": segment})
    cutting = cut_segments(config.model_copy(update={"corpus": corpus}))
    return renamed(cutting, f"distractors.{kind}", f"cut {kind} into segments")


def _mixed_segments(config: Config, recover: RecoverSettings, planted: Stage, distractors: Sequence[Stage]) -> Stage:
    """Planted answers and distractors, in a seeded order."""

    def mix(inputs: Inputs) -> list[Segment]:
        segments = [_planted_segment(pair) for pair in inputs.records(planted.name, Pair)]
        for number, stage in enumerate(distractors):
            # As many of each kind; what does not divide goes to the first ones.
            total = round(recover.ratio * recover.planted)
            count = total // len(distractors) + (number < total % len(distractors))
            segments += _draw_distractors(config, inputs, stage, count)
        return sorted(segments, key=lambda segment: record_rng_seed(config.run.seed, "mixed", segment.id))

    settings = flat_settings(config, "run.seed", "run.shard_rows") | flat_settings(recover, "ratio", "planted")
    needs = names_of(planted, *distractors)
    does, work = "hide the answers among the distractors", in_shards(mix, config.run.shard_rows)
    return Stage("segments", does, needs, settings, work, Segment)


def _draw_distractors(config: Config, inputs: Inputs, stage: Stage, count: int) -> list[Segment]:
    kind = stage.name.partition(".")[2]
    distinct = {segment.text: replace(segment, source=kind) for segment in inputs.records(stage.name, Segment)}
    order = sorted(distinct.values(), key=lambda segment: record_rng_seed(config.run.seed, kind, segment.id))
    if len(order) < count:
        raise StageError(
            f"{stage.name} gives {len(order)} segments, and {count} are needed",
            f"name more documents in recover.distractors.{kind}, or lower recover.ratio",
        )
    return order[:count]


def _planted_segment(pair: Pair) -> Segment:
    return Segment(segment_name(pair.response), pair.id, PLANTED, (), pair.response, "en")


def only(origin: Literal["planted", "distractors"], candidates: Stage) -> Stage:
    """The candidates of planted answers, which is perfect selection, or those of distractors."""
    planted = origin == "planted"

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Candidate]]]:
        yield lambda shard: _keep_origin(shard, planted)

    work = MapShards(((candidates.name, Candidate),), opened)
    name = candidates.name.replace("candidates", f"candidates.{origin}", 1)
    return Stage(name, f"keep the {origin} alone", names_of(candidates), {}, work, Candidate)


def _keep_origin(shard: Sequence[Candidate], planted: bool) -> Outcome[Candidate]:
    selected = tuple(row for row in shard if (row.source == PLANTED) == planted)
    reason = "distractor" if planted else "planted answer"
    dropped = tuple(
        Dropped(row.id, reason, row.source, row.source, row.response[:200])
        for row in shard
        if (row.source == PLANTED) != planted
    )
    return Outcome(selected, dropped, len(shard))
