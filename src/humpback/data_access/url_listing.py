"""Lists what is at a URL: files with a size and a mark that changes with their content.

No name holds the passwords and signatures of URLs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from humpback.data_access.run_folders import run_folders_among
from humpback.data_access.urls import filesystem, is_url, public, reaching
from humpback.errors import InputError

_MAGIC = re.compile(r"[*?\[]")
_HTTP = ("http://", "https://")
_HTTP_MAGIC = re.compile(r"[*\[]")
_CHECKSUMS = ("ETag", "etag", "md5Hash", "Content-MD5", "blob_id", "checksum", "crc32c")
_TIMES = ("mtime", "modify", "LastModified", "last_modified", "Last-Modified", "modificationTime", "updated", "created")
"""What file systems call these, the best one first."""
_REQUESTS = 16
"""Files that a server is asked about at a time."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a listing."""

    url: str
    """Everything that is needed to open it: may hold a password or a signature, and is shown to nobody."""
    name: str
    """The URL without those."""
    size: int
    """In bytes; 0 where the server does not tell."""
    mark: str
    """Size and checksum or time, as far as the server tells: changes with the content. Empty where it does not."""
    named: bool
    """Whether the user named this very file."""


def list_url(entry: str, takes: Callable[[str], bool]) -> list[RemoteFile]:
    """The files at a URL: the one it names, those below it, or those that match it.

    Args:
        entry: A URL or a glob on one.
        takes: Whether a file that was not named itself is read, by its name. Over HTTP, where a listing is one of
            links, others are left out.

    Raises:
        InputError: The URL cannot be reached, nothing is there, what is needed to reach it is not installed, or it is a
            run folder.
    """
    http = entry.lower().startswith(_HTTP)
    with reaching(entry):
        files, path = filesystem(entry)
        match = (_HTTP_MAGIC if http else _MAGIC).search(path)
        if match:
            base = path[: path.rfind("/", 0, match.start()) + 1]
            infos = files.glob(path, detail=True)
        else:
            info = files.info(path)
            if info["type"] != "directory" and not (http and path.endswith("/")):
                return [_remote_file(_url(files, entry, info["name"]), info, is_named=True)]
            base = f"{path.rstrip('/')}/"
            infos = files.find(path, detail=True)
        names = [name for name, info in sorted(infos.items()) if info["type"] == "file" and _visible(name, base)]
        names = _without_runs(names, base, entry)
        if http:  # its listings tell no sizes
            names = [name for name in names if takes(public(name))]
            with ThreadPoolExecutor(_REQUESTS) as pool:
                infos = dict(zip(names, pool.map(files.info, names), strict=True))
        return [_remote_file(_url(files, entry, name), infos[name], is_named=False) for name in names]


def _visible(name: str, base: str) -> bool:
    return not any(part.startswith(".") for part in name.removeprefix(base).split("/"))


def _without_runs(names: list[str], base: str, entry: str) -> list[str]:
    runs = tuple(f"{folder}/" for folder in run_folders_among(names))
    if base in runs:
        raise InputError(f"{public(entry)!r} is a run folder, which is never read as data", "name what you mean in it")
    return [name for name in names if not name.startswith(runs)] if runs else names


def _url(files: Any, entry: str, name: str) -> str:
    """The URL of a listed file, which keeps the host and the password of the entry that listed it."""
    if is_url(name):
        return name
    scheme, _, host_and_path = entry.partition("://")
    if name.startswith("/") and host_and_path.partition("/")[0] and "host" in files.storage_options:
        return f"{scheme}://{host_and_path.partition('/')[0]}{name}"
    return str(files.unstrip_protocol(name))


def _remote_file(url: str, info: Mapping[str, Any], *, is_named: bool) -> RemoteFile:
    size = int(info.get("size") or 0)
    marks = [(key, info[key]) for key in (*_CHECKSUMS, *_TIMES) if info.get(key)]
    mark = f"{size} {marks[0][0]} {_plain(marks[0][1])}" if marks else ""
    return RemoteFile(url, public(url), size, mark, is_named)


def _plain(value: object) -> str:
    return str(value.timestamp() if isinstance(value, datetime) else value)
