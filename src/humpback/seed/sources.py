"""Where seed data comes from: a file, a folder, a hub data set, or the pairs that ship with the package.

`source_rows` gives the rows of any of them, each with the place it stands; `source_digest` says what they are, for the
fingerprint of a run. Knows nothing of layouts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Protocol

from humpback.config import SeedSettings
from humpback.data_access.rows import Values, file_rows, table_ending
from humpback.errors import InputError
from humpback.records import content_id

PACKAGED = {"package:demo": "demo_seed.jsonl"}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_HUB_SECONDS = 10.0
_METADATA_FILES = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source."""

    place: str
    """File name, or name of the data set, followed by `#row` counted from 1."""
    values: Values


class Hub(Protocol):
    """What is asked of a hub; a seam, because it is another machine."""

    def revision(self, name: str) -> str:
        """The newest commit of a data set; empty where the hub cannot be reached.

        Raises:
            InputError: The hub answers that there is no such data set.
        """

    def load(self, name: str, revision: str) -> object:
        """The data set at that commit; where it is empty, what was fetched earlier."""


def source_rows(source: str, hub: Hub | None = None) -> Iterator[Row]:
    """Reads every row of a source, one at a time where its format allows.

    Args:
        source: `seed.source`.
        hub: What answers for hub ids; the Hugging Face hub unless given.

    Raises:
        InputError: There is no such source, or it cannot be read.
    """
    if source in PACKAGED:
        with as_file(files("humpback.demo") / PACKAGED[source]) as path:
            yield from _rows_of_files([path], path.parent)
        return
    path = _path(source)
    if path.is_dir():
        yield from _rows_of_folder(path)
    elif path.exists():
        yield from _rows_of_files([path], path.parent)
    elif _is_hub_id(source):
        yield from _rows_of_hub(source, hub or HuggingFaceHub())
    else:
        raise _no_source(source)


def source_digest(settings: SeedSettings, hub: Hub | None = None) -> str:
    """What the source holds, as a short text that changes when its content does: for the run's fingerprint.

    Args:
        settings: The source; nothing else of it counts here.
        hub: What answers for hub ids; the Hugging Face hub unless given.

    Returns:
        A digest of the bytes for files and folders; 'name@commit' for a hub data set, or its bare name offline.

    Raises:
        InputError: There is no such source, or it cannot be read.
    """
    source = settings.source
    if source in PACKAGED:
        with as_file(files("humpback.demo") / PACKAGED[source]) as path:
            return _file_digest(path)
    path = _path(source)
    if path.is_dir():
        members = _all_files(path) if _is_saved_dataset(path) else _table_files(path)
        return content_id(*(part for file in members for part in (_relative(file, path), _file_digest(file))))
    if path.exists():
        return _file_digest(path)
    if _is_hub_id(source):
        revision = (hub or HuggingFaceHub()).revision(source)
        return f"{source}@{revision}" if revision else source
    raise _no_source(source)


def _path(source: str) -> Path:
    if not source.strip():  # as a path it would be the working folder
        raise InputError("seed.source is empty", "set it to a file, a folder, a hub id, or 'package:demo'")
    return Path(source).expanduser()


def _is_hub_id(source: str) -> bool:
    return bool(_HUB_ID.fullmatch(source)) and not table_ending(Path(source))


def _no_source(source: str) -> InputError:
    if source.startswith("package:"):
        return InputError(f"no seed data {source!r} is shipped", f"seed.source may be {' or '.join(PACKAGED)}")
    return InputError(
        f"no seed file or folder {source!r}",
        "set seed.source to a file or folder that is there, a hub id 'org/name', or 'package:demo'",
    )


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read the seed file {path} ({error.strerror})", "check the file") from None


def _rows_of_files(paths: Iterable[Path], root: Path) -> Iterator[Row]:
    for path in paths:
        for number, values in file_rows(path):
            yield Row(f"{_relative(path, root)}#{number}", values)


def _rows_of_folder(folder: Path) -> Iterator[Row]:
    if _is_saved_dataset(folder):
        yield from _rows_of_dataset(_load_saved(folder), folder.name)
        return
    paths = _table_files(folder)
    if not paths:
        raise InputError(
            f"the seed folder {folder} holds no data",
            "put JSONL, JSON, CSV or Parquet files into it, or save a data set there with save_to_disk",
        )
    yield from _rows_of_files(paths, folder)


def _all_files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _table_files(folder: Path) -> list[Path]:
    return [path for path in _all_files(folder) if table_ending(path) and path.name not in _METADATA_FILES]


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _is_saved_dataset(folder: Path) -> bool:
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def _load_saved(folder: Path) -> object:
    import datasets

    try:
        return datasets.load_from_disk(str(folder))
    except Exception as error:  # whatever its readers raise, the folder is what is wrong
        raise InputError(
            f"cannot read the data set saved in {folder} ({_one_line(error)})", "save it again with save_to_disk"
        ) from None


def _rows_of_hub(name: str, hub: Hub) -> Iterator[Row]:
    yield from _rows_of_dataset(hub.load(name, hub.revision(name)), name)


def _rows_of_dataset(dataset: object, name: str) -> Iterator[Row]:
    """The rows of a `datasets` object; of several splits 'train', for the others are there to be evaluated on."""
    if isinstance(dataset, Mapping):
        if "train" not in dataset and len(dataset) != 1:
            raise InputError(
                f"the seed data set {name} has no split 'train', but {', '.join(map(str, dataset)) or 'none'}",
                "save the split you want as a Parquet file and set seed.source to it",
            )
        dataset = dataset["train"] if "train" in dataset else next(iter(dataset.values()))
    assert isinstance(dataset, Iterable)
    for number, values in enumerate(dataset, start=1):
        yield Row(f"{name}#{number}", dict(values))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


class HuggingFaceHub:
    """The Hugging Face hub, or what was fetched from it earlier where it cannot be reached."""

    def revision(self, name: str) -> str:
        """The newest commit of a data set; empty where the hub cannot be reached.

        Raises:
            InputError: The hub answers that there is no such data set, or that it is not public.
        """
        from huggingface_hub import HfApi
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            return HfApi().dataset_info(name, timeout=_HUB_SECONDS).sha or ""
        except RepositoryNotFoundError:
            raise InputError(
                f"no seed file or folder {name!r} here, and no data set of that name on the hub",
                "check seed.source, or log in to the hub where the data set is private",
            ) from None
        except Exception:  # its transport's errors are no part of its interface: all of them mean 'not now'
            return ""

    def load(self, name: str, revision: str) -> object:
        """The data set at that commit; where it is empty, what was fetched earlier.

        Raises:
            InputError: Neither can be had.
        """
        import datasets
        from datasets.packaged_modules.cache.cache import Cache

        try:
            if revision:
                return datasets.load_dataset(name, revision=revision)
            # The hub did not answer just now: `load_dataset` would retry for half a minute before it looks here.
            return Cache(repo_id=name, dataset_name=name.split("/")[-1], version="auto", hash="auto").as_dataset()
        except Exception as error:
            where = "from the hub" if revision else "(there is no such file or folder, and the hub cannot be reached)"
            raise InputError(
                f"cannot load the seed data set {name!r} {where}: {_one_line(error)}",
                "fetch it where there is a network, save it with save_to_disk, and set seed.source to that folder",
            ) from None
