from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humpback.config import CorpusSettings
from humpback.corpus.readers import list_sources, read_documents
from humpback.corpus.reading.sources import parts
from humpback.errors import InputError
from humpback.records import Document, Dropped
from tests.command import humpback, mistake
from tests.corpus.samples import BREAD_TEXT
from tests.data_access.formats import FORMATS, RESPONSES, TEXTS

PAGE = "<html><head><meta charset='iso-8859-1'></head><body><p>Gr\u00fc\u00dfe</p></body></html>"


def read(*entries: Path, **values: object) -> list[Document | Dropped]:
    given_settings = CorpusSettings.model_validate({"documents": [str(entry) for entry in entries], **values})
    return list(read_documents(given_settings, list_sources(given_settings)))


def write_arrow_stream(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def write_arrow_file(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def write_parquet(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path)


KINDS = [("a.arrow", write_arrow_stream), ("a.arrow", write_arrow_file), ("a.parquet", write_parquet)]


@pytest.mark.parametrize(("name", "write"), KINDS, ids=["arrow stream", "arrow file", "parquet"])
def test_pages_in_a_column_of_bytes_are_decoded_as_pages_are(tmp_path: Path, name: str, write):
    rows = {
        "url": ["https://example.org/a", "https://example.org/b", None],
        "html": [PAGE.encode("latin-1"), b"\x89PNG\x00", PAGE.encode()],
        "links": [[], ["x"], None],
    }
    write(tmp_path / name, pa.table(rows))
    first, second, third = read(tmp_path / name)
    assert isinstance(first, Document)
    assert (first.source, first.format, first.text) == ("https://example.org/a", "html", PAGE)
    assert isinstance(second, Dropped)
    assert (second.source, second.reason) == ("https://example.org/b", "not text")
    assert isinstance(third, Document)
    assert (third.source, third.text) == (f"{name}#3", PAGE)


@pytest.mark.parametrize(("name", "write"), KINDS, ids=["arrow stream", "arrow file", "parquet"])
@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str)
def test_text_may_be_stored_in_every_kind_of_string_column(tmp_path: Path, name: str, write, kind: pa.DataType):
    write(tmp_path / name, pa.table({"text": pa.array(["Flour.", "Salt.", "Flour."]).cast(kind)}))
    assert [item.text for item in read(tmp_path) if isinstance(item, Document)] == ["Flour.", "Salt.", "Flour."]


@pytest.mark.parametrize(("name", "write"), KINDS, ids=["arrow stream", "arrow file", "parquet"])
def test_rows_without_text_cost_only_themselves(tmp_path: Path, name: str, write):
    texts = ["Flour.", None, "", "x" * 2000, "nul \x00", "Salt."]
    write(tmp_path / name, pa.table({"text": texts, "id": [1, 2, 3, 4, 5, 6]}))
    found = read(tmp_path / name, max_document_chars=1000)
    assert [item.source for item in found] == [f"{name}#{number}" for number in range(1, 7)]
    assert [item.reason if isinstance(item, Dropped) else "" for item in found] == [
        "",
        "no text",
        "empty document",
        "document too long",
        "not text",
        "",
    ]


def test_two_columns_of_one_name_are_not_taken_for_text(tmp_path: Path):
    table = pa.table([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], names=["text", "text", "content"])
    write_arrow_stream(tmp_path / "a.arrow", table)
    (found,) = read(tmp_path)
    assert isinstance(found, Document)
    assert found.text == "c"


def test_names_that_cannot_be_stored_are_made_so(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"url": "https://e.org/\ud800\n" + "x" * 5000, "text": "Flour."}))
    (found,) = read(tmp_path)
    assert isinstance(found, Document)
    assert found.source.startswith("https://e.org/\ufffd xxx")
    assert len(found.source) <= 1000


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.sampled_from(KINDS), st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 255)), max_size=6), st.data())
def test_a_damaged_table_is_never_read_outside_of_itself(tmp_path: Path, kind, changes, data):
    name, write = kind
    path = tmp_path / name
    write(path, pa.table({"text": [f"row {number}" for number in range(20)], "url": ["u"] * 20}))
    content = bytearray(path.read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(InputError):  # the names of the columns may be what was damaged
        assert all(isinstance(item, Document | Dropped) for item in read(path))


def test_no_byte_of_a_parquet_footer_ends_the_process(tmp_path: Path):
    path = tmp_path / "a.parquet"
    write_parquet(path, pa.table({"text": [f"row {number}" for number in range(20)]}))
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little")
    read_anyway = 0
    for place in range(len(content) - 8 - footer, len(content) - 8):
        path.write_bytes(content[:place] + b"\x01" + content[place + 1 :])
        with contextlib.suppress(InputError):
            read_anyway += len(read(path))
    assert read_anyway > 0


def shown(items: list[Document | Dropped]) -> list[tuple[str, str]]:
    return [(item.source, item.text if isinstance(item, Document) else item.reason) for item in items]


def test_a_bad_row_of_a_csv_or_json_file_costs_only_itself(tmp_path: Path):
    (tmp_path / "a.csv").write_text('id,text\n1,"Flour,\nsalt."\n2,Loose, comma\n3,Yeast.\n')
    assert shown(read(tmp_path / "a.csv")) == [
        ("a.csv#1", "Flour,\nsalt."),
        ("a.csv#2", "too many fields"),
        ("a.csv#3", "Yeast."),
    ]
    (tmp_path / "b.json").write_text('[{"text": "Flour."}, 5, {"text": 5}, {"text": "Yeast."}]')
    assert shown(read(tmp_path / "b.json")) == [
        ("b.json#1", "Flour."),
        ("b.json#2", "not JSON"),
        ("b.json#3", "no text"),
        ("b.json#4", "Yeast."),
    ]


@pytest.mark.parametrize(
    ("name", "data", "before"),
    [
        ("a.csv", b'text\nFlour.\n"open', ["Flour."]),
        ("a.csv", b"text\n" + b"Flour.\n" * 10_000 + b"\xff\n", None),
        ("a.json", b'[{"text": "Flour."}, {"text": ', ["Flour."]),
        ("a.json", b'[{"text": "Flour."}, ' + b"[" * 200_000, ["Flour."]),
    ],
)
def test_a_damaged_csv_or_json_file_is_read_up_to_the_damage(
    tmp_path: Path, name: str, data: bytes, before: list[str] | None
):
    (tmp_path / name).write_bytes(data)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / f"b{name[1:]}").write_bytes(FORMATS[name])
    texts = [text for _, text in shown(read(tmp_path))]
    assert texts[-4:] == ["damaged file", *TEXTS]
    # Text is decoded in blocks: what stands in one with the damage is lost.
    assert texts[:-4] == before if before else 5_000 < len(texts) < 10_000


def test_a_column_that_is_named_must_be_there_in_every_format(tmp_path: Path):
    for name in ("a.csv", "a.json", "a.tsv"):
        (tmp_path / name).write_bytes(FORMATS[name])
        assert [text for _, text in shown(read(tmp_path / name, text_column="response"))] == RESPONSES
        with pytest.raises(InputError, match=rf"{name} has no column 'body' of text; it has helpful, instruction"):
            read(tmp_path / name, text_column="body")


def test_in_a_folder_of_documents_tables_that_rarely_are_some_are_passed_over(tmp_path: Path):
    (tmp_path / "a.md").write_text("# Bread")
    for name in ("package.json", "figures.csv", "figures.tsv.gz"):
        (tmp_path / name).write_bytes(FORMATS["a.csv"])
    folder = tmp_path.name
    assert shown(read(tmp_path)) == [(f"{folder}/a.md", "# Bread")]
    assert shown(read(tmp_path / "*.csv")) == [(f"{folder}/figures.csv#{n}", text) for n, text in enumerate(TEXTS, 1)]
    assert len(read(tmp_path, tmp_path / "figures.csv")) == 4
    # With a format set each of them is one document in it, as ever.
    assert [source for source, _ in shown(read(tmp_path, format="text"))] == [
        f"{folder}/{name}" for name in ("a.md", "figures.csv", "figures.tsv.gz", "package.json")
    ]


def test_an_odd_table_among_documents_is_dropped_with_its_columns_and_a_lone_one_is_a_mistake(tmp_path: Path):
    (tmp_path / "odd.json").write_text('{"a": 1}')
    (tmp_path / "odd.csv").write_text("x,y\n1,2\n")
    (tmp_path / "texts.jsonl").write_text(json.dumps({"text": "Flour."}) + "\n")
    given_settings = CorpusSettings(
        documents=tuple(str(tmp_path / name) for name in ("odd.json", "odd.csv", "texts.jsonl"))
    )
    found = list(read_documents(given_settings, list_sources(given_settings), odd_tables=True))
    assert [(item.source, getattr(item, "reason", "")) for item in found] == [
        ("odd.csv", "no text column"),
        ("odd.json", "no text column"),
        ("texts.jsonl#1", ""),
    ]
    assert "it has x, y" in getattr(found[0], "detail", "")
    with pytest.raises(InputError, match=r"odd\.csv has no column .*: set corpus\.text_column"):
        list(read_documents(given_settings, list_sources(given_settings)))


def test_an_odd_table_that_is_read_in_spans_is_dropped_once(tmp_path: Path):
    (tmp_path / "odd.jsonl").write_text((json.dumps({"a": "x" * 1000}) + "\n") * 3000)
    given_settings = CorpusSettings(documents=(str(tmp_path),), part_mib=1)
    spans = [source for part in parts(list_sources(given_settings), given_settings) for source in part]
    assert len(spans) == 3
    assert [item.source for item in read_documents(given_settings, spans, odd_tables=True)] == [
        f"{tmp_path.name}/odd.jsonl"
    ]


def test_an_odd_table_in_a_folder_ends_no_command(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "odd.json").write_text('{"a": 1}')
    (tmp_path / "data" / "texts.json").write_text(json.dumps([{"text": f"# Bread\n\n{BREAD_TEXT}"}]))
    done = humpback("segment", tmp_path / "data", "--out", tmp_path / "s.jsonl")
    assert done.returncode == 0, done.stderr
    assert "1 kept (" in done.stdout
    assert "1 dropped: 1 no text column\nread 2 files" in done.stdout
    assert "odd.json has no column" in mistake("segment", tmp_path / "data" / "odd.json", "--out", tmp_path / "t.jsonl")
