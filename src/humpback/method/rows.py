"""Rows that somebody gives, as the first stage of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from humpback.config import Config
from humpback.records import Dropped, Outcome
from humpback.runs.stage import Inputs, Produce, Stage

Record = TypeVar("Record")


def read_rows(
    name: str,
    read: Callable[[], Iterable[Record | Dropped]],
    kind: type[Record],
    config: Config,
    settings: Mapping[str, Any],
) -> Stage:
    """Rows in shards of `run.shard_rows`.

    Args:
        name: What to call the stage.
        read: Gives all rows in a fixed order, as often as it is called; whatever is no record is dropped with a reason.
        kind: Type of the records.
        config: For the size of a shard.
        settings: What decides the rows, the content of their files among it.
    """

    def shards(inputs: Inputs, part: int, committed: int) -> Iterator[Outcome[Record]]:
        size = config.run.shard_rows
        rows = islice(read(), committed * size, None)
        while window := list(islice(rows, size)):
            dropped = tuple(row for row in window if isinstance(row, Dropped))
            records = tuple(row for row in window if not isinstance(row, Dropped))
            yield Outcome(records, dropped, len(window))

    deciding = {**settings, "run.shard_rows": config.run.shard_rows}
    hint = "give a file with rows, in the columns that the docs name"
    return Stage(name, f"read the {name}", (), deciding, Produce(shards), kind, hint=hint)
