"""A run folder that is not on this machine's disk: the same records, and a run that is stopped goes on."""

from __future__ import annotations

import json
import os
import socket
import uuid
from pathlib import Path

import pytest

from humpback import models
from humpback.config import Config
from humpback.errors import StoreError
from humpback.method.plan import plan
from humpback.records import Candidate, Curated, Segment
from humpback.runs.executor import execute
from humpback.runs.status import status
from humpback.runs.store import Run, path_of
from humpback.runs.store.run import Holder
from tests.engines.loopback import Handler, Json, Loopback, reply, serving
from tests.runs.songs import carry_out, first_only, firsts, songs, texts

KINDS = {"segments": Segment, "candidates": Candidate, "curated-2": Curated}


def run_at(place: Path, settings: dict) -> Run:
    config = Config.model_validate(settings)
    run = Run(place)
    with run.locked():
        run.save_config("run: {}\n")
        execute(plan(config, models.identify(config.model)), run, config)
    return run


@pytest.fixture
def elsewhere() -> str:
    return f"memory://{uuid.uuid4().hex}/run"


def test_a_run_in_memory_has_the_records_of_one_on_disk(settings, tmp_path, elsewhere, monkeypatch):
    monkeypatch.setenv("HUMPBACK_CACHE", str(tmp_path / "cache"))
    near = run_at(tmp_path / "run", settings)
    far = run_at(path_of(elsewhere), settings)
    for name, kind in KINDS.items():
        assert list(far.stage(name).records(kind)) == list(near.stage(name).records(kind)), name
        assert list(far.stage(name).dropped()) == list(near.stage(name).dropped()), name
    assert (far.stage("forward-2").model_path / "humpback.json").exists()
    config = Config.model_validate(settings)
    assert {item.state for item in status(plan(config, models.identify(config.model)), far)} == {"done"}
    assert "curated-2" in (far.path / "log.jsonl").read_text(encoding="utf-8")


def test_a_server_is_asked_again_only_where_nothing_has_changed(settings, elsewhere, tmp_path, monkeypatch):
    monkeypatch.setenv("HUMPBACK_CACHE", str(tmp_path / "cache"))

    def respond(handler: Handler, body: Json) -> None:
        handler.send_json(200, reply(f"What is said in {len(body['messages'][-1]['content'])} letters?"))

    with serving(Loopback(respond)) as server:
        writer = {"name": "big", "engine": "openai", "server": {"base_url": server.url}}
        changes = {"models": {"writer": writer, "rater": writer}, "run": {"train": "none", "iterations": 1}}

        def asked(*redo: str, **augment: object) -> int:
            before = len(server.bodies)
            config = Config.model_validate(settings | changes | {"augment": {"examples": {"count": 1}} | augment})
            stages = list(plan(config, ""))
            until = [stage.name for stage in stages].index("candidates")
            with (run := Run(path_of(elsewhere))).locked():
                execute(stages[: until + 1], run, config, redo)
            return len(server.bodies) - before

        written = asked()
        assert written > 1
        assert asked("candidates", max_chars=300) == 0, "another bound asks for nothing"
        assert asked("candidates", max_chars=300) == written


def test_a_run_that_was_stopped_goes_on_from_its_shards(elsewhere):
    song = songs(8, 4, 20)
    place = path_of(elsewhere)
    run = carry_out(place, song, workers=1)
    (run.stage("songs").path / "manifest.json").unlink()
    whole = run.stage("songs").committed()
    (run.stage("songs").path / f"part-{whole[-1]}.parquet").unlink()
    (run.stage("songs").path / "ended" / "part-00007").unlink()
    again = carry_out(place, song, first_only(song), workers=1)
    assert again.stage("songs").committed() == whole
    assert texts(again, "first") == firsts(texts(again, "songs"))


def test_who_is_at_work_elsewhere_is_said_until_that_has_ended(elsewhere):
    run = Run(path_of(elsewhere))
    with run.locked():
        assert run.holder() == Holder(os.getpid(), socket.gethostname())
    assert run.holder() is None
    for machine, at_work in ((socket.gethostname(), False), ("another", True)):
        (run.path / "run.lock").write_text(json.dumps({"process": 2**22 + 1, "machine": machine}))
        assert bool(run.holder()) == at_work, "whether a process lives is only known of this machine"


def test_an_address_that_nothing_reaches_is_one_line():
    with pytest.raises(StoreError, match=r"cannot reach nowhere://bucket/run \(.*check the address"):
        path_of("nowhere://bucket/run")
