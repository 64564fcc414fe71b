"""What stands for inputs in recipes: these digests must stay, or runs that are finished become stale."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from humpback.config import Config
from humpback.method.corpus import cut_segments, read_seed
from humpback.records import content_id
from tests.corpus.web_server import serve

PAIRS = b'{"instruction": "Name a prime.", "response": "Seven."}\n'
TEXTS = b'{"text": "Flour.", "id": "a"}\n{"text": "Salt.", "id": "b"}\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Inputs that are the same bytes on every machine."""
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "a.jsonl").write_bytes(PAIRS)
    (folder / "sub" / "b.json.gz").write_bytes(gzip.compress(b"[" + PAIRS + b"]", mtime=0))
    (folder / ".hidden" / "c.jsonl").write_bytes(PAIRS)
    (folder / "README.md").write_bytes(b"# Pairs")
    (folder / "dataset_info.json").write_bytes(b"{}")
    docs = tmp_path / "docs"
    (docs / "deep").mkdir(parents=True)
    (docs / "a.md").write_bytes(b"# Bread\n\nFlour.")
    (docs / "deep" / "rows.jsonl").write_bytes(TEXTS)
    (docs / "package.json").write_bytes(b"{}")
    (docs / "figures.csv").write_bytes(b"a,b\n1,2\n")
    (docs / "rows.tsv").write_bytes(b"a\tb\n1\t2\n")
    (docs / "large.jsonl").write_bytes(TEXTS * 400_000)
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "questions.jsonl").write_bytes(b'{"question": "What is a prime, and why is one none of them?"}\n')
    (prompts / "lines.txt").write_bytes(b"Name seven primes that are smaller than twenty.\n")
    return tmp_path


def seed_content(source: str | Path) -> object:
    return read_seed(Config.model_validate({"seed": {"source": str(source)}})).settings["seed.content"]


def corpus_content(*documents: str | Path, **settings: object) -> object:
    corpus = {"documents": [str(entry) for entry in documents], **settings}
    return cut_segments(Config.model_validate({"corpus": corpus})).settings["corpus.content"]


def test_the_content_of_seed_data(data: Path):
    assert seed_content(data / "data" / "a.jsonl") == "350ce5bdebbc8663c7a2b2a2dbbe7176"
    assert seed_content(data / "data") == "0610c88cae8fa9ca785f9562251a9234"


def test_the_content_of_a_large_seed_file_is_all_of_it(tmp_path: Path):
    (tmp_path / "large.jsonl").write_bytes(PAIRS * 400_000)
    assert seed_content(tmp_path / "large.jsonl") == "903d3727873136a4929e8ba113114e03"


def test_the_content_of_a_saved_data_set_is_that_of_all_its_files(tmp_path: Path):
    import datasets

    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"instruction": ["a"], "response": ["b"]}).save_to_disk(tmp_path / "saved")
    files = sorted(path for path in (tmp_path / "saved").rglob("*") if path.is_file())
    expected = content_id(*(part for path in files for part in (path.name, str(seed_content_of_bytes(path, tmp_path)))))
    assert seed_content(tmp_path / "saved") == expected


def seed_content_of_bytes(path: Path, folder: Path) -> object:
    """The digest of a file's bytes, whatever its ending is."""
    copy = folder / "copy.jsonl"
    copy.write_bytes(path.read_bytes())
    return seed_content(copy)


def test_the_content_of_documents(data: Path):
    docs = data / "docs"
    assert corpus_content(docs / "a.md") == "c466d79c14a7894e2e82d462a3630645"
    assert corpus_content(docs) == "e7a42f74e92a0a735fa964006e0e8614"
    assert corpus_content(docs / "*", docs / "deep" / "*.jsonl") == "3d316f27da525b6ca84e43a19fa4d7a4"
    assert corpus_content(docs, format="text") == "6cf752a5ff2f3b7244f05f382b186254"
    named = corpus_content(docs / "figures.csv", docs / "package.json", format="text")
    assert named == "78d1ed3056e27aac581acbdea4f15182"


def test_the_content_of_tables_of_documents(tmp_path: Path):
    table = pa.table({"text": ["Flour.", "Salt."]})
    # What these libraries write depends on their version, so the formula is pinned and not the digest.
    sink = io.BytesIO()
    pq.write_table(table, sink)
    (tmp_path / "rows.parquet").write_bytes(sink.getvalue())
    same = seed_content_of_bytes(tmp_path / "rows.parquet", tmp_path)
    assert corpus_content(tmp_path / "rows.parquet") == content_id("rows.parquet", str(same))


def test_the_content_of_documents_on_a_web_server():
    with serve({"/a.md": b"# Bread"}) as web:
        name = f"{web.address}/a.md"
        assert corpus_content(name) == content_id(name, content_id('7 ETag "one"'))
        web.etag = ""
        assert content_of_the_only_source(name) == "80704782a4f2e9897121b60f14febe77"


def test_the_content_of_evaluation_prompts(data: Path):
    folder = data / "prompts"
    assert prompts_content(folder / "questions.jsonl") == "9a319766c7b41a6f74d03886fd378411"
    assert prompts_content(folder, folder / "lines.txt") == "4d3477cb9d902048f57b0e830b92d1f5"


def prompts_content(*against: Path) -> object:
    config = Config.model_validate(
        {"seed": {"source": "package:demo"}, "decontaminate": {"against": [str(path) for path in against]}}
    )
    return read_seed(config).settings["decontaminate.content"]


def content_of_the_only_source(name: str) -> str:
    from humpback.config import CorpusSettings
    from humpback.corpus.reading.sources import list_sources

    [source] = list_sources(CorpusSettings(documents=(name,)))
    return source.digest()
