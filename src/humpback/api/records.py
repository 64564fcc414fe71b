"""Records as Python sees them: read from their files each time, so that any number of them takes no memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from humpback.data_access.record_tables import count_rows, read_table, table_of
from humpback.errors import InputError
from humpback.records import Dropped
from humpback.runs.store import StageFolder
from humpback.standalone.tables import write_records

if TYPE_CHECKING:
    import datasets

Record = TypeVar("Record")


class ScratchFolder:
    """A temporary folder that is deleted when nothing refers to it any more, at the latest when Python ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="humpback-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Records(Generic[Record]):
    """Records that a function or a stage made: iterate them, as often as you like.

    Example:
        >>> segments = humpback.segment("docs/")
        >>> len(segments), segments.dropped, next(iter(segments)).text
        >>> segments.to_dataset().push_to_hub("me/segments")
    """

    kind: type[Record]
    """Type of the records, a class of `humpback.records`."""
    read: Callable[[], Iterator[Record]]
    """Gives all of them from the start."""
    count: Callable[[], int]
    """Says how many there are."""
    ledger: Records[Dropped] | None = None
    """What was dropped; None where nothing can be."""
    summary: tuple[str, ...] = ()
    """What the command prints: lines of counts."""
    path: Path | None = None
    """The file that they are in; None where they are in more than one."""
    scratch: ScratchFolder | None = None
    """The temporary folder that the file is in: it stays as long as the records do."""

    def __iter__(self) -> Iterator[Record]:
        return self.read()

    def __len__(self) -> int:
        return self.count()

    def __repr__(self) -> str:
        return f"<{len(self):,} {self.kind.__name__} records>"

    @property
    def dropped(self) -> Records[Dropped]:
        """What was dropped: each with a `reason`, a `detail` and the beginning of its text."""
        return Records(Dropped, lambda: iter(()), lambda: 0) if self.ledger is None else self.ledger

    def to_dataset(self) -> datasets.Dataset:
        """All records as a `datasets.Dataset`, in memory."""
        from datasets import Dataset

        return Dataset(table_of(list(self), self.kind))

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Writes the records to a file.

        Args:
            path: File to write: .jsonl or .parquet.
            force: Overwrite what is there.

        Returns:
            The file.

        Raises:
            InputError: The file is there already, its name ends otherwise, or it cannot be written.
        """
        path = Path(path)
        if path.exists() and not force:
            raise InputError(f"{path} is there already", "choose another name, or overwrite it with force=True")
        write_records(path, self.kind, self)
        return path


def file_records(
    path: Path,
    kind: type[Record],
    scratch: ScratchFolder,
    summary: Sequence[str] = (),
    ledger: Records[Dropped] | None = None,
) -> Records[Record]:
    """The records of a file that is in a temporary folder, or stands on files that are."""
    return Records(
        kind, lambda: read_table(path, kind), lambda: count_rows(path), ledger, tuple(summary), path, scratch
    )


def stage_records(stage: StageFolder, kind: type[Record]) -> Records[Record]:
    """The records of a finished stage of a run."""
    dropped = Records(Dropped, stage.dropped, lambda: sum(stage.counts().dropped.values()))
    return Records(kind, lambda: stage.records(kind), lambda: stage.counts().kept, dropped)
