from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humpback.config import CorpusSettings
from humpback.corpus.readers import list_sources, read_documents
from humpback.data_access import lines as json_lines
from humpback.data_access.source_file import SourceFile
from humpback.errors import InputError
from humpback.records import Document, Dropped, content_id


def read(path: Path, **values: Any) -> list[Document | Dropped]:
    given_settings = CorpusSettings.model_validate({"documents": [str(path)], **values})
    return list(read_documents(given_settings, list_sources(given_settings)))


def lines(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def reasons(found: list[Document | Dropped]) -> list[str]:
    return [item.reason if isinstance(item, Dropped) else "" for item in found]


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue())


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.html", "html"),
        ("a.HTM", "html"),
        ("a.xhtml", "html"),
        ("a.md", "markdown"),
        ("a.markdown", "markdown"),
        ("a.rst", "rst"),
        ("a.txt", "text"),
    ],
)
def test_the_ending_tells_the_format(tmp_path: Path, name: str, form: str):
    (tmp_path / name).write_text("Bread")
    assert read(tmp_path / name) == [Document(content_id(name, "Bread"), name, form, "", "Bread")]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ending", "pack"),
    [("", bytes), (".gz", gzip.compress), (".zst", zstd), (".bz2", bz2.compress), (".xz", lzma.compress)],
)
def test_files_may_be_compressed(tmp_path: Path, ending: str, pack: Any):
    single = tmp_path / f"a.md{ending}"
    single.write_bytes(pack("Brötchen".encode()))
    table = tmp_path / f"b.jsonl{ending}"
    table.write_bytes(pack(b'{"text": "one"}\n{"text": "two"}\n'))
    found = read(tmp_path)
    assert [item.text for item in found if isinstance(item, Document)] == ["Brötchen", "one", "two"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("café".encode("utf-8-sig"), "café"),
        (b"\xff\xfe" + "café".encode("utf-16-le"), "café"),
        (b'<meta charset="iso-8859-2"><p>\xb1\xea\xb3', '<meta charset="iso-8859-2"><p>ąęł'),
        ("Привет, как дела? Сегодня хорошая погода.".encode("cp1251"), "Привет, как дела? Сегодня хорошая погода."),
    ],
    ids=["utf-8 mark", "utf-16 mark", "meta", "detector"],
)
def test_charsets(tmp_path: Path, data: bytes, text: str):
    (tmp_path / "a.html").write_bytes(data)
    (found,) = read(tmp_path)
    assert isinstance(found, Document)
    assert found.text == text


def test_utf_8_wins_over_a_wrong_declaration(tmp_path: Path):
    (tmp_path / "a.html").write_bytes('<meta charset="latin1"><p>café'.encode())
    (found,) = read(tmp_path)
    assert isinstance(found, Document)
    assert found.text.endswith("café")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"MZ\x00\x01\x02 binary", "not text"),
        (bytes(range(1, 32)) * 20 + b"\xff\xfe\xfd", "not text"),
        (b"\xef\xbb\xbfbroken \xff", "not text"),
        (b"", "empty document"),
        (b" \n\n ", "empty document"),
        (b"a" * 1001, "document too long"),
        ("ü".encode() * 1001, "document too long"),
    ],
)
def test_what_is_no_document_is_dropped_with_a_reason(tmp_path: Path, data: bytes, reason: str):
    (tmp_path / "a.txt").write_bytes(data)
    (found,) = read(tmp_path, max_document_chars=1000)
    assert isinstance(found, Dropped)
    assert found.reason == reason
    assert found.source == f"{tmp_path.name}/a.txt"
    assert len(found.excerpt) <= 200
    found.excerpt.encode("utf-8")


def test_a_bomb_is_not_unpacked_further_than_the_longest_document(tmp_path: Path):
    (tmp_path / "bomb.txt.gz").write_bytes(gzip.compress(b"a" * 50_000_000))
    lines_bomb = b'{"text": "' + b"a" * 20_000_000 + b'"}\n{"text": "after"}\n'
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(lines_bomb))
    found = read(tmp_path, max_document_chars=10_000)
    assert reasons(found) == ["document too long", "", "document too long"]


def test_a_file_that_asks_for_gigabytes_to_be_unpacked_is_damaged(tmp_path: Path):
    dictionary = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(b"Flour.", filters=dictionary))
    assert reasons(read(tmp_path)) == ["damaged file"]


def test_files_packed_in_several_pieces_are_read_to_the_end(tmp_path: Path):
    for ending, pack in (("gz", gzip.compress), ("zst", zstd), ("bz2", bz2.compress), ("xz", lzma.compress)):
        padding = bytes(8) if ending == "xz" else b""
        (tmp_path / f"a.txt.{ending}").write_bytes(pack(b"Flour, ") + padding + pack(b"salt.") + padding)
        assert [item.text for item in read(tmp_path / f"a.txt.{ending}") if isinstance(item, Document)] == [
            "Flour, salt."
        ]


def test_rows_get_their_columns_by_the_usual_names(tmp_path: Path):
    path = lines(
        tmp_path / "a.jsonl",
        {"url": "https://example.org/bread", "title": "Bread", "text": "# Bread\n\nFlour.", "id": 7},
        {"url": None, "title": None, "text": "Plain words."},
    )
    first, second = read(path)
    assert first == Document(
        content_id("https://example.org/bread", "# Bread\n\nFlour."),
        "https://example.org/bread",
        "markdown",
        "Bread",
        "# Bread\n\nFlour.",
    )
    assert isinstance(second, Document)
    assert (second.source, second.format, second.title) == ("a.jsonl#2", "text", "")


def test_rows_get_their_columns_by_the_settings(tmp_path: Path):
    path = lines(tmp_path / "a.jsonl", {"name": "x1", "head": "Bread", "words": "<p>Flour.", "text": "not this"})
    (found,) = read(path, text_column="words", title_column="head", id_column="name", format="html")
    assert isinstance(found, Document)
    assert (found.source, found.format, found.title, found.text) == ("a.jsonl#x1", "html", "Bread", "<p>Flour.")


def test_an_html_column_is_html_whatever_it_looks_like(tmp_path: Path):
    (found,) = read(lines(tmp_path / "a.jsonl", {"html": "Flour."}))
    assert isinstance(found, Document)
    assert found.format == "html"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text_column": "body"}, r"a\.jsonl has no column 'body'.*; it has head, words: set corpus\.text_column"),
        ({}, r"a\.jsonl has no column text, content, .*; it has head, words: set corpus\.text_column"),
        ({"text_column": "words", "id_column": "key"}, r"no column 'key'.*: set corpus\.id_column"),
    ],
)
def test_a_missing_column_is_said_with_the_columns_there_are(tmp_path: Path, values: dict[str, str], message: str):
    rows = [{"words": "Flour.", "head": "Bread"}]
    with pytest.raises(InputError, match=message):
        read(lines(tmp_path / "a.jsonl", *rows), **values)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=message.replace("jsonl", "parquet")):
        read(tmp_path / "a.parquet", **values)


def test_bad_lines_cost_only_themselves(tmp_path: Path):
    path = lines(
        tmp_path / "a.jsonl",
        {"text": "first"},
        "{broken",
        "[1, 2]",
        "[" * 100_000,
        "",
        {"text": 5},
        {"other": "column"},
        {"text": "nul \x00 inside"},
        {"text": "half a \ud800 pair"},
        {"text": "last"},
    )
    found = read(path)
    assert reasons(found) == ["", "not JSON", "not JSON", "not JSON", "no text", "no text", "not text", "", ""]
    assert [item.text for item in found if isinstance(item, Document)] == ["first", "half a \ufffd pair", "last"]


def test_a_line_that_is_not_utf_8_is_dropped(tmp_path: Path):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "caf\xe9"}\n{"text": "last"}\n')
    assert reasons(read(tmp_path)) == ["not JSON", ""]


def test_a_parquet_file_is_read_row_by_row(tmp_path: Path):
    rows = [{"id": number, "markdown": f"Flour {number}", "title": "Bread", "n": [1]} for number in range(200)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=50)
    found = read(tmp_path)
    assert len(found) == 200
    assert isinstance(found[199], Document)
    assert (found[199].source, found[199].format) == (f"{tmp_path.name}/a.parquet#199", "markdown")


@pytest.mark.parametrize("name", ["b.txt.gz", "b.jsonl.gz", "b.jsonl.zst", "b.jsonl.bz2", "b.jsonl.xz", "b.parquet"])
def test_a_damaged_file_is_dropped_and_the_next_one_read(tmp_path: Path, name: str):
    packs = {"gz": gzip.compress, "zst": zstd, "bz2": bz2.compress, "xz": lzma.compress}
    pack = packs.get(name.rsplit(".", 1)[1], bytes)
    whole = pack(b"".join(json.dumps({"text": f"row {number}"}).encode() + b"\n" for number in range(2000)))
    (tmp_path / name).write_bytes(whole[: len(whole) // 2] if pack is not bytes else b"PAR1 this is no Parquet file")
    (tmp_path / "c.txt").write_text("next")
    found = read(tmp_path)
    assert "damaged file" in reasons(found)
    assert isinstance(found[-1], Document)
    assert found[-1].text == "next"


def test_installed_descriptions_are_documents():
    given_settings = CorpusSettings(documents=("installed:",))
    sources = [source for source in list_sources(given_settings) if source.distribution in ("pydantic", "docutils")]
    found = list(read_documents(given_settings, sources))
    assert [(item.source.split("==")[0], getattr(item, "format", "")) for item in found] == [
        ("pypi:docutils", "rst"),
        ("pypi:pydantic", "markdown"),
    ]


def spans(source: SourceFile, *bounds: int) -> list[SourceFile]:
    """The file split at some of its bytes."""
    return [replace(source, begin=begin, end=end) for begin, end in zip([0, *bounds], [*bounds, 0], strict=True)]


def write_lines(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_parquet(path: Path, rows: list[dict[str, str]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)


@pytest.mark.parametrize(("name", "write"), [("a.jsonl", write_lines), ("a.parquet", write_parquet)])
def test_the_stretches_of_a_file_have_its_documents_once_under_the_same_names(
    tmp_path: Path, name: str, write: Callable[[Path, list[dict[str, str]]], None]
):
    write(tmp_path / name, [{"text": f"row {number} " + "x" * (number * 7 % 50)} for number in range(100)])
    given_settings = CorpusSettings(documents=(str(tmp_path / name),))
    (source,) = list_sources(given_settings)
    whole = list(read_documents(given_settings, [source]))
    assert len({item.id for item in whole}) == 100
    for step in (source.size // 2, source.size // 3, 977, 61):
        split = spans(source, *range(step, source.size, step))
        assert list(read_documents(given_settings, split)) == whole


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(
    st.lists(st.sampled_from(["", "{}", "[1]", '{"text": "a"}', '{"text": "%s"}' % ("b" * 90), "broken", "c" * 99])),
    st.sets(st.integers(1, 400), max_size=6),
    st.sampled_from([b"\n", b"\r\n", b""]),
)
def test_wherever_a_file_is_split_its_documents_are_the_same(
    tmp_path: Path, rows: list[str], bounds: set[int], last: bytes
):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "first"}\n' + (last or b"\n").join(row.encode() for row in rows) + last)
    given_settings = CorpusSettings.model_validate(
        {"documents": (str(path),), "max_document_chars": 10, "segment": {"min_chars": 1}}
    )
    (source,) = list_sources(given_settings)
    split = spans(source, *sorted(bounds))
    assert list(read_documents(given_settings, split)) == list(read_documents(given_settings, [source]))


def test_the_lines_of_a_big_file_are_named_by_their_place(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "first"}\n{"text": "second"}\n')
    source = SourceFile(str(path), "a.jsonl", json_lines.COUNTED + 1, ".jsonl")
    names = ["a.jsonl#byte=0", "a.jsonl#byte=18"]
    assert [line.name for line in json_lines.read_lines(source, 100)] == names
    assert [line.name for part in spans(source, 5, 18, 20) for line in json_lines.read_lines(part, 100)] == names


def test_the_columns_are_those_of_the_first_object_of_the_file_in_every_stretch(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    write_lines(path, [{"content": "first"}, {"text": "not this", "content": "second"}])
    given_settings = CorpusSettings(documents=(str(path),))
    (source,) = list_sources(given_settings)
    found = list(read_documents(given_settings, spans(source, 10)))
    assert [item.text for item in found if isinstance(item, Document)] == ["first", "second"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.binary(max_size=300), st.sampled_from(["txt", "html", "md", "jsonl", "parquet", "txt.gz", "jsonl.zst", "txt.xz"])
)
def test_no_bytes_make_a_reader_crash(tmp_path: Path, data: bytes, ending: str):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        assert isinstance(read(path, format="text"), list)
    path.unlink()
