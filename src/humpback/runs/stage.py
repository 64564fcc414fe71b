"""What a stage is: what it reads, what decides its result, and the work that makes it.

A stage is a function from records to records (or to a model). It knows no path of the run folder, no command line and
no logger: whoever carries it out hands it `Inputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from humpback.config import ModelSettings
from humpback.engines.base import Engine
from humpback.records import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R")
Step = Callable[[int, int, float], None]
"""Called in a training with the step, the number of steps and the loss, which is not a number before it is known."""

_AT_ONCE, _GATHERED = 16, 256
"""Tasks that wait for a server at a time: the next ones fill what the slowest requests of the first leave free. Where
requests are gathered for batches there are more; each takes about 50 KiB of memory."""


class Inputs(Protocol):
    """What a stage may read: the results of the stages it names, and models."""

    def records(self, stage: str, kind: type[R]) -> Iterator[R]:
        """All records of a stage."""
        ...

    def column(self, stage: str, name: str) -> Iterator[Any]:
        """One column of all records of a stage."""
        ...

    def position(self, stage: str, part: int) -> tuple[int, int]:
        """Where a part of a stage goes on: the `position` of its last committed shard; (0, 0) before the first."""
        ...

    def base(self) -> Path:
        """The base model's folder, made ready on first use."""
        ...

    def engine(self, stage: str, *, embeds: bool = False) -> AbstractContextManager[Engine]:
        """An engine for the model of a stage, for 'base', or for a model that the plan names (`ExternalModel`).

        Where it has to embed texts, it is the engine that can (`EngineSpec.embeds_by`).
        """
        ...


@dataclass(frozen=True, slots=True)
class ExternalModel:
    """A model that no stage of the plan makes: the user names it, here or on a server."""

    name: str
    """What the stages call it, such as 'rater'; no stage has this name."""
    settings: ModelSettings


@dataclass(frozen=True, slots=True)
class Produce:
    """Work that makes records out of nothing or of whole stages, in parts that any worker can do.

    Each part yields its shards in a fixed order, as many as it has.
    """

    shards: Callable[[Inputs, int, int], Iterator[Outcome[Any]]]
    """Given a part and how many of its shards are committed already, yields the next ones."""
    parts: int = 1


@dataclass(frozen=True, slots=True)
class MapShards:
    """Work that turns each shard of a stage into one shard: independent, so any worker can do any of them."""

    over: tuple[tuple[str, type], ...]
    """Stages, with their record types, whose shards of the same number are read together. One that the stage does not
    need may lack them: what it holds saves work, and decides no result."""
    open: Callable[[Inputs], AbstractContextManager[Callable[..., Outcome[Any]]]]
    """Makes ready once (an engine, a cutoff); what it gives is called with the records of one shard."""


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Work that asks what the records of a whole stage have in common, in memory that does not grow with them.

    Three functions: each shard is looked at by itself, what was seen is brought together by its key and settled, and
    each shard is then worked on with what was settled about its records. Between them stand tables sorted by key.
    """

    over: tuple[str, type]
    """Stage, with the type of its records."""
    map: Callable[[Sequence[Any], int], pa.Table]
    """Given the records of a shard and the place of its first one (the others follow), what is seen in them: columns
    `key` (uint64, evenly spread) and `place` (uint64), and others of fixed width."""
    reduce: Callable[[pa.Table], pa.Table]
    """Given all rows of some keys, sorted by key and place, what follows: column `place` and others. Rows of one key
    always come together."""
    apply: Callable[[Sequence[Any], int, pa.Table], Outcome[Any]]
    """Given the records of a shard, the place of its first record and all that was settled about them, sorted by place,
    what becomes of them."""
    memory_mib: int = 1024
    """Memory that the rows settled at a time may take."""
    row_bytes: int = 1536
    """What the rows seen in one record take at most, for choosing how many records are looked at together."""
    applies_to: tuple[str, type] | None = None
    """Stage whose records `apply` gets, with their type, where it is not the one that is looked at. Both have the same
    shards, with records of the same number and order."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training says of itself."""

    read: int
    kept: int
    dropped: Mapping[str, int]
    tokens: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Train:
    """Work that makes a model folder."""

    run: Callable[[Inputs, Path, Path, Step], Trained]
    """Given the folder to write, a folder for checkpoints that survives a kill, and whom to tell of each step."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run."""

    name: str
    does: str
    """One line for people."""
    needs: tuple[str, ...]
    settings: Mapping[str, Any]
    """Everything that decides the result, by the user's names; goes into the fingerprint."""
    work: Produce | MapShards | Shuffle | Train
    makes: type | None = None
    """Type of the records; None where a model is made."""
    model: bool = False
    """Whether the work holds a model, so that no more workers do it than there are devices."""
    external: tuple[ExternalModel, ...] = ()
    """The models it asks that no stage makes. Their identities belong into `settings`."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """What a digest among the settings is of, by its name there, such as 'seed.source pairs.jsonl'. Messages say it;
    it decides nothing."""
    version: int = 1
    hint: str = ""
    """What to do where nothing is left."""
    notice: str = ""
    """What the user must know before the work begins."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What its manifest says beside the counts; decides no result."""
    check: Callable[[Inputs], None] = field(default=lambda inputs: None)
    """Raises StageError where the result must not be used."""

    @property
    def waits(self) -> int:
        """How many tasks at a time wait for a server; 0 where its work is another."""
        servers = [model.settings.server for model in self.external if model.settings.engine_spec.keeps_answers]
        return 0 if not servers else _GATHERED if any(server.batch for server in servers) else _AT_ONCE


def one_shard(make: Callable[[Inputs, int], Outcome[Any]], parts: int = 1) -> Produce:
    """Work of which each part is one shard, made as a whole: `make` is given the number of the part."""

    def shards(inputs: Inputs, part: int, committed: int) -> Iterator[Outcome[Any]]:
        if not committed:
            yield make(inputs, part)

    return Produce(shards, parts)


def in_shards(make: Callable[[Inputs], Sequence[Any]], size: int) -> Produce:
    """Work that makes all records anew each time it is begun, and commits so many of them at a time."""

    def shards(inputs: Inputs, part: int, committed: int) -> Iterator[Outcome[Any]]:
        records = make(inputs)
        for start in range(committed * size, len(records), size):
            shard = tuple(records[start : start + size])
            yield Outcome(shard, (), len(shard))

    return Produce(shards)


def names_of(*inputs: Stage | ExternalModel) -> tuple[str, ...]:
    """What `Stage.needs` says of these inputs: the names of the stages among them."""
    return tuple(item.name for item in inputs if isinstance(item, Stage))


def external_of(*inputs: Stage | ExternalModel) -> tuple[ExternalModel, ...]:
    """What `Stage.external` says of these inputs: the models that no stage makes."""
    return tuple(item for item in inputs if isinstance(item, ExternalModel))
