"""The rows of a source that holds tables or text lines, where every row counts.

For seed data, pairs, segments, labels, ratings, prompt sets and evaluation tables. A source is whatever
`data_access.sources` takes, the pairs that ship, or the bare name 'org/name' of a data set on the hub. What cannot be
read to its end is one `InputError`: no row of a broken file is passed over silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from humpback.data_access.data_sets import ROWS, is_saved, newest_commit
from humpback.data_access.source_file import SourceFile, ending_and_compression
from humpback.data_access.sources import TABLES, Selection, entry_of, find_files
from humpback.data_access.tables import DAMAGE, BadRow, table_rows
from humpback.data_access.tables import Row as Row
from humpback.data_access.tables import Values as Values
from humpback.data_access.urls import is_url, public
from humpback.errors import InputError
from humpback.records import content_id

NumberedRow: TypeAlias = tuple[int, Values]
"""A row with its number, counted from 1 through all files of its source."""

PROMPT_FILES = (*TABLES, ".txt")
"""Tables, and text files with a prompt on each line."""
_HINTS = {
    "not JSON": "write each row as an object with named fields, or delete it",
    "too many fields": "put fields that hold commas or line breaks in double quotes",
    "too long": "shorten it",
}
_NOT_UTF_8 = "'utf-8' codec can't decode"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a source, in the order in which their rows are read."""

    files: tuple[SourceFile, ...]
    name: str = ""
    """Name of a data set of which the rows are numbered through all files; empty where each is called by its file."""


def table_ending(path: str | Path) -> str:
    """The ending that says how a table is read, its compression aside; empty where it is no table."""
    ending = ending_and_compression(str(path))[0]
    return ending if ending in TABLES else ""


def read_rows(source: str | Path, *, setting: str = "") -> Iterator[Row]:
    """Every row of a source, one at a time where its format allows.

    Args:
        source: A source of tables.
        setting: The setting that names it, for messages.

    Raises:
        InputError: There is no such source, or it holds no table, or cannot be read, or a row is no object.
    """
    return rows_of(resolve(source, Selection(setting=setting, outside_links=True)))


def rows_of(source: Source) -> Iterator[Row]:
    """Every row of a source that is resolved. Raises as `read_rows`."""
    number = 0
    for file in source.files:
        for row in rows_of_file(file):
            number += 1
            yield row._replace(name=f"{source.name}#{number}") if source.name else row


def file_rows(source: str | Path, *, text_lines: bool = False) -> Iterator[NumberedRow]:
    """As `read_rows`, with numbers: of a file those of its lines or rows, of several files counted through all.

    Args:
        source: A source of tables.
        text_lines: Read text files too, each line as a row with the one column `text`; and as such every file that is
            named and is no table.
    """
    selection = Selection(outside_links=True)
    if text_lines:
        selection = replace(selection, endings=PROMPT_FILES, any_ending=Path(source).is_file())
    resolved = resolve(source, selection)
    for count, row in enumerate(rows_of(resolved), start=1):
        yield int(row.name.rpartition("#")[2]) if len(resolved.files) == 1 else count, row.values


def file_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that are not blank, each with its number, counted from 1.

    Raises:
        InputError: The file is missing, damaged or not UTF-8.
    """
    for file in find_files(str(path), Selection(any_ending=True)):
        for row in rows_of_file(replace(file, ending="")):
            yield int(row.name.rpartition("#")[2]), str(row.values["text"])


def source_digest(source: str | Path, *, setting: str = "") -> str:
    """What a source holds, as a short text that changes when its content does: for recipes.

    Returns:
        A digest of all bytes of a file, of names and bytes of several; 'org/name@commit' for a data set that is
        named so, or its bare name where the hub cannot be reached.

    Raises:
        InputError: There is no such source, or it cannot be read.
    """
    name = entry_of(source)
    if _is_hub_name(name):
        commit = newest_commit(name)
        return f"{name}@{commit}" if commit else name
    path = Path(name).expanduser()
    if path.is_dir() and is_saved(path):
        members = sorted(
            member
            for member in path.rglob("*")
            if member.is_file() and not any(part.startswith(".") for part in member.relative_to(path).parts)
        )
        # All files count, not only the tables: the others say which of these are valid.
        return content_id(
            *names_and_digests(SourceFile(str(member), member.relative_to(path).as_posix(), 0) for member in members)
        )
    resolved = resolve(name, Selection(setting=setting, outside_links=True))
    parts = names_and_digests(resolved.files)
    return parts[1] if len(resolved.files) == 1 and not path.is_dir() else content_id(*parts)


def names_and_digests(files: Iterable[SourceFile]) -> list[str]:
    """The name of each file, and behind it the digest of all its bytes.

    Raises:
        InputError: A file cannot be read.
    """
    texts = []
    for file in files:
        with readable(file):
            texts += [file.name, file.full_digest()]
    return texts


def resolve(source: str | Path, selection: Selection) -> Source:
    """The files of a source of rows.

    Raises:
        InputError: There is no such source, or it holds nothing that is selected.
    """
    source = entry_of(source)
    if _is_hub_name(source):
        return Source(tuple(find_files(f"hf:{source}", selection)), source)
    members = find_files(source, selection)
    path = Path(source).expanduser()
    if path.is_dir() and is_saved(path):
        return Source(tuple(members), path.name)
    if any(file.distribution for file in members):
        raise InputError(f"{source!r} holds documents, no tables", "name a file, a folder or a data set with tables")
    # By the parts of their names, so that the files of a folder stay together.
    return Source(tuple(sorted(members, key=lambda file: file.name.split("/"))) if path.is_dir() else tuple(members))


def _is_hub_name(source: str) -> bool:
    """Whether it is the bare name of a data set on the hub, and not a path."""
    return bool(_HUB_NAME.fullmatch(source)) and not table_ending(source) and not Path(source).exists()


def rows_of_file(file: SourceFile) -> Iterator[Row]:
    """Every row of one file. Raises as `read_rows`."""
    with readable(file):
        for row in table_rows(file, counted=True):
            if isinstance(row, BadRow):
                position = f"row {row.name.rpartition('#')[2]} of the file {_public_path(file)}"
                if row.detail.startswith(_NOT_UTF_8):
                    raise InputError(f"{position} is not UTF-8", "save the file as UTF-8")
                raise InputError(f"{position} cannot be read: {row.reason} ({row.detail})", _HINTS[row.reason])
            yield row


def input_digest(name: str) -> str:
    """The digest of a file that settings name, of which all bytes count; of other sources that of all their files.

    Raises:
        InputError: It is not there, or cannot be read.
    """
    path = Path(name)
    if not path.is_file():
        return content_id(*names_and_digests(resolve(name, Selection(any_ending=True)).files))
    file = local_file(name)
    with readable(file):
        whole_digest = file.whole_digest()
        return content_id(file.digest(), whole_digest) if whole_digest else file.digest()


def local_file(name: str) -> SourceFile:
    """A file of this machine that settings name."""
    return SourceFile(name, name, Path(name).stat().st_size)


@contextmanager
def readable(file: SourceFile) -> Iterator[None]:
    """Turns everything that a damaged file makes the libraries raise into one line for the user."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"no file {_public_path(file)}", "name a file that is there") from None
    except UnicodeDecodeError as error:
        raise InputError(f"the file {_public_path(file)} is not UTF-8 ({error.reason})", "save it as UTF-8") from None
    except DAMAGE as error:
        message = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"cannot read the file {_public_path(file)} ({message})", "check the file or fetch it again"
        ) from None


def _public_path(file: SourceFile) -> str:
    return public(file.path) if is_url(file.path) and file.ending != ROWS else file.path
