"""The scripts that measure recovered gain, on a dry run: they plan, do what they say, and stop before any M_1."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.corpus_fixtures import STEPS, TOPICS, paragraph

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
ARMS = {
    "seed": {},
    "oracle": {"scorer": "random", "candidates": "planted", "instructions": "hidden"},
    "ours": {"scorer": "answer-likelihood"},
    "chosen": {"scorer": "random", "settings": {"corpus.choose.share": 0.5, "corpus.choose.by": "words"}},
}


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.jsonl"
    pairs = [(f"How do I {step} {topic}?", paragraph(topic + step, 7)) for topic in TOPICS for step in STEPS[:4]]
    path.write_text("".join(json.dumps({"instruction": x, "response": y}) + "\n" for x, y in pairs))
    return path


@pytest.fixture
def grid(settings, documents, tmp_path):
    path = tmp_path / "grid.yaml"
    settings["seed"] |= {"limit": 24}
    recover = {"planted": 8, "development": 4, "min_chars": 300, "max_chars": 1500}
    recover["distractors"] = {"guides": [str(documents)]}
    path.write_text(
        yaml.safe_dump({"settings": settings, "arms": ARMS, "recover": recover, "sizes": [4], "seeds": 1}),
        encoding="utf-8",
    )
    return path


def test_the_quick_figures_need_no_m_1(grid, people, documents, tmp_path):
    command = [sys.executable, ROOT / "benchmarks" / "recovered_gain.py", "--quick", "--grid", grid, "--pairs", people]
    command += ["--distractors", f"guides={documents}", "--out", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for part in ("What instructions are worth", "`ratings-1.answer-likelihood`", "`chosen", "seconds"):
        assert part in done.stdout
    assert not list((tmp_path / "out" / "stages").glob("forward-1*"))


def test_the_script_for_a_gpu_names_the_distractors(grid, people, documents, tmp_path):
    script = [ROOT / "benchmarks" / "gpu_recover.sh", tmp_path / "out", people, f"guides={documents}"]
    environment = os.environ | {"GRID": str(grid), "PYTHON": sys.executable, "PLAN": "1"}
    planned = subprocess.run(script, env=environment, capture_output=True, text=True, check=True)
    assert "distractors.guides" in planned.stdout
    assert "0 of 5 cells" in planned.stdout


def test_processes_share_the_arms_and_what_they_finish_is_collected(grid, people, documents, tmp_path):
    script = [ROOT / "benchmarks" / "gpu_recover.sh", tmp_path / "out", people, f"guides={documents}"]
    environment = os.environ | {"GRID": str(grid), "PYTHON": sys.executable, "PROCESSES": "2"}
    subprocess.run(script, env=environment, capture_output=True, text=True, check=True)
    assert "5 of 5 cells" in (tmp_path / "out" / "results.md").read_text()
    assert not list(tmp_path.glob("out.part*"))
