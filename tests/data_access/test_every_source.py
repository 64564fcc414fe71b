"""Every kind of source, in every format, gives every consumer the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from humpback.config import Config, CorpusSettings, DecontaminateSettings, SeedSettings
from humpback.corpus.readers import list_sources, read_documents
from humpback.data_access.rows import input_digest, source_digest
from humpback.evaluation.answers import read_prompt_set
from humpback.evaluation.labels import LabelColumns
from humpback.records import Document, Pair
from humpback.seed import read_pairs
from humpback.standalone.labels import read_labelled
from humpback.standalone.tables import read_candidates, read_segments
from humpback.text.contamination import read_prompts
from tests.corpus.web_server import serve
from tests.data_access.formats import FORMATS, INSTRUCTIONS, PACKERS, PAIRS, ROWS, TEXTS

FILES = {
    # Compressed, and compressed under a name that does not say so.
    **{f"{name}{ending}": pack(data) for name, data in FORMATS.items() for ending, pack in PACKERS.items()},
    **{
        f"hidden-{ending[1:]}-{name}": PACKERS[ending](data)
        for name, data in FORMATS.items()
        for ending in (".gz", ".xz")
    },
}


@contextmanager
def a_file(folder: Path, name: str, data: bytes) -> Iterator[str]:
    (folder / name).write_bytes(data)
    yield str(folder / name)


@contextmanager
def a_folder(folder: Path, name: str, data: bytes) -> Iterator[str]:
    (folder / "sub").mkdir()
    (folder / "sub" / name).write_bytes(data)
    (folder / "picture.png").touch()
    yield str(folder)


@contextmanager
def a_glob(folder: Path, name: str, data: bytes) -> Iterator[str]:
    (folder / name).write_bytes(data)
    yield str(folder / "*")


@contextmanager
def a_file_url(folder: Path, name: str, data: bytes) -> Iterator[str]:
    (folder / name).write_bytes(data)
    yield f"file://{folder / name}"


@contextmanager
def a_web_address(folder: Path, name: str, data: bytes) -> Iterator[str]:
    with serve({f"/sub/{name}": data}) as web:
        yield f"{web.address}/sub/{name}"


@contextmanager
def a_bucket(folder: Path, name: str, data: bytes) -> Iterator[str]:
    bucket = uuid4().hex
    fsspec.filesystem("memory").pipe({f"/{bucket}/sub/{name}": data, f"/{bucket}/picture.png": b""})
    yield f"memory://{bucket}"


SOURCES = (a_file, a_folder, a_glob, a_file_url, a_web_address, a_bucket)


def seed(source: str) -> object:
    items = read_pairs(SeedSettings(source=source))
    return [(item.instruction, item.response) for item in items if isinstance(item, Pair)]


def documents(source: str) -> object:
    settings = CorpusSettings(documents=(source,))
    items = read_documents(settings, list_sources(settings))
    return [item.text if isinstance(item, Document) else item for item in items]


def pairs(source: str) -> object:
    return [(item.instruction, getattr(item, "response", item)) for item in read_candidates(Path(source))]


def segments(source: str) -> object:
    return [item.text for item in read_segments(Path(source), Config())]


def labels(source: str) -> object:
    labelled = read_labelled(Path(source), Path(source), LabelColumns("helpful", "", None), [])
    return [label and label.value for label in labelled.labels.rows]


def prompts(source: str) -> object:
    return [prompt.text for prompt in read_prompts(DecontaminateSettings(against=(source,)))]


def evaluation(source: str) -> object:
    return [prompt.instruction for prompt in read_prompt_set(Path(source))]


CONSUMERS: dict[Callable[[str], object], object] = {
    seed: PAIRS,
    documents: TEXTS,
    pairs: PAIRS,
    segments: TEXTS,
    labels: [5.0, 2.0, 1.0],
    prompts: INSTRUCTIONS,
    evaluation: INSTRUCTIONS,
}


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda consumer: consumer.__name__)
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_every_format_gives_the_same_rows(tmp_path: Path, source, consumer):
    for name, data in FILES.items():
        folder = tmp_path / name
        folder.mkdir()
        with source(folder, name, data) as entry:
            assert consumer(entry) == CONSUMERS[consumer], name


@pytest.mark.parametrize("consumer", CONSUMERS, ids=lambda consumer: consumer.__name__)
@pytest.mark.parametrize("saved", [True, False], ids=["saved", "hf"])
def test_data_sets_give_the_same_rows(tmp_path: Path, saved: bool, consumer):
    import datasets

    datasets.disable_progress_bars()
    if saved:
        datasets.DatasetDict(
            train=datasets.Dataset.from_list(ROWS), test=datasets.Dataset.from_list(ROWS[:1])
        ).save_to_disk(tmp_path / "set")
        entries = [str(tmp_path / "set"), f"hf:{tmp_path}/set", f"hf:{tmp_path}/set:/train"]
    else:
        # What `datasets` streams of .csv it does not close where only the first row is asked for.
        names = ("a.jsonl", "a.parquet") if consumer in (pairs, labels) else ("a.jsonl", "a.parquet", "a.csv")
        entries = [f"hf:{tmp_path}/{name}" for name in names]
        for name in names:
            (tmp_path / name).mkdir()
            (tmp_path / name / f"data-{name}").write_bytes(FORMATS[name])
    for entry in entries:
        assert consumer(entry) == CONSUMERS[consumer], entry


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_the_content_of_every_source_has_a_digest(tmp_path: Path, source):
    with source(tmp_path, "a.jsonl", FORMATS["a.jsonl"]) as entry:
        before = source_digest(entry), input_digest(str(Path(entry)))
        assert before == (source_digest(entry), input_digest(str(Path(entry))))
    (tmp_path / "other").mkdir()
    with source(tmp_path / "other", "a.jsonl", FORMATS["a.jsonl"] * 2) as entry:
        if source is a_web_address:
            return  # its server gives the same tag to everything
        assert source_digest(entry) != before[0]
        assert input_digest(str(Path(entry))) != before[1]


def test_lines_of_text_are_prompts(tmp_path: Path):
    text = "\ufeffName a prime.\n\n  Wie heißt du?\r\nSort b and a.".encode()
    for number, (source, pack) in enumerate((s, p) for s in SOURCES for p in PACKERS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        with source(folder, f"a.txt{pack[0]}", pack[1](text)) as entry:
            assert prompts(entry) == INSTRUCTIONS
            assert evaluation(entry) == INSTRUCTIONS
