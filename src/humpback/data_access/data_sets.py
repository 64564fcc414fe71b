"""Hugging Face data sets as files and streams of rows: `hf:NAME`, where the name is one on the hub or a folder here.

Where a data set is made of files that are read here anyway, it becomes those files, so that they are shared out and
split as others are; where not, `datasets` streams its rows, shard by shard. Of several splits 'train' is taken unless
one is named, for the others are there to be evaluated on. Folders that `save_to_disk` wrote are taken likewise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from humpback.data_access.source_file import SourceFile
from humpback.errors import InputError
from humpback.records import content_id

ROWS = ".rows"
"""The ending that stands for rows that `datasets` streams."""

_ENTRY = re.compile(
    r"hf:(?!//)(?P<name>[^:@]+)(?:@(?P<revision>[\w.-]+))?"
    r"(?::(?P<config>[^:/]*)(?:/(?P<split>[^:/]+))?(?:/(?P<shard>\d+)-of-(?P<shards>\d+))?)?"
)
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)?")
_HUB_FILE = re.compile(r"hf://datasets/(?P<name>[^@]+)@[^/]+/(?P<path>.+)")
_BUILDERS = ("parquet", "json", "arrow")
"""Those that make one row of each row of their files, as our own readers do."""
_READ_HERE = re.compile(r".*\.(?:parquet|arrow|(?:jsonl|ndjson)(?:\.(?:gz|zst|bz2|xz))?)", re.IGNORECASE)
_SHARD_SIZE = 64 << 20
"""What a shard of unknown size counts as: enough for a part of its own."""
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class DataSet:
    """Which rows of which data set: `hf:NAME@REVISION:CONFIG/SPLIT/SHARD-of-SHARDS`, of which only the name must be."""

    name: str
    revision: str = ""
    config: str = ""
    split: str = ""
    shard: int = 0
    shards: int = 0

    def __str__(self) -> str:
        part = self.config + (f"/{self.split}" if self.split else "")
        part += f"/{self.shard}-of-{self.shards}" if self.shards else ""
        return f"hf:{self.name}" + (f"@{self.revision}" if self.revision else "") + (f":{part}" if part else "")


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a data set."""

    path: str
    """The file or its URL."""
    name: str


def is_data_set(entry: str) -> bool:
    """Whether an entry of the settings names a data set."""
    return entry.startswith("hf:") and not entry.startswith("hf://")


def list_data_set(entry: str) -> list[Member | SourceFile]:
    """What a data set is made of: its files, or sources for the rows of its shards.

    Raises:
        InputError: There is no such data set, configuration or split, or the hub cannot be reached.
    """
    data_set = parse_data_set(entry)
    folder = Path(data_set.name).expanduser()
    if folder.is_dir():
        if is_saved(folder):
            return list(saved_files(folder, data_set.split))
    elif not _HUB_NAME.fullmatch(data_set.name):
        raise InputError(f"no folder {data_set.name!r}, and no name of a data set", "check the name")
    else:
        revision = data_set.revision or newest_commit(data_set.name)
        if not revision:
            return list(_fetched_members(data_set))
        data_set = replace(data_set, revision=revision)
    builder = open_data_set(data_set)
    files = {str(split): [str(file) for file in paths] for split, paths in (builder.config.data_files or {}).items()}
    data_set = replace(data_set, split=_split(data_set, list(files)), config=builder.config.name)
    paths_of_split = files[data_set.split]
    if folder.is_dir():
        _refuse_outside(folder, paths_of_split)
    if builder.name in _BUILDERS and all(_READ_HERE.fullmatch(path) for path in paths_of_split):
        return [Member(path, _member_name(path, folder)) for path in paths_of_split]
    return list(_shards(data_set, builder, paths_of_split))


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote it."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def saved_files(folder: Path, split: str = "") -> Iterator[Member]:
    """The files of a data set that `save_to_disk` wrote.

    Raises:
        InputError: It has no such split, or is not whole.
    """
    split_folder = folder
    try:
        if (folder / "dataset_dict.json").is_file():
            splits = json.loads((folder / "dataset_dict.json").read_bytes())["splits"]
            split_folder = folder / _split(DataSet(str(folder), split=split), [str(name) for name in splits])
        files = [
            str(file["filename"]) for file in json.loads((split_folder / "state.json").read_bytes())["_data_files"]
        ]
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError(
            f"cannot read the data set saved in {folder} ({type(error).__name__}: {error})", "save it again"
        ) from None
    for file in files:
        if not (split_folder / file).resolve().is_relative_to(folder.resolve()) or not (split_folder / file).is_file():
            raise InputError(f"the data set saved in {folder} has no file {file!r}", "save it again")
        yield Member(
            str(split_folder / file), (Path(folder.resolve().name) / split_folder.relative_to(folder) / file).as_posix()
        )


def parse_data_set(entry: str) -> DataSet:
    """Which data set an entry of the settings, or a source for rows, names.

    Raises:
        InputError: It names none.
    """
    match = _ENTRY.fullmatch(entry)
    if not match:
        raise InputError(f"cannot tell which data set {entry!r} is", "write hf:NAME, or hf:NAME:CONFIG/SPLIT")
    fields = {key: value or "" for key, value in match.groupdict().items()}
    shard, shards = int(fields.pop("shard") or 0), int(fields.pop("shards") or 0)
    return DataSet(**fields, shard=shard, shards=shards)


def _split(data_set: DataSet, splits: Sequence[str]) -> str:
    split = data_set.split or ("train" if "train" in splits else splits[0] if len(splits) == 1 else "")
    if split not in splits:
        missing = f"split {data_set.split!r}" if data_set.split else "split 'train'"
        raise InputError(
            f"the data set {data_set.name} has no {missing}, but {', '.join(splits) or 'none'}",
            f"name one, as in hf:{data_set.name}:{data_set.config}/SPLIT",
        )
    return split


def open_data_set(data_set: DataSet) -> Any:
    """What `datasets` reads it with.

    Raises:
        InputError: It cannot be read.
    """
    import datasets

    name = str(Path(data_set.name).expanduser()) if Path(data_set.name).expanduser().is_dir() else data_set.name
    try:
        return datasets.load_dataset_builder(name, data_set.config or None, revision=data_set.revision or None)
    except Exception as error:  # whatever its transport and its builders raise
        raise unreadable(data_set, error) from None


def unreadable(data_set: DataSet, error: Exception) -> InputError:
    """The error for the user when `datasets` fails."""
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return InputError(
        f"cannot read the data set {data_set.name!r} ({reason})", "check its name, its configuration and the network"
    )


def newest_commit(name: str) -> str:
    """The newest commit of a data set; empty where the hub cannot be reached."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return HfApi().dataset_info(name, timeout=_SECONDS).sha or ""
    except RepositoryNotFoundError:
        raise InputError(
            f"no folder {name!r} here, and no data set of that name on the hub",
            "check the name, or log in to the hub where the data set is private",
        ) from None
    except Exception:  # its transport's errors are no part of its interface: all of them mean 'not now'
        return ""


def _fetched_members(data_set: DataSet) -> Iterator[Member]:
    """The files of a data set that was fetched and prepared earlier."""
    from datasets.packaged_modules.cache.cache import Cache

    try:
        short = data_set.name.split("/")[-1]
        config = data_set.config or None
        earlier = Cache(repo_id=data_set.name, dataset_name=short, config_name=config, version="auto", hash="auto")
        splits = earlier.as_dataset()
    except Exception:  # nothing was fetched, whatever it raises
        raise InputError(
            f"no folder {data_set.name!r} here, and the hub cannot be reached for a data set of that name",
            "check the network; or save the data set with save_to_disk where there is one, and name that folder",
        ) from None
    for file in splits[_split(data_set, [str(name) for name in splits])].cache_files:
        path = Path(file["filename"])
        yield Member(str(path), f"hf:{data_set.name}/{path.name}")


def _refuse_outside(folder: Path, files: list[str]) -> None:
    for file in files:
        if "://" in file or not Path(file).resolve().is_relative_to(folder.resolve()):
            raise InputError(f"the data set in {folder} takes {file!r}, which lies outside of it", "name that itself")


def _member_name(path: str, folder: Path) -> str:
    on_hub = _HUB_FILE.fullmatch(path)
    if on_hub:
        return f"hf:{on_hub['name']}/{on_hub['path']}"
    return (Path(folder.resolve().name) / Path(path).resolve().relative_to(folder.resolve())).as_posix()


def _shards(data_set: DataSet, builder: Any, files: list[str]) -> Iterator[SourceFile]:
    try:
        count = int(builder.as_streaming_dataset(split=data_set.split).num_shards)
    except Exception as error:  # whatever its builders raise
        raise unreadable(data_set, error) from None
    local_files = [path for path in files if "://" not in path]
    digests = [SourceFile(path, path, Path(path).stat().st_size).digest() for path in local_files]
    public_name = replace(
        data_set, revision="", name=Path(data_set.name).name if local_files else data_set.name, shards=count
    )
    for shard in range(count):
        mark = content_id(data_set.revision, *digests, str(shard), str(count))
        path = str(replace(data_set, shard=shard, shards=count))
        name = str(replace(public_name, shard=shard))
        yield SourceFile(path, name, _SHARD_SIZE, ROWS, mark=mark, behind_mark=tuple(local_files))
