"""Run folders: readable anywhere once they are finished, and never mixed up with other folders."""

import json
import shutil

import pytest

from humpback.config import Config
from humpback.method.plan import plan
from humpback.method.record import read_record, record_of
from humpback.runs.store import Run
from humpback.runs.store.files import write_record
from tests.command import humpback, mistake
from tests.corpus_fixtures import documents as documents_
from tests.corpus_fixtures import seed_file as seed_file_
from tests.corpus_fixtures import settings as settings_


def test_a_finished_run_is_read_from_its_own_files_alone(config_file, documents, seed_file, tmp_path, monkeypatch):
    (documents / "old.doc").write_bytes(b"x")
    done = humpback("run", config_file, "--out", tmp_path / "run")
    assert done.returncode == 0
    first = humpback("status", tmp_path / "run")
    files = "; passed over: 1 .doc"
    assert [text.count(files) for text in (done.stdout, first.stdout)] == [1, 1]
    assert "held-out pairs the loss of M" in done.stdout
    assert "note: This was a dry run without a model: every text and score is made up." in done.stdout
    rows = (tmp_path / "run/export/dataset/messages/train.jsonl").read_text(encoding="utf-8")
    card = (tmp_path / "run/export/dataset/README.md").read_text(encoding="utf-8")
    elsewhere = tmp_path / "elsewhere" / "run-copy"
    elsewhere.parent.mkdir()
    shutil.move(tmp_path / "run", elsewhere)
    shutil.rmtree(elsewhere / "export")
    (elsewhere / "report.html").unlink()
    shutil.rmtree(documents)
    for path in (seed_file, config_file):
        path.unlink()
    monkeypatch.chdir(tmp_path / "elsewhere")
    status = humpback("status", "run-copy")
    assert (status.returncode, status.stdout) == (0, first.stdout)
    assert humpback("report", "run-copy").returncode == 0
    assert humpback("export", "run-copy").returncode == 0
    assert (elsewhere / "export/dataset/messages/train.jsonl").read_text(encoding="utf-8") == rows
    # The card names the folder, which has another name now, and is otherwise the same.
    assert (elsewhere / "export/dataset/README.md").read_text(encoding="utf-8").replace("run-copy", "run") == card
    assert f"{files}." in (elsewhere / "report.html").read_text(encoding="utf-8")


def test_the_record_of_a_plan_has_the_handles_of_the_plan(config_file, settings, tmp_path):
    assert humpback("run", config_file, "--out", tmp_path / "run", "--until", "segments").returncode == 0
    record = read_record(Run(tmp_path / "run"))
    made = plan(Config.model_validate(settings), "fake")
    assert record.stages == tuple(stage.name for stage in made)
    for handle in ("seed", "segments", "candidates", "evaluation"):
        assert getattr(record, handle) == getattr(made, handle).name
    for handle in ("models", "ratings", "curated"):
        assert getattr(record, handle) == tuple(stage.name for stage in getattr(made, handle))
    assert record.documents == ("docs",)
    assert record.seed_source == "seed.jsonl"


def test_the_record_names_a_base_model_without_its_folders(settings, tmp_path, monkeypatch):
    (tmp_path / "models" / "base").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    config = Config.model_validate(settings | {"model": {"engine": "fake", "name": "models/base"}})
    assert record_of(plan(config, "fake"), config).base.name == "base"


def test_a_damaged_record_is_one_line(config_file, tmp_path):
    assert humpback("run", config_file, "--out", tmp_path / "run", "--until", "segments").returncode == 0
    for content in ("{", json.dumps({"stages": []})):
        (tmp_path / "run" / "plan.json").write_text(content, encoding="utf-8")
        assert "plan.json is damaged: write it again with 'humpback run'" in mistake("status", tmp_path / "run")
    assert humpback("run", config_file, "--out", tmp_path / "run", "--until", "segments").returncode == 0
    assert humpback("status", tmp_path / "run").returncode == 0


@pytest.mark.parametrize("name", ["notes.txt", "config.yaml"])
def test_a_folder_of_somebody_is_no_run_folder(config_file, tmp_path, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("mine", encoding="utf-8")
    line = mistake("run", config_file, "--out", tmp_path / "mine")
    assert "is not empty and holds no run: choose another folder with --out" in line
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [name]
    assert (tmp_path / "mine" / name).read_text(encoding="utf-8") == "mine"


def test_a_file_is_no_run_folder(config_file, tmp_path):
    assert f"{config_file} is a file" in mistake("run", config_file, "--out", config_file)


def test_a_run_of_a_newer_version_is_read_as_far_as_possible_and_never_written(config_file, tmp_path):
    out = tmp_path / "run"
    assert humpback("run", config_file, "--out", out, "--until", "backward").returncode == 0
    run = Run(out)
    run.save_config(
        f"{run.saved_config()}telepathy:\n  range: 9\n".replace("max_new_tokens: 512", "max_new_tokens: [1]")
    )
    write_record(run.plan_path, {**(run.saved_plan() or {}), "humpback": "999.1", "aura": {"colour": "blue"}})
    manifest = run.stage("seed").manifest() or {}
    write_record(out / "stages/seed/manifest.json", {**manifest, "counts": {**manifest["counts"], "souls": 3}})
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert "seed " in humpback("status", out).stdout
    assert humpback("report", out).returncode == 0
    refused = mistake("run", config_file, "--out", out)
    assert "was written by humpback 999.1" in refused
    assert "upgrade humpback" in refused
    after = {path: path.read_bytes() for path in before}
    assert {path.name for path in before if before[path] != after[path]} <= {"run.lock"}
    assert "telepathy is not a setting" in mistake("run", out / "config.yaml", "--out", tmp_path / "other")


def test_an_export_takes_the_lock_and_readers_need_none(config_file, tmp_path):
    out = tmp_path / "run"
    assert humpback("run", config_file, "--out", out).returncode == 0
    with Run(out).locked():
        assert "is in use by process" in mistake("export", out)
        for command in ("report", "status", "verify"):
            assert humpback(command, out).returncode == 0


@pytest.mark.parametrize("name", ["config.yaml", "plan.json", "log.jsonl", "progress.json", "run.lock"])
def test_a_damaged_file_of_a_run_is_one_line_or_nothing(name, begun, tmp_path):
    out = shutil.copytree(begun[0], tmp_path / "run")
    for content in (b"[]", b"\xff\xfe{", b'{"stage": 3, "event": "begin"}'):
        (out / name).write_bytes(content)
        for command in ("status", "report", "verify"):
            done = humpback(command, out)
            assert done.returncode in (0, 1, 2)
            assert len(done.stderr.splitlines()) <= 1, done.stderr
    assert humpback("run", begun[1], "--out", out, "--until", "backward").returncode == 0
    assert humpback("verify", out).returncode == 0


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun")
    values = settings_.__wrapped__(documents_.__wrapped__(folder), seed_file_.__wrapped__(folder))
    (folder / "run.yaml").write_text(json.dumps(values), encoding="utf-8")
    assert humpback("run", folder / "run.yaml", "--out", folder / "run", "--until", "backward").returncode == 0
    return folder / "run", folder / "run.yaml"
