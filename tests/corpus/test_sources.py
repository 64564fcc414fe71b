from __future__ import annotations

import gzip
import os
import pickle
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from humpback.config import CorpusSettings
from humpback.corpus.readers import read_documents
from humpback.corpus.reading.sources import list_sources, parts
from humpback.data_access.rows import input_digest
from humpback.data_access.source_file import FULLY_READ, SourceFile
from humpback.errors import InputError


def names(*documents: str | Path, form: str = "auto") -> list[str]:
    settings = CorpusSettings.model_validate({"documents": [str(entry) for entry in documents], "format": form})
    return [source.name for source in list_sources(settings)]


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    folder = tmp_path / "manual"
    for name in ("b.md", "a.html", "deep/er/c.RST", "d.txt.gz", "e.jsonl.zst", "picture.png", ".git/f.md", ".g.md"):
        write(folder / name)
    return folder


def test_a_folder_is_read_with_its_folders_in_one_order(manual: Path):
    assert names(manual) == [
        "manual/a.html",
        "manual/b.md",
        "manual/d.txt.gz",
        "manual/deep/er/c.RST",
        "manual/e.jsonl.zst",
    ]


def test_globs_and_files_are_read_and_nothing_twice(manual: Path):
    assert names(manual / "**" / "*.md", manual / "b.md", manual / "[ab].*") == ["manual/a.html", "manual/b.md"]


def test_two_files_of_one_name_are_told_apart(tmp_path: Path):
    found = names(write(tmp_path / "one" / "index.md"), write(tmp_path / "two" / "index.md"))
    assert found == ["one/index.md", "two/index.md"]


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path):
    secret = write(tmp_path / "secret" / "key.md")
    folder = tmp_path / "docs"
    inside = write(folder / "inside.md")
    (folder / "out.md").symlink_to(secret)
    (folder / "outside").symlink_to(secret.parent)
    (folder / "loop").symlink_to(folder)
    (folder / "again.md").symlink_to(inside)
    assert names(folder) == ["docs/inside.md"]
    assert names(folder / "**" / "*.md") == ["docs/inside.md"]
    with pytest.raises(InputError, match="no documents in"):
        names(folder / "*" / "*.md")


def test_a_format_makes_files_of_any_ending_readable(tmp_path: Path):
    log = write(tmp_path / "notes.org")
    with pytest.raises(InputError, match=r"cannot tell what .*notes\.org.*: set corpus\.format"):
        names(log)
    assert names(log, form="text") == ["notes.org"]
    assert names(tmp_path, form="text") == [f"{tmp_path.name}/notes.org"]


@pytest.mark.parametrize("entry", ["nowhere", "empty", "*.docx"])
def test_what_is_not_there_is_named(tmp_path: Path, entry: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"(no file or folder|no documents in) '.*"):
        names(tmp_path / entry)


def test_a_digest_follows_the_content(tmp_path: Path):
    path = write(tmp_path / "a.md", "one")
    source = SourceFile(str(path), "a.md", 3, ".md")
    before = source.digest()
    assert before == source.digest()
    path.write_text("two")
    assert source.digest() != before


def test_the_digest_of_a_big_file_looks_at_its_size_and_at_samples_of_it(tmp_path: Path):
    path = tmp_path / "a.txt"

    def digest(size: int, changed: int) -> str:
        with path.open("wb") as stream:
            stream.truncate(size)
            stream.seek(changed)
            stream.write(b"x")
        return SourceFile(str(path), "a.txt", size, ".txt").digest()

    small, big = FULLY_READ, 10 * FULLY_READ
    assert len({digest(small, changed) for changed in (0, small // 2, small // 2 + 1, small - 1)}) == 4
    seen = [0, (1 << 20) - 1, (big - (1 << 20)) * 3 // 7, big - 1]
    assert len({digest(big, changed) for changed in seen}) == len(seen)
    assert digest(big + 1, 0) != digest(big, 0)
    # Between the samples a change of equal length is not seen: `whole_digest` is for that.
    assert digest(big, 5 << 20) == digest(big, 6 << 20)


def test_all_bytes_of_a_big_file_are_read_once_and_a_copy_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUMPBACK_CACHE", str(tmp_path / "cache"))
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 10**10)  # of a file that was written just now none is kept
    source = a_file(tmp_path, "a.txt", 2 * FULLY_READ, ".txt")
    before = source.whole_digest()
    assert len(before) == 64
    (note,) = (tmp_path / "cache" / "digests").iterdir()
    note.write_text(note.read_text().replace(before, "0" * 64))
    assert source.whole_digest() == "0" * 64, "nothing is read that has not changed"
    shutil.copyfile(tmp_path / "a.txt", tmp_path / "b.txt")
    assert replace(source, path=str(tmp_path / "b.txt")).whole_digest() == before
    times = (tmp_path / "a.txt").stat()
    with (tmp_path / "a.txt").open("r+b") as stream:
        stream.seek(5 << 20)
        stream.write(b"x")
    os.utime(tmp_path / "a.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert source.whole_digest() not in (before, "0" * 64), "a change is seen whose time was set back"
    assert a_file(tmp_path, "c.txt", FULLY_READ, ".txt").whole_digest() == "", "`digest` reads all of it"


def test_a_change_in_the_middle_of_a_big_table_of_a_command_is_seen(tmp_path: Path):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(b"x" * 2 * FULLY_READ)
    before = input_digest(str(path))
    with path.open("r+b") as stream:
        stream.seek(5 << 20)
        stream.write(b"y")
    assert input_digest(str(path)) != before


def test_compressed_content_is_opened_plain(tmp_path: Path):
    path = tmp_path / "a.md.gz"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))
    (source,) = list_sources(CorpusSettings(documents=(str(path),)))
    with source.open() as stream:
        assert stream.read() == b"one two"


def test_the_installed_distributions_are_sources():
    sources = list_sources(CorpusSettings(documents=("installed:",)))
    found = [source.name for source in sources]
    assert found == sorted(found)
    assert any(name.startswith("pypi:pydantic==") for name in found)
    assert len(sources[0].digest()) == 32


def a_file(folder: Path, name: str, size: int, ending: str, compression: str = "") -> SourceFile:
    """A file of null bytes, which takes no space on the disk."""
    with (folder / name).open("wb") as stream:
        stream.truncate(size)
    return SourceFile(str(folder / name), name, size, ending, compression)


def test_small_files_come_together_and_big_ones_are_split(tmp_path: Path):
    mib = 1 << 20
    sources = [
        SourceFile("a", "a.txt", mib, ".txt"),
        SourceFile("b", "b.txt", mib, ".txt"),
        a_file(tmp_path, "c.jsonl", 3 * mib + 1, ".jsonl"),
        SourceFile("d", "d.jsonl.gz", 130 * mib, ".jsonl", ".gz"),
        SourceFile("e", "e.txt", 1, ".txt"),
        *(SourceFile(str(number), f"f{number}", 0) for number in range(600)),
    ]
    found = parts(sources, CorpusSettings(part_mib=2))
    assert [[source.name for source in part] for part in found[:4]] == [
        ["a.txt", "b.txt"],
        ["c.jsonl"],
        ["c.jsonl"],
        ["d.jsonl.gz"],
    ]
    first, second = found[1][0], found[2][0]
    assert (first.begin, first.end, second.begin, second.end) == (0, first.end, first.end, 0)
    assert not first.whole
    assert not second.whole
    assert found[3][0].whole
    assert [len(part) for part in found[4:]] == [512, 89]
    assert parts(sources, CorpusSettings(part_mib=2)) == found


@pytest.mark.parametrize(("files", "kib", "least", "most"), [(257, 123, 16, 64), (1, 900, 1, 1), (9000, 900, 123, 130)])
def test_a_small_corpus_gives_work_to_many_workers_too(files: int, kib: int, least: int, most: int):
    sources = [SourceFile(str(number), f"{number:05d}.html", kib << 10, ".html") for number in range(files)]
    found = parts(iter(sources), CorpusSettings())
    assert [source for part in found for source in part] == sources
    assert least <= len(found) <= most
    assert max(sum(source.size for source in part) for part in found) <= 64 << 20


def test_a_big_file_is_not_split_where_its_content_is_compressed(tmp_path: Path):
    lines = "".join(f'{{"text": "{number * 7919 % 10007} {number}"}}\n' for number in range(200_000))
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(lines.encode(), 1))
    settings = CorpusSettings(documents=(str(tmp_path),), part_mib=1)
    [[source]] = parts(list_sources(settings), settings)
    assert source.size > 1 << 20
    assert source.whole
    documents = list(read_documents(settings, [source]))
    assert [documents[0].source, documents[-1].source] == [f"{tmp_path.name}/a.jsonl#{row}" for row in (1, 200_000)]


def test_every_record_of_a_split_file_is_in_one_span(tmp_path: Path):
    whole = a_file(tmp_path, "a.parquet", 10 * (1 << 20) + 3, ".parquet")
    spans = [source for part in parts([whole], CorpusSettings(part_mib=1)) for source in part]
    assert len(spans) == 11
    for offset in (0, 4, whole.size // 2, whole.size - 1, *(source.begin for source in spans)):
        assert sum(source.holds(offset) for source in spans) == 1


def test_a_source_travels_to_other_processes(manual: Path):
    (part,) = parts(list_sources(CorpusSettings(documents=(str(manual),))), CorpusSettings())
    assert pickle.loads(pickle.dumps(part)) == part


def test_stored_bytes_are_those_on_the_disk(tmp_path: Path):
    path = tmp_path / "a.md.gz"
    path.write_bytes(gzip.compress(b"one"))
    (source,) = list_sources(CorpusSettings(documents=(str(path),)))
    with source.open_stored() as stream:
        assert stream.read() == path.read_bytes()
        assert stream.seek(0) == 0
