"""What humpback writes for itself is never read as data."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from humpback.config import CorpusSettings, SeedSettings
from humpback.corpus.readers import list_sources
from humpback.data_access.run_folders import is_run_folder
from humpback.errors import InputError
from humpback.runs.store import Run
from humpback.seed import read_pairs

ROW = '{"instruction": "Name a prime.", "response": "Seven.", "text": "Flour."}\n'


def a_run(folder: Path) -> Path:
    """A run folder as a run leaves it."""
    run = Run(folder)
    with run.locked():
        run.save_config("corpus: {}\n")
        (folder / "stages" / "seed").mkdir()
    (folder / "rows.jsonl").write_text(ROW)
    (folder / "stages" / "seed" / "part-0.jsonl").write_text(ROW)
    return folder


def names(entry: object) -> list[str]:
    return [source.name for source in list_sources(CorpusSettings(documents=(str(entry),)))]


def places(entry: object) -> list[str]:
    return [item.source for item in read_pairs(SeedSettings(source=str(entry)))]


def test_a_run_folder_and_a_work_folder_are_known(tmp_path: Path):
    run = a_run(tmp_path / "run")
    assert is_run_folder(run)
    assert not is_run_folder(run / "stages")
    assert not is_run_folder(tmp_path)
    (run / "config.yaml").unlink()
    assert is_run_folder(run)
    (run / "run.lock").unlink()
    assert not is_run_folder(run)
    assert is_run_folder(run.rename(tmp_path / ".ratings.jsonl.work"))


@pytest.mark.parametrize("name", ["run", ".segments.jsonl.work"])
@pytest.mark.parametrize("read", [names, places])
def test_one_that_is_named_is_refused(tmp_path: Path, name: str, read):
    run = a_run(tmp_path / name)
    with pytest.raises(InputError, match="is a run folder, which is never read as data") as caught:
        read(run)
    assert caught.value.hint
    # What lies in one can be named.
    assert read(run / "rows.jsonl")
    assert read(run / "stages" / "seed")


@pytest.mark.parametrize(("read", "expected"), [(names, "data/sub/own.jsonl"), (places, "sub/own.jsonl#1")])
def test_one_inside_a_folder_is_passed_over(tmp_path: Path, read, expected: str):
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    (data / "sub" / "own.jsonl").write_text(ROW)
    a_run(data / "sub" / "run")
    a_run(data / ".out.jsonl.work")
    assert read(data) == [expected]


def test_a_glob_does_not_reach_into_one(tmp_path: Path):
    (tmp_path / "own.jsonl").write_text(ROW)
    a_run(tmp_path / "run")
    assert names(tmp_path / "**" / "*.jsonl") == [f"{tmp_path.name}/own.jsonl"]
    with pytest.raises(InputError, match="no documents in"):
        names(tmp_path / "run" / "*.jsonl")


def test_one_elsewhere_is_refused_or_passed_over():
    bucket = uuid4().hex
    row = ROW.encode()
    fsspec.filesystem("memory").pipe(
        {
            f"/{bucket}/own.jsonl": row,
            f"/{bucket}/run/config.yaml": b"",
            f"/{bucket}/run/rows.jsonl": row,
            f"/{bucket}/run/stages/seed/part-0.jsonl": row,
        }
    )
    assert names(f"memory://{bucket}") == [f"memory:///{bucket}/own.jsonl"]
    with pytest.raises(InputError, match="is a run folder, which is never read as data"):
        names(f"memory://{bucket}/run")
    assert names(f"memory://{bucket}/run/rows.jsonl") == [f"memory:///{bucket}/run/rows.jsonl"]


def test_a_folder_of_the_user_with_stages_is_no_run(tmp_path: Path):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "a.jsonl").write_text(ROW)
    assert names(tmp_path) == [f"{tmp_path.name}/stages/a.jsonl"]
