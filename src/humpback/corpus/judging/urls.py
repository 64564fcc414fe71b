"""Addresses that are not read: block lists from files, and the words of pages for adults.

A block list has an entry on each line: a host or domain (`example.net`, which blocks all hosts under it), or the start
of an address (`example.net/forum`, which blocks every address that goes on from there at a `/`, `?` or `#`). Lines of
hosts files (`0.0.0.0 example.net`) and of ad blockers (`||example.net^`) are read too. Entries are stored as
hashes of 8 bytes, so a list of five million domains takes 40 MB.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from humpback.config import UrlSettings
from humpback.corpus.parsing.sections import words
from humpback.data_access.source_file import COMPRESSIONS, SourceFile
from humpback.errors import InputError

_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]{0,20}:/{2}", re.IGNORECASE)
_QUERY = re.compile(r"[?#]")
_TOKEN = re.compile(r"[^\W_]+")
_LONGEST = 2000
"""Characters of an address that are examined."""
_LONGEST_TOKEN = 60
_LONGEST_LINE = 10_000
_HINT = "set corpus.urls.blocklists"
_HOSTS_FILE = ("0.0.0.0", "127.0.0.1", "::1", "::", "255.255.255.255", "fe80::1%lo0")  # noqa: S104 - not bound to


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address is not read."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AdultWords:
    """The words in addresses of pages for adults, by how certain they are."""

    certain: frozenset[str]
    likely: frozenset[str]
    companion: frozenset[str]

    def of(self, address: str) -> str | None:
        """The words that mark an address, or None."""
        likely: set[str] = set()
        for token in _TOKEN.findall(address.lower()):
            parts = self._parts(token) if len(token) <= _LONGEST_TOKEN else ()
            if not parts:
                continue
            likely.update(self.likely.intersection(parts))
            sure = self.certain.intersection(parts) or (self.likely.intersection(parts) and len(parts) > 1)
            if sure or len(likely) > 1:
                return " ".join(parts) if sure else " ".join(sorted(likely))
        return None

    def _parts(self, token: str) -> tuple[str, ...]:
        """The listed words that the whole token is made of, fewest first; none where it is not."""
        if token in self.certain or token in self.likely:
            return (token,)
        ends: list[tuple[str, ...] | None] = [()] + [None] * len(token)
        for end in range(1, len(token) + 1):
            for start in range(max(0, end - 16), end):
                before, word = ends[start], token[start:end]
                if before is not None and (word in self.certain or word in self.likely or word in self.companion):
                    shortest = ends[end]
                    if shortest is None or len(before) + 1 < len(shortest):
                        ends[end] = (*before, word)
        parts = ends[-1] or ()
        return parts if self.certain.union(self.likely).intersection(parts) else ()


@dataclass(frozen=True, slots=True)
class Addresses:
    """The rules for addresses, ready for use."""

    blocked: npt.NDArray[np.uint64]
    """Hashes of the entries of all block lists, sorted."""
    adult: AdultWords | None
    for_machines: tuple[str, ...] = ()

    def refuse(self, source: str) -> Refusal | None:
        """Why a document with this source is not read. None if it is read, or if its source is no address."""
        if not _SCHEME.match(source):
            return None
        host, rest = _parts(source)
        for entry in _entries(host, rest) if len(self.blocked) else ():
            if self._holds(entry):
                return Refusal("blocked address", f"the block list has {entry}")
        path = _QUERY.split(rest, maxsplit=1)[0].lower()
        for prefix in self.for_machines:
            if path == prefix or (prefix.endswith("/") and path.startswith(prefix)):
                return Refusal("address for machines", f"the address is /{prefix}")
        word = self.adult.of(f"{host}/{rest}") if self.adult else None
        return Refusal("adult address", f"the address says {word!r}") if word else None

    def _holds(self, entry: str) -> bool:
        hashed = _hash(entry)
        at = int(np.searchsorted(self.blocked, hashed))
        return at < len(self.blocked) and int(self.blocked[at]) == hashed


def addresses(settings: UrlSettings) -> Addresses:
    """The rules as set. Lists are read once a process, and again when their files change.

    Raises:
        InputError: A block list cannot be read.
    """
    stamps = []
    for name in settings.blocklists:
        try:
            state = Path(name).stat()
        except OSError as error:
            raise InputError(f"block list {name}: {error.strerror or error}", _HINT) from None
        stamps.append((state.st_mtime_ns, state.st_size))
    adult = adult_words() if settings.adult else None
    return Addresses(_blocked(settings.blocklists, tuple(stamps)), adult, settings.for_machines)


@lru_cache(maxsize=1)
def adult_words() -> AdultWords:
    """The list that ships, `adult.txt`."""
    groups: dict[str, str] = {}
    group = ""
    for line in files("humpback.corpus.judging").joinpath("adult.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            group = line.strip("[] ")
        elif not line.startswith("#"):
            groups[group] = f"{groups.get(group, '')} {line}"
    return AdultWords(words(groups["certain"]), words(groups["likely"]), words(groups["companion"]))


@lru_cache(maxsize=2)
def _blocked(names: tuple[str, ...], stamps: tuple[tuple[int, int], ...]) -> npt.NDArray[np.uint64]:
    hashes = np.fromiter((_hash(entry) for name in names for entry in _listed(name)), dtype=np.uint64)
    return np.unique(hashes)


def _listed(name: str) -> Iterator[str]:
    """The entries of a file, in the normal form of addresses."""
    path = Path(name)
    compression = path.suffix if path.suffix in COMPRESSIONS else ""
    try:
        with SourceFile(name, path.name, 0, compression=compression).open() as stream:
            for number, line in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b""), 1):
                if b"\0" in line:
                    raise InputError(f"block list {name} line {number} is not text", _HINT)
                if entry := _entry(line):
                    yield entry
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"block list {name}: {error}", _HINT) from None


def _entry(line: bytes) -> str:
    """The host, domain or start of an address on a line; empty where there is none."""
    text = line.partition(b"#")[0].decode("utf-8", "replace").strip()
    fields = text.removeprefix("||").rstrip("^").split()
    if not fields or text.startswith(("!", "[")):
        return ""
    host, path = _parts(fields[1] if len(fields) > 1 and fields[0] in _HOSTS_FILE else fields[0])
    return f"{host}/{path}" if path else host


def _parts(address: str) -> tuple[str, str]:
    """Host and path of an address in one form: no scheme, user, port or `www.`, no slash at the end."""
    bare = _SCHEME.sub("", address[:_LONGEST])
    cut = next((at for at, character in enumerate(bare) if character in "/?#"), len(bare))
    host = bare[:cut].rpartition("@")[2].partition(":")[0].lower().strip(".")
    return host.removeprefix("www."), bare[cut:].strip("/")


def _entries(host: str, path: str) -> Iterator[str]:
    """Every entry that would block an address: its domains, and its beginnings."""
    labels = host.split(".")
    for at in range(len(labels)):
        yield ".".join(labels[at:])
    for match in re.finditer(r"[/?#]|$", path):
        if match.start():
            yield f"{host}/{path[: match.start()]}"


def _hash(entry: str) -> int:
    return int.from_bytes(blake2b(entry.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
