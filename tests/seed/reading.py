"""What the tests of the seed share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from humpback.config import SeedSettings
from humpback.records import Dropped, Pair, content_id
from humpback.seed import read_pairs

DATA = Path(__file__).parents[1] / "data" / "seed"
PUBLIC = Path(__file__).parents[3] / "shared" / "data" / "seed"
BEES = ("Why do bees dance?", "Bees dance to show where flowers are.")
PRIME = ("Name a prime.", "Seven.")

needs_public_data = pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public data sets are not beside the checkout")


def read(source: Path | str, **settings: Any) -> list[Pair | Dropped]:
    return list(read_pairs(SeedSettings(source=str(source), **settings)))


def texts(records: list[Pair | Dropped]) -> list[tuple[str, str]]:
    return [(record.instruction, record.response) for record in records if isinstance(record, Pair)]


def reasons(records: list[Pair | Dropped]) -> list[str]:
    return [record.reason for record in records if isinstance(record, Dropped)]


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def numbered_pairs(count: int) -> list[Pair]:
    return [Pair(content_id(str(n)), f"What is {n} + {n}?", str(2 * n), "seed", f"sums#{n}") for n in range(count)]
