"""The benchmark of choosing runs on a tiny model and finds answers that are planted among other texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "choosing.py"


def test_planted_answers_are_found_by_words(tiny_model: Path, tmp_path: Path):
    pairs = [{"instruction": f"Why {n}?", "response": f"Whale {n} sings of the sea. " * 3} for n in range(60)]
    segments = [{"text": f"Run server {n} with the flag --port {n}. " * 3} for n in range(80)]
    for name, rows in (("pairs", pairs), ("segments", segments)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [
        sys.executable, str(SCRIPT), "--seed", str(tmp_path / "pairs.jsonl"), "--model", str(tiny_model),
        "--segments", str(tmp_path / "segments.jsonl"), "--answers", "30", "--planted", "20", "--min-chars", "10",
        "--sample", "60", "--json", str(tmp_path / "out.json"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads((tmp_path / "out.json").read_text())

    assert (figures["planted"], figures["passages"]) == (20, 100)
    assert figures["results"]["words"]["auroc"] == 1
    assert figures["results"]["words"]["planted_of_best_20%"] == 1
    assert figures["results"]["hidden"]["read_by_the_model"] == 100
    assert 40 <= figures["results"]["hidden_of_best_half"]["read_by_the_model"] <= 60
