"""What a finished stage left is checked: each kind of damage is one line, and `--redo` mends it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from humpback.records import Curated
from humpback.runs.store import Run
from tests.command import humpback, mistake


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A finished run of the fake engine, and its settings file."""
    from tests.corpus_fixtures import documents, seed_file, settings

    folder = tmp_path_factory.mktemp("whole")
    values = settings.__wrapped__(documents.__wrapped__(folder), seed_file.__wrapped__(folder))
    (folder / "run.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert humpback("run", folder / "run.yaml", "--out", folder / "run").returncode == 0
    return folder / "run", folder / "run.yaml"


@pytest.fixture
def run(whole: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole[0], tmp_path / "run"))


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x40
    path.write_bytes(bytes(content))


def _delete_shard(stages: Path) -> None:
    (stages / "candidates/part-00002.parquet").unlink()


def _add_foreign_shard(stages: Path) -> None:
    shutil.copy(stages / "segments/part-00000.parquet", stages / "candidates/part-00099.parquet")


def _copy_shard(stages: Path) -> None:
    shutil.copy(stages / "candidates/part-00000.parquet", stages / "candidates/part-00001.parquet")


def _rewrite_shard(stages: Path) -> None:
    pq.write_table(pq.read_table(stages / "candidates/part-00000.parquet"), stages / "candidates/part-00000.parquet")


def _flip_byte(stages: Path) -> None:
    flip(stages / "candidates/part-00001.parquet", 40)


def _flip_byte_of_footer(stages: Path) -> None:
    flip(stages / "candidates/part-00001.parquet", -200)


def _change_count(stages: Path) -> None:
    path = stages / "candidates/manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["counts"]["kept"] += 1
    path.write_text(json.dumps(manifest), encoding="utf-8")


def _empty_manifest(stages: Path) -> None:
    (stages / "candidates/manifest.json").write_bytes(b"")


def _delete_ledger(stages: Path) -> None:
    next(stages.glob("segments/dropped/part-*.parquet")).unlink()


def _exchange_model_file(stages: Path) -> None:
    (stages / "backward/model/humpback.json").write_text("[]\n", encoding="utf-8")


def _delete_model_file(stages: Path) -> None:
    (stages / "backward/model/extra.json").write_text("{}", encoding="utf-8")


FAULTS: dict[str, Callable[[Path], None]] = {
    "candidates: part-00002.parquet is missing": _delete_shard,
    "candidates: part-00099.parquet does not belong there": _add_foreign_shard,
    "candidates: part-00001.parquet (has|is damaged).*": _copy_shard,
    "candidates: part-00000.parquet has .* bytes, not .*": _rewrite_shard,
    "candidates: part-00001.parquet is damaged .*": _flip_byte,
    "candidates: part-00001.parquet is damaged .* ": _flip_byte_of_footer,
    "candidates: manifest.json is damaged .*": _change_count,
    "candidates: manifest.json is damaged .* ": _empty_manifest,
    "segments: dropped/part-.*.parquet is missing": _delete_ledger,
    "backward: model/humpback.json is damaged .*": _exchange_model_file,
    "backward: model/extra.json does not belong there": _delete_model_file,
}


@pytest.mark.parametrize("line", FAULTS)
def test_damage_is_refused_in_one_line_and_mended_by_redo(line: str, run: Path, whole: tuple[Path, Path]):
    fault = FAULTS[line]
    fault(run / "stages")
    stage = line.partition(":")[0]
    checked = humpback("verify", run)
    assert checked.returncode == 1
    assert re.search(line.rstrip().replace(": ", " .*"), checked.stdout), checked.stdout
    assert f"--redo {stage}" in checked.stdout
    # Content is looked at where it is read: a stage behind it is done again for that.
    reader = {"candidates": "ratings-1", "backward": "candidates"}.get(stage, "")
    refused = mistake("run", whole[1], "--out", run, *(("--redo", reader) if "is damaged" in line else ()))
    assert f"--redo {stage}" in refused, refused
    if fault is not _delete_shard:
        return
    mistake("export", run)
    done = humpback("run", whole[1], "--out", run, "--redo", stage)
    assert done.returncode == 0, done.stderr
    assert humpback("verify", run).returncode == 0
    assert list(Run(run).stage("curated-2").records(Curated)) == list(Run(whole[0]).stage("curated-2").records(Curated))
