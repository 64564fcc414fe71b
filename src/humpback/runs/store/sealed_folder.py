"""The files of a stage, and whether they are those that it wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from humpback.data_access.record_tables import records_of
from humpback.errors import StoreError
from humpback.runs.store.files import disk, file_sizes, is_remote, mark_of, read_record
from humpback.runs.store.seals import open_sealed, read_footer, seal_of, size_in

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Record = TypeVar("Record")

_MODEL = "model/"
_FINISHED = ("part-*.parquet", "dropped/part-*.parquet", f"{_MODEL}*")
"""What a finished stage has left beside its records of itself."""
_READERS = 16
"""Footers that are read at a time: elsewhere each is a wait for the network."""


def _is_finished(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _FINISHED)


class SealedFolder:
    """The files of a stage. Whatever is read of one that is finished is compared with what its manifest says.

    Args:
        path: `RUN/stages/<stage>`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self._manifest: tuple[str, dict[str, Any] | None] = ("", None)

    @property
    def model_path(self) -> Path:
        """Where a finetuned model is once it is complete."""
        return self.path / "model"

    def recipe(self) -> dict[str, Any] | None:
        """The recipe that the content was made by, finished or not; None where nothing is there.

        Raises:
            StoreError: Its record is damaged.
        """
        return self.manifest() or self._record("started.json")

    def manifest(self) -> dict[str, Any] | None:
        """What the finished stage wrote of itself; None while it is not finished. Read again only where it changed.

        Raises:
            StoreError: It is damaged.
        """
        mark, content = self._manifest
        with disk(self.path):
            now = mark_of(self.path / "manifest.json")
        if now != mark:
            content = self._record("manifest.json")
            self._manifest = now, content
        return content

    def damage(self) -> str:
        """How the files of the finished stage differ from those that its manifest names; empty where they do not.

        Looks at names and sizes alone: content is compared where it is read, and by `verify`.
        """
        seals = self._seals()
        if seals is None:
            return ""
        sizes = {name: size for name, size in file_sizes(self.path).items() if _is_finished(name)}
        if not any(name.startswith(_MODEL) for name in sizes):  # an experiment throws models away that it is done with
            seals = {name: seal for name, seal in seals.items() if not name.startswith(_MODEL)}
        for name in sorted(sizes.keys() | seals.keys()):
            if name not in sizes:
                return f"{name} is missing"
            if name not in seals:
                return f"{name} does not belong there"
            if sizes[name] != size_in(seals[name]):
                return f"{name} has {sizes[name]:,} bytes, not {size_in(seals[name]):,}"
        return ""

    def check(self) -> None:
        """Refuses a finished stage whose files are not those that it wrote: see `damage`.

        Raises:
            StoreError: They are not.
        """
        if damage := self.damage():
            raise self._damaged(damage)

    def verify(self) -> list[str]:
        """Reads everything that the stage has left, finished or not, and says what is wrong with it."""
        try:
            problems = [damage] if (damage := self.damage()) else []
        except StoreError as error:
            return [error.what.removeprefix(f"{self.name}: ")]
        for name in filter(_is_finished, file_sizes(self.path)):
            try:
                self._check_model_file(name, anew=True) if name.startswith(_MODEL) else self._table(name)
            except StoreError as error:
                if not any(problem.startswith(f"{name} ") for problem in problems):
                    problems.append(error.what.removeprefix(f"{self.name}: "))
        return problems

    def check_model(self, folder: Path | None = None) -> None:
        """Compares every file of the finished model with the manifest.

        Args:
            folder: A copy of it on this machine, where it lies elsewhere.

        Raises:
            StoreError: A file is missing, is not one of them, or was changed.
        """
        self.check()
        for name in self._seals() or {}:
            self._check_model_file(name, folder)

    def _seals(self) -> dict[str, str] | None:
        """The seal of each file of the finished stage, by its path here; None where an earlier version kept none."""
        seals: dict[str, str] | None = (self.manifest() or {}).get("seals")
        return seals

    def _footers(self, names: Sequence[str]) -> Iterator[tuple[str, pq.FileMetaData]]:
        def read(name: str) -> tuple[str, pq.FileMetaData]:
            with self._readable(name), (self.path / name).open("rb") as file:
                return read_footer(file)

        with ThreadPoolExecutor(_READERS) as readers:
            yield from readers.map(read, names)

    def _records(self, name: str, kind: type[Record]) -> list[Record]:
        with self._readable(name):
            return list(records_of(self._table(name), kind))

    def _table(self, name: str) -> pa.Table:
        with self._readable(name):
            return open_sealed((self.path / name).read_bytes(), (self._seals() or {}).get(name, ""))

    def _check_model_file(self, name: str, folder: Path | None = None, *, anew: bool = False) -> None:
        seal = (self._seals() or {}).get(name, "")
        path = (folder or self.model_path) / name.removeprefix(_MODEL)
        if not seal or not name.startswith(_MODEL) or is_remote(path):
            return
        with self._readable(name):
            if seal_of(path, anew=anew) != seal:
                raise ValueError("it is not the file that was written")

    def _record(self, name: str) -> dict[str, Any] | None:
        with self._readable(name):
            return read_record(self.path / name)

    @contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        """Turns whatever is wrong with a file of this stage into one line."""
        try:
            with disk(self.path / name):
                yield
        # pyarrow has no error of its own for what is no table, a missing column or a failed checksum.
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise self._damaged(f"{name} is damaged ({' '.join(str(error).split())})") from None

    def _damaged(self, fault: str) -> StoreError:
        hint = "throw the unfinished work away with --force" if self.path.parents[1].name.startswith(".") else ""
        return StoreError(f"{self.name}: {fault}", hint or f"run again with --redo {self.name}")
