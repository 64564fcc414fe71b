"""A run whose models answer in batches: the same records, whatever stops it on the way, and nothing paid for twice."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from humpback.records import Rating
from humpback.runs.store import Run
from tests.command import humpback
from tests.engines.batch_server import BatchServer
from tests.engines.loopback import serving
from tests.killing import appeared, kill_when, typed
from tests.method.test_roles import respond, untrained


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with serving(BatchServer(respond)) as it:
        yield it


@pytest.fixture
def served(settings: dict, server: BatchServer) -> dict:
    return untrained(settings, {"base_url": server.url, "batch": True})


def config(settings: dict, folder: Path) -> Path:
    path = folder / "served.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def made(out: Path) -> list[object]:
    ratings = list(Run(out).stage("ratings-1").records(Rating))
    return [ratings, (out / "export/dataset/messages/train.jsonl").read_text()]


def test_a_run_in_batches_makes_what_one_without_makes(served, server, tmp_path):
    path, plain = config(served, tmp_path), "models.{}.server.batch=false"
    changes = [part for role in ("writer", "rater") for part in ("--set", plain.format(role))]
    for out, options in (("plain", changes), ("batches", [])):
        done = humpback("run", path, "--out", tmp_path / out, *options)
        assert done.returncode == 0, done.stderr
    assert made(tmp_path / "plain") == made(tmp_path / "batches")
    assert server.sizes == [23, 23], "one for each stage: the first request goes directly"
    again = humpback("run", path, "--out", tmp_path / "batches", *changes)
    assert again.returncode == 0, "nothing is stale"
    assert "stale" not in humpback("status", tmp_path / "batches").stdout
    assert len(server.bodies) == 96


@pytest.mark.kill
@pytest.mark.slow
def test_a_run_that_is_killed_between_upload_and_download_pays_once(served, server, tmp_path):
    path, out = config(served, tmp_path), tmp_path / "run"
    server.open.clear()
    for _ in range(2):
        assert kill_when(typed("run", path, "--out", out), out / "stages/candidates/work/batches", "*.json")
    stages = out / "stages"
    server.open.set()
    assert kill_when(typed("run", path, "--out", out), stages / "ratings-1/work/answers", "*.jsonl")
    done = humpback("run", path, "--out", out)
    assert done.returncode == 0, done.stderr
    assert set(server.answered.values()) == {1}
    assert len({json.dumps(body) for body in server.bodies}) == len(server.bodies) == 48
    assert len(made(out)[0]) == 24


@pytest.mark.slow
def test_a_signal_says_what_is_under_way_and_status_too(served, server, tmp_path):
    path, out = config(served, tmp_path), tmp_path / "run"
    server.open.clear()
    process = typed("run", path, "--out", out)
    while not any("GET /v1/batches/" in line for line in server.asked):
        assert process.poll() is None
        time.sleep(0.01)
    since = time.monotonic()
    process.send_signal(signal.SIGTERM)
    printed = process.communicate()[0].decode()
    assert time.monotonic() - since < 2
    assert process.returncode == 128 + signal.SIGTERM
    assert "1 batch under way, 0 of 23 requests done: running it again takes their answers" in printed
    assert "stopped" in humpback("status", out).stdout
    assert appeared(out / "stages/candidates/work/batches", "*.json")
