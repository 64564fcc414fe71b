"""Documents at URLs: what fsspec can list becomes files with a size and a mark that changes with their content.

Passwords and signatures of URLs stand in no name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from humpback.corpus.reading.fetch import filesystem, is_url, public, reaching

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
    """A file that was found."""

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


def list_url(entry: str, wanted: Callable[[str], bool]) -> list[RemoteFile]:
    """The files at a URL: the one it names, those below it, or those that match it.

    Args:
        entry: A URL or a glob on one.
        wanted: Whether a file that was not named itself is a document, by its name.

    Raises:
        InputError: The URL cannot be reached, nothing is there, or what is needed to reach it is not installed.
    """
    http = entry.lower().startswith(_HTTP)
    with reaching(entry):
        files, path = filesystem(entry)
        match = (_HTTP_MAGIC if http else _MAGIC).search(path)
        if match:
            base = path[: path.rfind("/", 0, match.start()) + 1]
            found = files.glob(path, detail=True)
        else:
            info = files.info(path)
            if info["type"] != "directory" and not (http and path.endswith("/")):
                return [_remote_file(_url(files, entry, info["name"]), info, named=True)]
            base = f"{path.rstrip('/')}/"
            found = files.find(path, detail=True)
        names = [name for name, info in sorted(found.items()) if info["type"] == "file" and _visible(name, base)]
        names = [name for name in names if wanted(public(name))]
        if http:  # its listings tell no sizes
            with ThreadPoolExecutor(_REQUESTS) as pool:
                found = dict(zip(names, pool.map(files.info, names), strict=True))
        return [_remote_file(_url(files, entry, name), found[name], named=False) for name in names]


def _visible(name: str, base: str) -> bool:
    return not any(part.startswith(".") for part in name.removeprefix(base).split("/"))


def _url(files: Any, entry: str, name: str) -> str:
    """The URL of a file that was found, which keeps the host and the password of the one it was found by."""
    if is_url(name):
        return name
    scheme, _, rest = entry.partition("://")
    if name.startswith("/") and rest.partition("/")[0] and "host" in files.storage_options:
        return f"{scheme}://{rest.partition('/')[0]}{name}"
    return str(files.unstrip_protocol(name))


def _remote_file(url: str, info: Mapping[str, Any], *, named: bool) -> RemoteFile:
    size = int(info.get("size") or 0)
    seen = [(key, info[key]) for key in (*_CHECKSUMS, *_TIMES) if info.get(key)]
    mark = f"{size} {seen[0][0]} {_plain(seen[0][1])}" if seen else ""
    return RemoteFile(url, public(url), size, mark, named)


def _plain(value: object) -> str:
    return str(value.timestamp() if isinstance(value, datetime) else value)
