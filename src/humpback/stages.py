"""The stages of the method, one function each, in the order of the paper.

Heavy libraries are imported where the work is done, so that a plan can be made and shown in no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from humpback import prompts, seed
from humpback.config import Config, DecontaminateSettings, Settings
from humpback.corpus.reading.sources import list_sources, parts
from humpback.corpus.reading.stored import file_digest
from humpback.errors import StageError
from humpback.records import (
    Candidate,
    Curated,
    Direction,
    Dropped,
    HeldOutLoss,
    Outcome,
    Pair,
    Rating,
    Segment,
    content_id,
    record_seed,
)
from humpback.stage import Gather, Inputs, MapShards, Produce, Stage, Step, Train, Trained

if TYPE_CHECKING:
    import pyarrow as pa

    from humpback.contamination import Contamination


def read_seed(config: Config) -> Stage:
    """The human-written pairs, checked and normalised (section 2.1)."""

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[Pair]]:
        if not done:
            contamination = _contamination(config.decontaminate)
            yield seed.read_seed(config.seed, config.run.seed, contamination=contamination)

    settings = chosen(config, "seed", "run.seed") | {"seed.content": seed.source_digest(config.seed)}
    settings |= _against(config)
    settings.pop("seed.source")  # its content counts, not its place
    return Stage("seed", "read the seed pairs", (), settings, Produce(shards), Pair, mend="check seed.source")


def cut_segments(config: Config) -> Stage:
    """The unlabelled corpus, cut into self-contained segments (section 2.1 and appendix)."""
    sources = list_sources(config.corpus)
    every = parts(sources, config.corpus)

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[Segment]]:
        from humpback.corpus.cut import cut
        from humpback.corpus.reading.readers import read_documents

        rows = config.run.shard_rows
        documents = islice(read_documents(config.corpus, every[part]), done * rows, None)
        for first in documents:  # one document at a time in memory, not a window of them
            yield cut(chain([first], islice(documents, rows - 1)), config.corpus, _contamination(config.decontaminate))

    settings = (
        chosen(config, "corpus", "run.shard_rows")
        | _against(config)
        | {"corpus.content": content_id(*(text for source in sources for text in (source.name, source.digest())))}
    )
    elsewhere = ("corpus.limit", "corpus.memory_mib", "corpus.lines", "corpus.deduplicate")
    settings = {key: value for key, value in settings.items() if not key.startswith(elsewhere)}
    settings["corpus.urls.blocklists"] = [file_digest(name) for name in config.corpus.urls.blocklists]
    settings.pop("corpus.documents")  # their names and contents count, not their place
    mend = "see which filter took everything, then change corpus.documents or corpus.segment"
    work = Produce(shards, len(every))
    return Stage("segments", "cut documents into segments", (), settings, work, Segment, mend=mend)


def take_out_lines(config: Config, segments: Stage) -> Stage:
    """Lines that recur across a site are taken out of the segments: furniture that the markup did not tell."""
    lines, segment = config.corpus.lines, config.corpus.segment

    def look(records: Sequence[Segment], first: int) -> pa.Table:
        from humpback.corpus.lines import look

        return look(records, first, lines)

    def settle(rows: pa.Table) -> pa.Table:
        from humpback.corpus.lines import settle

        return settle(rows, lines)

    def apply(records: Sequence[Segment], first: int, settled: pa.Table) -> Outcome[Segment]:
        from humpback.corpus.lines import apply

        return apply(records, first, settled, lines, segment)

    settings = chosen(config, "corpus.lines", "corpus.segment.min_chars")
    work = Gather((segments.name, Segment), look, settle, apply, config.corpus.memory_mib)
    mend = "raise corpus.lines.max_documents"
    return Stage("lines", "take out lines that recur", (segments.name,), settings, work, Segment, mend=mend)


def drop_duplicates(config: Config, segments: Stage) -> Stage:
    """Of segments that are the same, or nearly, the first stays; across the whole corpus."""
    chosen_settings = config.corpus.deduplicate

    def look(records: Sequence[Segment], first: int) -> pa.Table:
        from humpback.corpus.duplicates import look

        return look(records, first, chosen_settings)

    def settle(rows: pa.Table) -> pa.Table:
        from humpback.corpus.duplicates import settle

        return settle(rows, chosen_settings)

    def apply(records: Sequence[Segment], first: int, settled: pa.Table) -> Outcome[Segment]:
        from humpback.corpus.duplicates import apply

        return apply(records, first, settled, chosen_settings)

    settings = chosen(config, "corpus.deduplicate")
    work = Gather((segments.name, Segment), look, settle, apply, config.corpus.memory_mib)
    return Stage("unique", "drop duplicates", (segments.name,), settings, work, Segment)


def sample(config: Config, segments: Stage) -> Stage:
    """A seeded sample of the segments: never the first ones of the stream."""

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[Segment]]:
        draws = sorted(
            (record_seed(config.run.seed, "sample", name), name) for name in inputs.column(segments.name, "id")
        )
        last = draws[: config.corpus.limit][-1] if draws else (0, "")
        buffer = _Buffer(config.run.shard_rows, done)
        for segment in inputs.records(segments.name, Segment):
            if (record_seed(config.run.seed, "sample", segment.id), segment.id) <= last:
                yield from buffer.keep(segment)
            else:
                buffer.drop(Dropped(segment.id, "not sampled", "", segment.source, segment.text[:200]))
        yield from buffer.rest()

    settings = chosen(config, "corpus.limit", "run.seed", "run.shard_rows")
    return Stage("sample", "sample the segments", (segments.name,), settings, Produce(shards), Segment)


class _Buffer:
    """Gathers records into shards; the first `done` shards are made again but not given out."""

    def __init__(self, rows: int, done: int) -> None:
        self._rows, self._skip = rows, done
        self._kept: list[Any] = []
        self._dropped: list[Dropped] = []

    def keep(self, record: Any) -> Iterator[Outcome[Any]]:
        self._kept.append(record)
        if len(self._kept) == self._rows:
            yield from self.rest()

    def drop(self, record: Dropped) -> None:
        self._dropped.append(record)

    def rest(self) -> Iterator[Outcome[Any]]:
        outcome = Outcome(tuple(self._kept), tuple(self._dropped), len(self._kept) + len(self._dropped))
        self._kept, self._dropped = [], []
        if self._skip:
            self._skip -= 1
        elif outcome.read:
            yield outcome


_INDIFFERENT = (
    *("packing", "pack_tokens", "micro_batch_size", "gradient_checkpointing", "devices", "shard", "tracker"),
    *("checkpoint_steps", "keep_checkpoints", "max_dropped_share"),
)
"""Settings of a training that cannot change its result, but for the draws of dropout."""


class _Again(Iterable[Pair]):
    """Pairs that are read from the disk each time they are gone through: any number of them takes no memory."""

    def __init__(self, read: Callable[[], Iterator[Pair]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Pair]:
        return self._read()


def finetune(config: Config, base: str, name: str, direction: Direction, on: Sequence[Stage]) -> Stage:
    """M_yx or M_t: the base model, finetuned (section 2.2 backwards, 2.3 forwards). Always from the base."""
    room = config.backward if direction == "backward" else config.forward

    def run(inputs: Inputs, out: Path, work: Path, step: Step) -> Trained:
        if config.model.engine == "fake":
            (out / "humpback.json").write_text("{}\n", encoding="utf-8")
            count = sum(1 for _ in _training_pairs(inputs, config, on))
            return Trained(count, count, {}, 0, {"steps": 0})
        from humpback.finetune.launch import train_together
        from humpback.finetune.ray import train_on_ray
        from humpback.finetune.train import finetune as train

        summary = train(
            _Again(lambda: _training_pairs(inputs, config, on)),
            base=inputs.base(),
            direction=direction,
            model=config.model,
            settings=room,
            tags=config.tags,
            seed=record_seed(config.run.seed, name, "training") % 2**31,
            out=out,
            work=work,
            heldout=seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).heldout,
            progress=step,
            together=train_on_ray if config.run.executor == "ray" else train_together,
        )
        facts = asdict(summary) | {"dropped": sum(summary.dropped.values())}
        return Trained(summary.pairs, summary.examples, summary.dropped, summary.tokens, facts)

    ignored = {f"{direction}.{setting}" for setting in _INDIFFERENT}
    settings = chosen(config, direction, "tags", "model.max_tokens", "model.dtype", "model.engine", "run.seed")
    settings = {key: value for key, value in settings.items() if key not in ignored}
    settings |= chosen(config, "seed.holdout_share", "seed.holdout_min")
    settings |= {"model.identity": base, "prompts": prompts.prompt_digest(direction)}
    does = "finetune the base " + (
        "backwards: M_yx" if direction == "backward" else f"forwards: M_{name.rpartition('-')[2]}"
    )
    return Stage(name, does, tuple(stage.name for stage in on), settings, Train(run))


def self_augment(config: Config, segments: Stage, by: Stage) -> Stage:
    """M_yx writes an instruction for every segment (section 2.2)."""

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Candidate]]]:
        from humpback.augment import instruct

        with inputs.engine(by.name) as engine:
            yield lambda shard: instruct(shard, engine, config.augment, config.run.seed, "candidates")

    settings = chosen(config, "augment", "model.max_tokens", "model.engine", "run.seed")
    settings |= {"prompts": prompts.prompt_digest("backward")}
    work = MapShards(((segments.name, Segment),), opened)
    needs = (segments.name, by.name)
    mend = "see the reasons; train the backward model longer or with a higher learning rate"
    return Stage("candidates", "M_yx writes instructions", needs, settings, work, Candidate, model=True, mend=mend)


def rate(config: Config, iteration: int, candidates: Stage, by: Stage) -> Stage:
    """M_{t-1} rates every candidate (section 2.3)."""
    name = f"ratings-{iteration}"

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Rating]]]:
        from humpback.curate.scorers import make_scorer

        scorer = make_scorer(config.curate, config.run.seed, iteration, name)
        with inputs.engine(by.name) as engine:
            yield lambda shard: scorer.score(shard, engine)

    def check(inputs: Inputs) -> None:
        states = list(inputs.column(name, "state"))
        lost = {state: states.count(state) for state in ("unparsed", "truncated") if state in states}
        if states and sum(lost.values()) > config.curate.max_unrated_share * len(states):
            counts = ", ".join(f"{count} {state}" for state, count in lost.items())
            example = next(row.reply for row in inputs.records(name, Rating) if row.score is None)
            raise StageError(
                f"{name}: {counts} of {len(states)} ratings have no score, one of them '{example[-80:].strip()}'",
                "use curate.scorer: expected-rating, raise curate.max_new_tokens or curate.max_unrated_share",
            )

    settings = chosen(config, "curate", "model.max_tokens", "model.engine", "run.seed")
    settings = {k: v for k, v in settings.items() if not k.startswith(("curate.select", "curate.max_unrated"))}
    if config.curate.scorer == "expected-rating":
        settings = {k: v for k, v in settings.items() if k in ("curate.scorer", "model.max_tokens", "model.engine")}
    settings |= {"prompts": prompts.prompt_digest(config.curate.scorer)}
    work = MapShards(((candidates.name, Candidate),), opened)
    does = f"M_{iteration - 1} rates the candidates"
    return Stage(name, does, (candidates.name, by.name), settings, work, Rating, model=True, check=check)


def select(config: Config, iteration: int, candidates: Stage, ratings: Stage) -> Stage:
    """The best-rated candidates: A_k^(t) (section 2.3)."""

    @contextmanager
    def opened(inputs: Inputs) -> Iterator[Callable[..., Outcome[Curated]]]:
        from humpback.curate.select import curate, cutoff, explain_empty

        scores = zip(inputs.column(ratings.name, "id"), inputs.column(ratings.name, "score"), strict=True)
        line = cutoff(scores, config.curate.select)
        if not line.kept:
            raise explain_empty(line, inputs.column(ratings.name, "state"))
        yield lambda shard, rated: curate(shard, rated, line)

    settings = chosen(config, "curate.select")
    work = MapShards(((candidates.name, Candidate), (ratings.name, Rating)), opened)
    mend = "lower curate.select.threshold, or use curate.select.top_share"
    needs = (candidates.name, ratings.name)
    return Stage(f"curated-{iteration}", "keep the best", needs, settings, work, Curated, mend=mend)


def evaluate(config: Config, models: Sequence[tuple[str, Direction]], needs: Sequence[Stage]) -> Stage:
    """The loss of every model on the held-out seed pairs, one shard a model."""

    def shards(inputs: Inputs, part: int, done: int) -> Iterator[Outcome[HeldOutLoss]]:
        from humpback.evaluate.heldout import heldout_losses

        name, direction = models[part]
        pairs = seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).heldout
        if not done:
            with inputs.engine(name) as engine:
                yield heldout_losses(pairs, engine, name, direction, config.tags)

    settings = chosen(config, "tags", "seed.holdout_share", "seed.holdout_min", "model.max_tokens", "run.seed")
    settings |= {"models": [f"{name} {direction}" for name, direction in models]}
    needed = tuple(stage.name for stage in needs)
    return Stage(
        "evaluation",
        "measure every model on held-out pairs",
        needed,
        settings,
        Produce(shards, len(models)),
        HeldOutLoss,
        model=True,
    )


def chosen(config: Config, *names: str) -> dict[str, Any]:
    """The settings under the given names, flat: {'augment.temperature': 0.7, ...}."""
    flat: dict[str, Any] = {}
    for name in names:
        value: Any = config
        for step in name.split("."):
            value = getattr(value, step)
        flat |= _flat(name, value)
    return flat


def _flat(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Settings):
        return {name: value}
    flat: dict[str, Any] = {}
    for key in type(value).model_fields:
        flat |= _flat(f"{name}.{key}", getattr(value, key))
    return flat


@lru_cache(maxsize=1)
def _contamination(settings: DecontaminateSettings) -> Contamination | None:
    """The evaluation prompts that nothing may hold; read once in each process."""
    from humpback.contamination import read_contamination

    return read_contamination(settings) if settings.against else None


def _against(config: Config) -> dict[str, Any]:
    """What decides which texts hold an evaluation prompt; nothing where none is named."""
    if not config.decontaminate.against:
        return {}
    from humpback.contamination import prompts_digest

    settings = chosen(config, "decontaminate") | {"decontaminate.content": prompts_digest(config.decontaminate)}
    settings.pop("decontaminate.against")
    return settings


def _training_pairs(inputs: Inputs, config: Config, on: Sequence[Stage]) -> Iterator[Pair]:
    """The seed pairs that are not held out, then the curated sets."""
    yield from seed.hold_out(inputs.records("seed", Pair), config.seed, config.run.seed).train
    for stage in on:
        if stage.makes is Curated:
            yield from map(_as_pair, inputs.records(stage.name, Curated))


def _as_pair(item: Curated) -> Pair:
    return Pair(item.id, item.instruction, item.response, "augmented", item.source)
