from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from humpback.config import CorpusSettings
from humpback.corpus.readers import list_sources, read_documents
from humpback.errors import InputError
from humpback.records import Document, Dropped
from tests.corpus.hub_server import serve_hub

FLOUR = {"text": ["Flour.", "Salt."], "url": ["https://example.org/flour", "https://example.org/salt"]}
READ = """
import sys
from humpback.config import CorpusSettings
from humpback.corpus.readers import list_sources, read_documents
settings = CorpusSettings(documents=(sys.argv[1],))
sources = list_sources(settings)
print([source.name for source in sources])
print([item.text for item in read_documents(settings, sources)])
"""


def read(entry: str | Path) -> list[Document | Dropped]:
    settings = CorpusSettings(documents=(str(entry),))
    return list(read_documents(settings, list_sources(settings)))


def texts(entry: str | Path) -> list[str]:
    return [item.text if isinstance(item, Document) else item.reason for item in read(entry)]


def names(entry: str | Path) -> list[str]:
    return [source.name for source in list_sources(CorpusSettings(documents=(str(entry),)))]


def parquet(texts: list[str]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), sink)
    return sink.getvalue()


def run(script: str, entry: str, hub: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Runs a script in a process of its own: where the hub is, is read when its library is loaded."""
    env = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    return subprocess.run([sys.executable, "-c", script, entry], capture_output=True, text=True, check=False, env=env)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    datasets.disable_progress_bars()


def test_a_saved_data_set_is_read_without_what_else_lies_in_its_folder(tmp_path: Path):
    datasets.Dataset.from_dict(FLOUR).save_to_disk(tmp_path / "baking", num_shards=2)
    (tmp_path / "baking" / "cache-0123.arrow").write_bytes(
        (tmp_path / "baking" / "data-00000-of-00002.arrow").read_bytes()
    )
    assert names(tmp_path / "baking") == [
        "baking/data-00000-of-00002.arrow",
        "baking/data-00001-of-00002.arrow",
    ]
    assert [(item.source, item.text) for item in read(tmp_path / "baking") if isinstance(item, Document)] == [
        ("https://example.org/flour", "Flour."),
        ("https://example.org/salt", "Salt."),
    ]
    assert texts(f"hf:{tmp_path}/baking") == ["Flour.", "Salt."]


def test_of_several_splits_train_is_read_unless_one_is_named(tmp_path: Path):
    other = datasets.Dataset.from_dict({"text": ["Held out."]})
    datasets.DatasetDict(train=datasets.Dataset.from_dict(FLOUR), test=other).save_to_disk(tmp_path / "baking")
    assert texts(tmp_path / "baking") == ["Flour.", "Salt."]
    assert texts(f"hf:{tmp_path}/baking:/test") == ["Held out."]
    with pytest.raises(InputError, match=r"has no split 'dev', but train, test: name one, as in .*:/SPLIT$"):
        texts(f"hf:{tmp_path}/baking:/dev")
    datasets.DatasetDict(a=other, b=other).save_to_disk(tmp_path / "two")
    with pytest.raises(InputError, match="has no split 'train', but a, b"):
        texts(tmp_path / "two")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ('{"_data_files": [{"filename": "../secret.arrow"}]}', r"has no file '\.\./secret\.arrow'"),
        ('{"_data_files": [{"filename": "gone.arrow"}]}', r"has no file 'gone\.arrow'"),
        ('{"_data_files": 5}', r"cannot read the data set saved in .* \(TypeError"),
        ("[", r"cannot read the data set saved in .* \(JSONDecodeError"),
    ],
)
def test_a_saved_data_set_that_is_not_whole_or_reaches_out_is_refused(tmp_path: Path, state: str, message: str):
    datasets.Dataset.from_dict(FLOUR).save_to_disk(tmp_path / "baking")
    (tmp_path / "secret.arrow").write_bytes((tmp_path / "baking" / "data-00000-of-00001.arrow").read_bytes())
    (tmp_path / "baking" / "state.json").write_text(state)
    with pytest.raises(InputError, match=message):
        names(tmp_path / "baking")


def test_a_data_set_of_files_that_are_read_here_becomes_those_files(tmp_path: Path):
    folder = tmp_path / "baking" / "data"
    folder.mkdir(parents=True)
    (folder / "train-00000-of-00001.parquet").write_bytes(parquet(["Flour."]))
    (folder / "test-00000-of-00001.parquet").write_bytes(parquet(["Held out."]))
    assert names(f"hf:{tmp_path}/baking") == ["baking/data/train-00000-of-00001.parquet"]
    assert texts(f"hf:{tmp_path}/baking:default/test") == ["Held out."]


def test_other_data_sets_are_streamed_in_shards(tmp_path: Path):
    folder = tmp_path / "baking"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.csv").write_text(f"text,id\nFlour {number}.,a{number}\nSalt {number}.,b{number}\n")
    settings = CorpusSettings(documents=(f"hf:{folder}",))
    sources = list_sources(settings)
    assert [source.name for source in sources] == [f"hf:baking:default/train/{number}-of-3" for number in range(3)]
    found = list(read_documents(settings, sources[2:]))
    assert [(item.source, item.text) for item in found if isinstance(item, Document)] == [
        ("hf:baking:default/train/2-of-3#a2", "Flour 2."),
        ("hf:baking:default/train/2-of-3#b2", "Salt 2."),
    ]
    before = [source.digest() for source in sources]
    (folder / "1.csv").write_text("text,id\nYeast.,c\n")
    assert [source.digest() for source in list_sources(settings)] != before


def test_a_damaged_shard_is_dropped_and_the_next_one_read(tmp_path: Path):
    folder = tmp_path / "baking"
    folder.mkdir()
    (folder / "0.csv").write_bytes(b'text\n"Flour.\n\xff\xfe')
    (folder / "1.csv").write_text("text\nSalt.\n")
    assert texts(f"hf:{folder}") == ["damaged file", "Salt."]


def test_a_data_set_folder_cannot_reach_out_of_itself(tmp_path: Path):
    (tmp_path / "secret.csv").write_text("text\nsecret\n")
    folder = tmp_path / "baking"
    folder.mkdir()
    (folder / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: ../secret.csv\n---\n")
    with pytest.raises(InputError, match="which lies outside of it"):
        names(f"hf:{folder}")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("hf:", "cannot tell which data set 'hf:' is"),
        ("hf:org/name:a/b/c/d", "cannot tell which data set"),
        ("hf:/no/such/folder", "no folder '/no/such/folder', and no name of a data set"),
    ],
)
def test_what_names_no_data_set_is_said(entry: str, message: str):
    with pytest.raises(InputError, match=message):
        names(entry)


def test_a_data_set_on_a_hub_is_read_at_its_newest_commit(tmp_path: Path):
    files = {
        "data/train-00000-of-00002.parquet": parquet(["Flour."]),
        "data/train-00001-of-00002.parquet": parquet(["Salt."]),
        "data/test-00000-of-00001.parquet": parquet(["Held out."]),
    }
    with serve_hub("org/baking", files) as (hub, asked):
        done = run(READ, "hf:org/baking", hub, tmp_path)
        listed, read = done.stdout.splitlines()
        assert json.loads(listed.replace("'", '"')) == [
            "hf:org/baking/data/train-00000-of-00002.parquet",
            "hf:org/baking/data/train-00001-of-00002.parquet",
        ]
        assert read == "['Flour.', 'Salt.']"
        assert not any("test-00000" in line for line in asked)
        done = run(READ, "hf://datasets/org/baking/data/test-*.parquet", hub, tmp_path)
        assert done.stdout.splitlines()[1] == "['Held out.']"


def test_rows_of_a_data_set_on_a_hub_are_streamed(tmp_path: Path):
    with serve_hub("org/baking", {"a.csv": b"text\nFlour.\n", "b.csv": b"text\nSalt.\n"}) as (hub, _):
        done = run(READ, "hf:org/baking", hub, tmp_path)
    assert done.stdout.splitlines() == [
        "['hf:org/baking:default/train/0-of-2', 'hf:org/baking:default/train/1-of-2']",
        "['Flour.', 'Salt.']",
    ]


def test_without_a_hub_what_was_fetched_earlier_is_read(tmp_path: Path):
    fetch = "import datasets, sys; datasets.load_dataset(sys.argv[1])"
    with serve_hub("org/baking", {"a.csv": b"text\nFlour.\n"}) as (hub, _):
        run(fetch, "org/baking", hub, tmp_path).check_returncode()
    done = run(READ, "hf:org/baking", "http://127.0.0.1:1", tmp_path)
    assert done.stdout.splitlines()[1] == "['Flour.']"


def test_without_a_hub_a_data_set_that_was_never_fetched_is_one_clear_line(tmp_path: Path):
    done = run(READ, "hf:org/baking", "http://127.0.0.1:1", tmp_path)
    assert "InputError: no folder 'org/baking' here, and the hub cannot be reached" in done.stderr.splitlines()[-1]


def test_a_data_set_that_the_hub_does_not_have_is_one_clear_line(tmp_path: Path):
    with serve_hub("org/baking", {}) as (hub, _):
        done = run(READ, "hf:org/other", hub, tmp_path)
    assert "InputError: no folder 'org/other' here, and no data set of that name on the hub" in done.stderr
