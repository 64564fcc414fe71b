"""A small corpus and a small seed, on disk as a user has them."""

import json
import random
from pathlib import Path

import pytest
import yaml

TOPICS = ("bread", "harbours", "tides", "glass", "maps", "bees", "clocks", "salt", "ink", "kites", "moss", "rope")
STEPS = ("choose", "clean", "measure", "weigh", "cut", "join", "test", "store", "label", "repair", "sell", "describe")


WORDS = (
    "the old workshop keeps every tool near a window so light falls on what people do with their hands while rain "
    "drums against tin roofs and nobody hurries because good work takes time and patience grows from small careful "
    "steps that begin with looking at material before any blade touches it then one measures twice marks a line and "
    "cuts slowly until both parts meet without force after that glue needs an hour of rest under weights of stone"
).split()


def paragraph(topic: str, number: int) -> str:
    """About 700 characters of English that does not repeat itself."""
    draw = random.Random(f"{topic} {number}")
    sentences = (" ".join([f"For {topic}", *draw.sample(WORDS, 14)]) + "." for _ in range(8))
    return " ".join(sentences)


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Twelve Markdown guides with two sections each."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for number, topic in enumerate(TOPICS):
        text = f"# About {topic}\n\nShort.\n\n"
        for part in range(2):
            text += f"## How to work with {topic}, part {part + 1}\n\n{paragraph(topic, number + 5 * part)}\n\n"
        (folder / f"{topic}.md").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def seed_file(tmp_path: Path) -> Path:
    """Twenty-four pairs."""
    path = tmp_path / "seed.jsonl"
    rows = [
        {"instruction": f"Tell me how to {step} {topic}.", "response": f"First look at the {topic}, then {step} them."}
        for topic, step in zip(TOPICS * 2, STEPS + STEPS[::-1], strict=True)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def settings(documents: Path, seed_file: Path) -> dict:
    """A run with the fake engine."""
    return {
        "run": {"shard_rows": 4},
        "model": {"engine": "fake"},
        "seed": {"source": str(seed_file), "holdout_min": 6},
        "corpus": {"documents": [str(documents)], "segment": {"min_chars": 300, "max_chars": 1200}},
        "curate": {"select": {"top_share": 0.5}},
    }


@pytest.fixture
def config_file(tmp_path: Path, settings: dict) -> Path:
    """The same as a file."""
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path
