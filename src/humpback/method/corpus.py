"""The data: seed pairs, and documents to unique segments (section 2.1)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from humpback import seed
from humpback.config import Config, DecontaminateSettings
from humpback.config.flat import flat_settings
from humpback.config.neutral import without_late_defaults
from humpback.corpus.reading.sources import list_files, parts
from humpback.corpus.survey import file_counts, lacking, lacking_in_words
from humpback.data_access.data_sets import is_data_set
from humpback.data_access.rows import input_digest
from humpback.method.origins import origins
from humpback.records import Dropped, Outcome, Pair, Segment, content_id, record_rng_seed
from humpback.runs.stage import Inputs, Produce, Shuffle, Stage, one_shard

if TYPE_CHECKING:
    import pyarrow as pa

    from humpback.text.contamination import Contamination


def read_seed(config: Config) -> Stage:
    """The human-written pairs, checked and normalised (section 2.1)."""

    def read(inputs: Inputs, part: int) -> Outcome[Pair]:
        return seed.read_seed(config.seed, config.run.seed, contamination=_contamination(config.decontaminate))

    settings = flat_settings(config, "seed", "run.seed") | {"seed.content": seed.source_digest(config.seed)}
    settings = without_late_defaults(settings | _contamination_settings(config))
    settings.pop("seed.source")  # its content counts, not its place
    return Stage(
        "seed",
        "read the seed pairs",
        (),
        settings,
        one_shard(read),
        Pair,
        origins=origins(config),
        version=2,
        hint="check seed.source",
    )


def cut_segments(config: Config) -> Stage:
    """The unlabelled corpus, cut into self-contained segments (section 2.1 and appendix)."""
    files = list_files(config.corpus)
    sources = [file for file in files if not file.passed_over]
    source_parts = parts(sources, config.corpus)
    without_extra = lacking(files)
    # An odd table among other documents is dropped; one that was named alone is a mistake, and so is a data set.
    odd_tables = len(sources) > 1 and not all(map(is_data_set, config.corpus.documents))

    def shards(inputs: Inputs, part: int, committed: int) -> Iterator[Outcome[Segment]]:
        from humpback.corpus.cut import cut_in_shards
        from humpback.corpus.readers import read_documents

        documents = read_documents(config.corpus, source_parts[part], odd_tables=odd_tables)
        prompts, start = _contamination(config.decontaminate), inputs.position("segments", part)
        yield from cut_in_shards(documents, config.corpus, prompts, rows=config.run.shard_rows, start=start)

    settings = (
        flat_settings(config, "corpus", "run.shard_rows")
        | _contamination_settings(config)
        | {"corpus.content": content_id(*(text for source in sources for text in (source.name, source.digest())))}
    )
    elsewhere = ("corpus.limit", "corpus.memory_mib", "corpus.lines", "corpus.deduplicate", "corpus.choose")
    settings = {key: value for key, value in settings.items() if not key.startswith(elsewhere)}
    settings["corpus.urls.blocklists"] = [input_digest(name) for name in config.corpus.urls.blocklists]
    digests = [source.whole_digest() for source in sources]
    settings["corpus.all_bytes"] = content_id(*digests) if any(digests) else None
    for name in ("corpus.documents", "corpus.exclude"):
        settings.pop(name)  # names and contents of the files that are left count, not their place
    settings = without_late_defaults(settings)
    settings["corpus.without_extra"] = sorted(without_extra) or None
    hint = "see which reason took everything, then change corpus.documents, corpus.text_column or corpus.segment"
    return Stage(
        "segments",
        "cut documents into segments",
        (),
        settings,
        Produce(shards, len(source_parts)),
        Segment,
        origins=origins(config),
        version=4,
        hint=hint,
        notice=lacking_in_words(without_extra),
        facts={"files": file_counts(files)},
    )


@lru_cache(maxsize=1)
def _contamination(settings: DecontaminateSettings) -> Contamination | None:
    """The evaluation prompts that nothing may hold; read once in each process."""
    from humpback.text.contamination import read_contamination

    return read_contamination(settings) if settings.against else None


def _contamination_settings(config: Config) -> dict[str, Any]:
    """What decides which texts hold an evaluation prompt; nothing where none is named."""
    if not config.decontaminate.against:
        return {}
    from humpback.text.contamination import prompts_digest

    settings = flat_settings(config, "decontaminate")
    settings |= {"decontaminate.content": prompts_digest(config.decontaminate)}
    settings.pop("decontaminate.against")
    return settings


def take_out_lines(config: Config, segments: Stage) -> Stage:
    """Lines that recur across a site are taken out of the segments: furniture that the markup did not tell."""
    lines, segment = config.corpus.lines, config.corpus.segment

    def map_(records: Sequence[Segment], first: int) -> pa.Table:
        from humpback.corpus.lines import map_shard

        return map_shard(records, first, lines)

    def reduce_(rows: pa.Table) -> pa.Table:
        from humpback.corpus.lines import reduce_keys

        return reduce_keys(rows, lines)

    def apply_(records: Sequence[Segment], first: int, reduced: pa.Table) -> Outcome[Segment]:
        from humpback.corpus.lines import apply

        return apply(records, first, reduced, lines, segment)

    settings = flat_settings(config, "corpus.lines", "corpus.segment.min_chars", "corpus.segment.dense_chars")
    settings = without_late_defaults(settings)
    work = Shuffle((segments.name, Segment), map_, reduce_, apply_, config.corpus.memory_mib)
    hint = "raise corpus.lines.max_documents"
    return Stage("lines", "take out lines that recur", (segments.name,), settings, work, Segment, hint=hint)


def drop_duplicates(config: Config, segments: Stage) -> Stage:
    """Of segments that are the same, or nearly, the first stays; across the whole corpus."""
    chosen_settings = config.corpus.deduplicate

    def map_(records: Sequence[Segment], first: int) -> pa.Table:
        from humpback.corpus.duplicates import map_shard

        return map_shard(records, first, chosen_settings)

    def reduce_(rows: pa.Table) -> pa.Table:
        from humpback.corpus.duplicates import reduce_keys

        return reduce_keys(rows, chosen_settings)

    def apply_(records: Sequence[Segment], first: int, reduced: pa.Table) -> Outcome[Segment]:
        from humpback.corpus.duplicates import apply

        return apply(records, first, reduced)

    settings = flat_settings(config, "corpus.deduplicate")
    settings = {key: value for key, value in settings.items() if not key.startswith("corpus.deduplicate.meaning")}
    work = Shuffle((segments.name, Segment), map_, reduce_, apply_, config.corpus.memory_mib)
    return Stage("unique", "drop duplicates", (segments.name,), settings, work, Segment)


def sample(config: Config, segments: Stage) -> Stage:
    """A seeded sample of the segments: never the first ones of the stream."""

    def shards(inputs: Inputs, part: int, committed: int) -> Iterator[Outcome[Segment]]:
        names = inputs.column(segments.name, "id")
        draws = ((record_rng_seed(config.run.seed, "sample", name), name) for name in names)
        last = max(heapq.nsmallest(config.corpus.limit, draws), default=(0, ""))
        buffer = _Buffer(config.run.shard_rows, committed)
        for segment in inputs.records(segments.name, Segment):
            if (record_rng_seed(config.run.seed, "sample", segment.id), segment.id) <= last:
                yield from buffer.keep(segment)
            else:
                excerpt, chars = segment.text[:200], len(segment.text)
                yield from buffer.drop(Dropped(segment.id, "not sampled", "", segment.source, excerpt, chars))
        yield from buffer.rest()

    settings = flat_settings(config, "corpus.limit", "run.seed", "run.shard_rows")
    return Stage("sample", "sample the segments", (segments.name,), settings, Produce(shards), Segment)


_MOST_DROPPED = 50_000
"""Records in the ledger of one shard of a sample: a small sample of a large corpus drops nearly all of it."""


class _Buffer:
    """Gathers records into shards; the first shards, which are committed, are made again but not given out."""

    def __init__(self, rows: int, committed: int) -> None:
        self._rows, self._skip = rows, committed
        self._kept: list[Any] = []
        self._dropped: list[Dropped] = []

    def keep(self, record: Any) -> Iterator[Outcome[Any]]:
        self._kept.append(record)
        if len(self._kept) == self._rows:
            yield from self.rest()

    def drop(self, record: Dropped) -> Iterator[Outcome[Any]]:
        self._dropped.append(record)
        if len(self._dropped) == _MOST_DROPPED:
            yield from self.rest()

    def rest(self) -> Iterator[Outcome[Any]]:
        outcome = Outcome(tuple(self._kept), tuple(self._dropped), len(self._kept) + len(self._dropped))
        self._kept, self._dropped = [], []
        if self._skip:
            self._skip -= 1
        elif outcome.read:
            yield outcome
