"""Dropping segments that say the same as another in other words (SemDeDup, Abbas et al. 2023). Not in the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from humpback.config import Config
from humpback.config.flat import flat_settings
from humpback.errors import ConfigError
from humpback.method.choosing import draw_texts, reading_settings
from humpback.method.origins import origins
from humpback.records import Outcome, Segment, SegmentVector, VectorGroups, record_rng_seed
from humpback.runs.stage import Inputs, MapShards, Shuffle, Stage, one_shard

if TYPE_CHECKING:
    import pyarrow as pa

_ROW_BYTES = 8192
"""A byte for each dimension of the hidden states of a large model."""


def drop_same_meaning(
    config: Config, segments: Stage, base: str, called: Callable[[Stage], Stage] = lambda stage: stage
) -> tuple[Stage, ...]:
    """The stages from all segments to those of which no two say the same.

    Args:
        config: The run's settings.
        segments: What is compared.
        base: Identity of the base model.
        called: Gives each stage the name it has here, before others refer to it.

    Raises:
        ConfigError: The base model's engine does not show hidden states.
    """
    if not config.model.engine_spec.embeds_by:
        raise ConfigError(
            f"corpus.deduplicate.meaning reads hidden states, which model.engine {config.model.engine} does not show",
            "leave corpus.deduplicate.meaning out",
        )
    groups = called(find_groups(config, segments, base))
    vectors = called(read_vectors(config, segments, groups, base))
    return groups, vectors, called(drop_repeats(config, segments, vectors))


def find_groups(config: Config, segments: Stage, base: str) -> Stage:
    """Groups of like segments, from a sample of them."""
    settings = config.corpus.choose

    def find(inputs: Inputs, part: int) -> Outcome[VectorGroups]:
        from humpback.likeness import meaning

        columns = (inputs.column(segments.name, name) for name in ("id", "text"))
        texts = [item.text for item in draw_texts(zip(*columns, strict=True), settings.sample, config.run.seed)]
        rng_seed = record_rng_seed(config.run.seed, "groups", "clusters")
        with inputs.engine("base", embeds=True) as engine:
            clusters = config.corpus.deduplicate.meaning_clusters
            return meaning.find_groups(texts, engine, settings.tokens, clusters, rng_seed)

    deciding = flat_settings(config, "corpus.choose.sample", "corpus.deduplicate.meaning_clusters", "run.seed")
    deciding |= reading_settings(config, base)
    does = "find groups of like segments"
    return Stage(
        "groups", does, (segments.name,), deciding, one_shard(find), VectorGroups, model=True, origins=origins(config)
    )


def read_vectors(config: Config, segments: Stage, groups: Stage, base: str) -> Stage:
    """What the base model makes of the beginning of each segment."""

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[SegmentVector]]]:
        from humpback.likeness.meaning import MeaningReader

        record = next(inputs.records(groups.name, VectorGroups))
        with inputs.engine("base", embeds=True) as engine:
            yield MeaningReader(record, engine, config.corpus.choose.tokens).read

    does = "what the base model makes of each segment"
    needs, work = (segments.name, groups.name), MapShards(((segments.name, Segment),), opened)
    return Stage(
        "vectors", does, needs, reading_settings(config, base), work, SegmentVector, model=True, origins=origins(config)
    )


def drop_repeats(config: Config, segments: Stage, vectors: Stage) -> Stage:
    """Of segments of a group that say the same, the first stays; across the whole corpus."""
    least, clusters = config.corpus.deduplicate.meaning, config.corpus.deduplicate.meaning_clusters
    assert least is not None

    def map_(records: Sequence[SegmentVector], first: int) -> pa.Table:
        from humpback.likeness.distinct import map_shard

        return map_shard(records, first, clusters)

    def reduce_(rows: pa.Table) -> pa.Table:
        from humpback.likeness.distinct import reduce_keys

        return reduce_keys(rows, least)

    def apply_(records: Sequence[Segment], first: int, reduced: pa.Table) -> Outcome[Segment]:
        from humpback.likeness.distinct import apply

        return apply(records, first, reduced)

    work = Shuffle(
        (vectors.name, SegmentVector), map_, reduce_, apply_, config.corpus.memory_mib, _ROW_BYTES,
        applies_to=(segments.name, Segment),
    )  # fmt: skip
    settings, needs = flat_settings(config, "corpus.deduplicate.meaning"), (segments.name, vectors.name)
    return Stage("distinct", "drop what says the same as another", needs, settings, work, Segment)
