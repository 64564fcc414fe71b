"""`humpback finetune` from outside: killed in the middle, and gone on with by the same command."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from humpback.records import Pair
from tests.command import humpback, mistake
from tests.killing import appeared


@pytest.fixture
def command(pairs: list[Pair], tiny_model: Path, tmp_path: Path) -> list[str]:
    file = tmp_path / "pairs.jsonl"
    rows = [{"instruction": pair.instruction, "response": pair.response} for pair in pairs]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    settings = {
        "model.device": "cpu", "forward.steps": 60, "forward.batch_size": 4, "forward.checkpoint_steps": 3,
        "forward.learning_rate": 1e-3, "forward.final_learning_rate": 1e-4,
    }  # fmt: skip
    changes = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return ["finetune", str(file), "--model", str(tiny_model), *changes]


@pytest.mark.kill
@pytest.mark.training
@pytest.mark.slow
def test_the_same_command_goes_on_after_a_kill(command: list[str], tmp_path: Path) -> None:
    """60 steps are made; the kill comes at the first checkpoint that is complete."""
    out, work = tmp_path / "m-0", tmp_path / ".m-0.work"
    typed = [sys.executable, "-m", "humpback", *command, "--out", str(out)]
    with subprocess.Popen(typed, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not appeared(work, "stages/model/work/checkpoint-*/complete"):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    done = humpback(*command, "--out", out)
    assert done.returncode == 0, done.stderr
    again = re.search(r" \(the first (\d+) before\)", done.stdout)
    assert again is not None
    assert 3 <= int(again[1]) < 60
    assert not work.exists()
    whole = humpback(*command, "--out", tmp_path / "whole")
    assert whole.stdout.replace("whole", "m-0") == done.stdout.replace(again[0], "")
    left, right = (load_file(folder / "model.safetensors") for folder in (out, tmp_path / "whole"))
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_mistake_leaves_nothing_behind(command: list[str], tmp_path: Path) -> None:
    out = tmp_path / "m-0"
    assert "forward.warmup_steps" in mistake(*command, "--out", out, "--set", "forward.warmup_steps=60")
    assert not list(tmp_path.glob("*m-0*"))


@pytest.fixture
def curated(tmp_path: Path) -> Path:
    """What the chain of single commands has made of two segments."""
    segments, candidates = tmp_path / "segments.jsonl", tmp_path / "candidates.jsonl"
    ratings, out = tmp_path / "ratings.jsonl", tmp_path / "curated.jsonl"
    texts = ("Salt keeps fish.\nIt draws the water out.", "The wall keeps the sea from the harbour.")
    segments.write_text("\n".join(json.dumps({"text": text, "source": "a.html"}) for text in texts))
    fake = ("--model", "fake", "--set", "model.engine=fake")
    assert humpback("instruct", segments, *fake, "--out", candidates).returncode == 0
    assert humpback("rate", candidates, *fake, "--set", "curate.scorer=length", "--out", ratings).returncode == 0
    done = humpback("select", candidates, ratings, "--set", "curate.select.top_share=1", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_seed_and_augmented_pairs_carry_their_own_tags(command: list[str], curated: Path) -> None:
    shown = humpback(*command, "--augmented", curated, "--show", "1").stdout.replace("│", "")
    seed_example, augmented_example = shown.split("\n1  ")[-1].split("\n2  ")
    assert "seed, forward" in seed_example
    assert "style of an AI Assistant" in seed_example
    assert "augmented, forward" in augmented_example
    assert "knowledge from web search" in augmented_example
    assert "style of an AI Assistant" not in augmented_example


@pytest.mark.training
def test_the_chain_of_single_commands_reaches_m_1(command: list[str], curated: Path, tmp_path: Path) -> None:
    short = ("--set", "forward.steps=2", "--out", tmp_path / "m-1")
    done = humpback(*command, "--augmented", curated, *short)
    assert done.returncode == 0, done.stderr
    assert "m-1: 22 pairs, 2 steps" in done.stdout
    modes = {file.name: file.stat().st_mode for file in (tmp_path / "m-1").iterdir()}
    assert modes["model.safetensors"] == modes["humpback.json"], "as the umask says"
    assert "made by the same command" in humpback(*command, "--augmented", curated, *short).stdout
    assert "made with other settings: augmented-1 changed" in mistake(*command, *short)


def test_augmented_pairs_are_not_taken_for_seed_pairs(command: list[str], curated: Path, tmp_path: Path) -> None:
    wrong = [str(curated) if word.endswith("pairs.jsonl") else word for word in command]
    line = mistake(*wrong, "--out", tmp_path / "m-1")
    assert f"{curated} holds augmented pairs" in line
    assert "--augmented" in line
    assert not (tmp_path / "m-1").exists()
