"""Tokenised pairs on the disk: written as they stream by, read where they lie, kept for the next training.

A file is named after all that decides it (the pairs, the direction, tags, template, tokenizer, longest example), so
that a training that is gone on with, or tried again with another rate, does not tokenise again. It is an Arrow stream
that is mapped into memory: a million pairs take the memory of their lengths.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset

from humpback.config import TagSettings
from humpback.config.paths import cache_folder
from humpback.data_access.atomic import atomic_folder
from humpback.models.template import Example, Template
from humpback.prompts import prompt_digest
from humpback.records import Direction, Dropped, Pair
from humpback.training.examples import build_example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_VERSION = "1"
_LAYOUT = ".2"
"""Ends the names of folders, and counts what lies in them; raised when a column is added to the same tokens."""

_SCHEMA = pa.schema({"input_ids": pa.list_(pa.int32()), "start": pa.int32(), "from_seed": pa.bool_()})
_ROWS = 1000
"""Examples that are written together."""

_CACHE_BYTES = 4 << 30
"""Most that the cache holds; the files that were not used for longest go first."""

_FILE, _SUMMARY_FILE = "tokens.arrow", "about.json"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Examples that lie on the disk.

    Attributes:
        folder: Where they lie.
        content: Digest of all that decides them.
        rows: Columns `input_ids`, `start` and `from_seed`, mapped from the disk.
        lengths: Tokens of each example, prompt and target together.
        starts: Where each target begins.
        from_seed: Whether each comes from a seed pair; the others are augmented.
        read: Pairs that were read.
        dropped: How many of them gave no example, by reason.
    """

    folder: Path
    content: str
    rows: Dataset
    lengths: np.ndarray[Any, np.dtype[np.int32]]
    starts: np.ndarray[Any, np.dtype[np.int32]]
    from_seed: np.ndarray[Any, np.dtype[np.bool_]]
    read: int
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int) -> Example:
        """One example."""
        row = self.rows[int(index)]
        return Example(tuple(row["input_ids"]), int(row["start"]))


class Rendered(NamedTuple):
    """What became of one pair: tokens, or why there are none."""

    example: Example | Dropped
    from_seed: bool
    """Whether it is a seed pair; else it is augmented."""


def tokenise(
    pairs: Iterable[Pair],
    direction: Direction,
    tokenizer: PreTrainedTokenizerBase,
    tags: TagSettings,
    max_tokens: int,
    cache_bytes: int = _CACHE_BYTES,
) -> Tokens:
    """Renders pairs for training, or finds them rendered.

    Args:
        pairs: What to learn from; gone through twice, first to know whether they are rendered already.
        direction: Which side is the target.
        tokenizer: Of the model that is trained.
        tags: S_a and S_w; used forwards only.
        max_tokens: Longest example.
        cache_bytes: Most that the cache holds when this is done, what is used now aside.
    """
    template = Template(tokenizer)
    content = _content(pairs, direction, tokenizer, tags, max_tokens)
    folder = cache_folder() / "tokens" / f"{content}{_LAYOUT}"
    if not (folder / _SUMMARY_FILE).exists():
        with atomic_folder(folder) as temporary:
            examples = ((build_example(pair, direction, template, tags, max_tokens), pair.origin) for pair in pairs)
            write_tokens((Rendered(example, origin == "seed") for example, origin in examples), temporary)
    os.utime(folder)
    _delete_oldest(folder.parent, folder, cache_bytes)
    return open_tokens(folder)


def write_tokens(pairs: Iterable[Rendered], folder: Path) -> None:
    """Writes examples to a folder, and what was dropped as counts."""
    dropped: Counter[str] = Counter()
    read = 0

    def valid() -> Iterator[tuple[Example, bool]]:
        nonlocal read
        for example, from_seed in pairs:
            read += 1
            if isinstance(example, Dropped):
                dropped[example.reason] += 1
            else:
                yield example, from_seed

    with pa.OSFile(str(folder / _FILE), "wb") as file, pa.ipc.new_stream(file, _SCHEMA) as writer:
        for window in _windows(valid()):
            ids = pa.array([example.ids for example, _ in window], pa.list_(pa.int32()))
            starts = pa.array([example.start for example, _ in window], pa.int32())
            from_seed = pa.array([from_seed for _, from_seed in window], pa.bool_())
            writer.write_batch(pa.record_batch([ids, starts, from_seed], schema=_SCHEMA))
    summary = {"read": read, "dropped": dict(sorted(dropped.items()))}
    (folder / _SUMMARY_FILE).write_text(json.dumps(summary), encoding="utf-8")


def open_tokens(folder: Path) -> Tokens:
    """The examples of a folder that `write_tokens` filled."""
    summary = json.loads((folder / _SUMMARY_FILE).read_text(encoding="utf-8"))
    rows = Dataset.from_file(str(folder / _FILE))
    table = rows.data.table
    lengths = pc.list_value_length(table["input_ids"]).to_numpy().astype(np.int32)
    starts = table["start"].to_numpy().astype(np.int32)
    from_seed = table["from_seed"].to_numpy().astype(np.bool_)
    content = folder.name.removesuffix(_LAYOUT)
    return Tokens(folder, content, rows, lengths, starts, from_seed, int(summary["read"]), summary["dropped"])


def _content(
    pairs: Iterable[Pair], direction: Direction, tokenizer: PreTrainedTokenizerBase, tags: TagSettings, max_tokens: int
) -> str:
    digest = hashlib.blake2b(digest_size=16)
    head = [_VERSION, direction, prompt_digest(direction), Template(tokenizer).identity, _identity(tokenizer)]
    for text in (*head, tags.model_dump_json(), str(max_tokens)):
        digest.update(text.encode() + b"\0")
    for pair in pairs:
        for text in (pair.instruction, pair.response, pair.origin):
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _identity(tokenizer: PreTrainedTokenizerBase) -> str:
    """Of everything that makes a text into tokens."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    serialised = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return hashlib.blake2b(str(serialised).encode(), digest_size=16).hexdigest()


def _windows(examples: Iterator[tuple[Example, bool]]) -> Iterator[list[tuple[Example, bool]]]:
    window: list[tuple[Example, bool]] = []
    for example in examples:
        window.append(example)
        if len(window) == _ROWS:
            yield window
            window = []
    if window:
        yield window


def _delete_oldest(cache: Path, used: Path, cache_bytes: int) -> None:
    """Deletes the folders that were not used for longest. A training that has mapped one keeps its content."""
    total = 0
    for folder in sorted(cache.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True):
        file = folder / _FILE
        total += file.stat().st_size if file.exists() else 0
        if total > cache_bytes and folder != used:
            shutil.rmtree(folder, ignore_errors=True)
