"""The small run that is tortured, and what it must leave."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from tests.corpus_fixtures import TOPICS, paragraph


def small_config(folder: Path) -> Path:
    """Three documents, eight pairs, one iteration, the fake engine, one process; every stage has two shards."""
    documents = folder / "docs"
    documents.mkdir(parents=True)
    for topic in TOPICS[:3]:
        parts = "\n\n".join(f"## How to work with {topic}, part {n}\n\n{paragraph(topic, n)}" for n in range(2))
        (documents / f"{topic}.md").write_text(f"# About {topic}\n\n{parts}\n", encoding="utf-8")
    pairs = [{"instruction": f"Tell me about {topic}.", "response": f"First look at the {topic}."} for topic in TOPICS]
    seed = folder / "seed.jsonl"
    seed.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")
    settings = {
        "run": {"shard_rows": 3, "iterations": 1, "workers": 1},
        "model": {"engine": "fake"},
        "seed": {"source": str(seed), "holdout_min": 4},
        "corpus": {"documents": [str(documents)], "segment": {"min_chars": 300, "max_chars": 1200}},
        "curate": {"select": {"top_share": 0.5}},
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def records(run: Path) -> dict[str, str]:
    """A digest of the records of each shard and ledger, of each exported row, and of each file of a model."""
    digests = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if "work" in path.relative_to(run).parts[:-1]:
            continue
        if path.suffix == ".parquet" and name.startswith("stages/"):
            content = _rows(path)
        elif (path.suffix == ".jsonl" and name.startswith("export/")) or ("/model/" in name and path.is_file()):
            content = path.read_bytes()
        else:
            continue
        digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def _rows(path: Path) -> bytes:
    try:
        return json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
    except (OSError, ValueError):  # damaged, and of a stage that nothing reads any more
        return path.read_bytes()
