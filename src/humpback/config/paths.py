"""Paths in settings: '~', environment variables, and the folder that they are relative to.

A settings file that names `docs/` means the folder beside it. Whoever reads the file gives its folder as the context of
the validation; without one, paths stay as they are written.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ValidationInfo

_DATA_SET = re.compile(r"hf:(?!//)(?P<name>[^:@]+)(?P<part>.*)")
_NO_PATH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|file:|installed:|package:|$")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_FILE_NAME = re.compile(r".*\.(?:gguf|jsonl?|ndjson|csv|tsv|parquet|arrow|txt|gz|zst|bz2|xz)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/@]*:(?!\$\{\w+\}@)[^/@]+@")


def cache_folder() -> Path:
    """Where prepared models and digests are kept: `$HUMPBACK_CACHE`, else `~/.cache/humpback`."""
    return Path(os.environ.get("HUMPBACK_CACHE") or Path.home() / ".cache" / "humpback")


def path_in(entry: str, folder: Path, *, or_on_hub: bool = False) -> str:
    """What an entry of a settings file means from the working folder.

    Args:
        entry: A path, a glob, or anything else that names a source or a model; that stays as it is.
        folder: Of the file that names it.
        or_on_hub: Whether 'org/name' is a name on the hub unless there is such a path in the folder.

    Raises:
        ValueError: The path names an environment variable that is not set.
    """
    if data_set := _DATA_SET.fullmatch(entry):
        return f"hf:{path_in(data_set['name'], folder, or_on_hub=True)}{data_set['part']}"
    if _NO_PATH.match(entry):
        return entry
    expanded = str(Path(_with_variables(entry)).expanduser()) if entry.startswith("~") or "$" in entry else entry
    on_hub = or_on_hub and _HUB_NAME.fullmatch(expanded) and not _FILE_NAME.fullmatch(expanded)
    if folder == Path() or (on_hub and not (folder / expanded).exists()):
        return expanded
    return str(folder / expanded)


def path_from(entry: str, folder: Path, *, or_on_hub: bool = False) -> str:
    """What a settings file in a folder calls an entry that was typed in the working folder: see `path_in`."""
    full = path_in(entry, Path.cwd(), or_on_hub=or_on_hub)
    if _DATA_SET.match(entry):
        return full
    is_relative = full != entry and not entry.startswith(("~", "$"))
    return os.path.relpath(full, folder.absolute()) if is_relative and folder.absolute() != Path.cwd() else entry


def _with_variables(path: str) -> str:
    def value(variable: re.Match[str]) -> str:
        name = variable[1] or variable[2]
        if name not in os.environ:
            raise ValueError(f"names the environment variable {name}, which is not set: set it, or write the path out")
        return os.environ[name]

    return path if Path(path).exists() else _VARIABLE.sub(value, path)


def _path(entry: str, validation: ValidationInfo) -> str:
    return path_in(entry, validation.context) if isinstance(validation.context, Path) else entry


def _path_or_hub_name(entry: str, validation: ValidationInfo) -> str:
    return path_in(entry, validation.context, or_on_hub=True) if isinstance(validation.context, Path) else entry


def _without_password(source: str) -> str:
    """The settings are kept in the run folder and its cards; a password must not be."""
    if _PASSWORD.match(source):
        raise ValueError("a URL holds a password: set an environment variable and write ${NAME} in its place")
    return source


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


FileName = Annotated[str, AfterValidator(_path)]
"""A file; empty where none is given."""
Source = Annotated[str, AfterValidator(_without_password), AfterValidator(_path)]
"""Documents: a file, a folder, a glob, a URL or a data set, as `data_access.sources` takes them."""
TableSource = Annotated[str, AfterValidator(_without_password), AfterValidator(_path_or_hub_name)]
"""The same for tables, and the bare name of a data set on the hub."""
OneOrMore = BeforeValidator(_listed)
"""A list, of which a single entry may be written as plain text."""
