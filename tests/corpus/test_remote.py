from __future__ import annotations

import gzip
import io
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from humpback.config import CorpusSettings
from humpback.corpus.readers import read_documents
from humpback.corpus.reading.sources import list_sources, parts
from humpback.data_access.source_file import SourceFile
from humpback.data_access.urls import open_url, public
from humpback.errors import InputError
from humpback.records import Document, Dropped
from tests.corpus.web_server import WebServer, serve

ROWS = [{"text": f"row {number} " + "x" * 300} for number in range(9000)]
LINES = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()


@pytest.fixture(scope="module")
def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), sink, row_group_size=500, compression="none")
    return sink.getvalue()


@pytest.fixture
def web(parquet: bytes) -> Iterator[WebServer]:
    files = {
        "/docs/a.md": b"# Bread\n\nFlour.",
        "/docs/deep/b.html": b"<p>Salt.",
        "/docs/.hidden/c.md": b"no",
        "/docs/picture.png": b"no",
        "/rows.jsonl": LINES,
        "/rows.jsonl.gz": gzip.compress(LINES),
        "/rows.parquet": parquet,
        "/bread": b"Flour.",
    }
    with serve(files) as server:
        yield server


@pytest.fixture
def bucket() -> Iterator[str]:
    files = fsspec.filesystem("memory")
    files.pipe({"/bucket/a.md": b"# Bread", "/bucket/x/b.jsonl": LINES, "/bucket/x/.c.md": b"", "/bucket/d.png": b""})
    yield "memory://bucket"
    files.rm("/bucket", recursive=True)


def settings(*documents: str, **values: object) -> CorpusSettings:
    return CorpusSettings.model_validate({"documents": documents, **values})


def names(*documents: str, **values: object) -> list[str]:
    return [source.name for source in list_sources(settings(*documents, **values))]


def read(*documents: str, part_mib: int = 64) -> list[Document | Dropped]:
    given = settings(*documents, part_mib=part_mib)
    return [item for part in parts(list_sources(given), given) for item in read_documents(given, part)]


def texts(found: list[Document | Dropped]) -> list[str]:
    return [item.text if isinstance(item, Document) else item.reason for item in found]


def test_a_bucket_is_listed_as_a_folder_is(bucket: str):
    assert names(bucket) == ["memory:///bucket/a.md", "memory:///bucket/x/b.jsonl"]
    assert names(f"{bucket}/**/*.jsonl", f"{bucket}/x/b.jsonl") == ["memory:///bucket/x/b.jsonl"]
    assert names(f"{bucket}/*.md", format="text") == ["memory:///bucket/a.md"]


def test_a_bucket_is_read_in_parts(bucket: str):
    found = read(bucket, part_mib=1)
    assert texts(found) == ["# Bread", *(row["text"] for row in ROWS)]
    assert found[9000].source == "memory:///bucket/x/b.jsonl#9000"


def test_a_file_url_is_a_path(tmp_path):
    (tmp_path / "a.md").write_text("Flour.")
    assert names(f"file://{tmp_path}") == [f"{tmp_path.name}/a.md"]
    assert names(f"file://{tmp_path}/*.md") == [f"{tmp_path.name}/a.md"]


@pytest.mark.parametrize("entry", ["memory://nowhere/a.md", "memory://nowhere/*.md", "memory://bucket/*.docx"])
def test_what_is_not_in_a_bucket_is_named(bucket: str, entry: str):
    with pytest.raises(InputError, match=r"^(nothing at|no documents in) 'memory://"):
        names(entry)


def test_the_index_of_a_web_server_is_listed_as_a_folder_is(web: WebServer):
    assert names(f"{web.address}/docs/") == [f"{web.address}/docs/a.md", f"{web.address}/docs/deep/b.html"]
    assert names(f"{web.address}/docs/**/*.html") == [f"{web.address}/docs/deep/b.html"]
    assert texts(read(f"{web.address}/docs/")) == ["# Bread\n\nFlour.", "<p>Salt."]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet"])
@pytest.mark.parametrize("habit", ["ranges", "no ranges", "no size"])
def test_files_are_read_from_every_kind_of_web_server(web: WebServer, name: str, habit: str):
    web.ranges = habit == "ranges"
    web.tells_size = habit != "no size"
    found = read(f"{web.address}/{name}", part_mib=1)
    assert texts(found) == [row["text"] for row in ROWS]
    assert found[8999].source == f"{web.address}/{name}#9000"


def test_a_part_of_a_big_file_fetches_little_else(web: WebServer):
    big = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist([{"text": "x", "image": number.to_bytes(2) * 50_000} for number in range(600)]),
        big,
        row_group_size=100,
        compression="none",
        use_dictionary=False,
    )
    web.files["/big.parquet"] = big.getvalue()
    assert len(read(f"{web.address}/big.parquet", part_mib=20)) == 600
    fetched = sum(
        int(end) - int(begin)
        for begin, end in (asked.split("bytes=")[1].split("-") for asked in web.asked if "bytes=" in asked)
    )
    assert fetched < len(big.getvalue())


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.parquet"])
def test_a_connection_that_breaks_costs_no_document(web: WebServer, name: str):
    (source,) = list_sources(settings(f"{web.address}/{name}"))
    web.failures = 1
    assert texts(list(read_documents(settings("x"), [source]))) == [row["text"] for row in ROWS]
    assert web.failures == 0


def test_a_server_that_stays_away_ends_the_run_and_is_no_damaged_file(web: WebServer):
    (source,) = list_sources(settings(f"{web.address}/rows.jsonl"))
    web.status = 503
    with (
        open_url(source.path, waits=(0.01, 0.01)) as stream,
        pytest.raises(InputError, match=r"cannot read .*503.* run again"),
    ):
        stream.read(1)
    tries = len(web.asked)
    assert tries >= 4
    web.status = 403
    with pytest.raises(InputError, match=r"cannot read .*403"):
        list(read_documents(settings("x"), [source]))
    assert len(web.asked) - tries <= 2


def test_a_file_that_went_away_is_named(web: WebServer):
    (source,) = list_sources(settings(f"{web.address}/docs/a.md"))
    del web.files["/docs/a.md"]
    with pytest.raises(InputError, match=r"^nothing at 'http://127\.0\.0\.1:\d+/docs/a\.md'"):
        list(read_documents(settings("x"), [source]))


def test_a_server_that_is_not_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BREAD_KEY", "secret")
    with pytest.raises(InputError, match=r"^cannot read 'http://127\.0\.0\.1:1/a\.md' \(Cannot connect .*: check"):
        names("http://user:${BREAD_KEY}@127.0.0.1:1/a.md?key=secret")


def test_secrets_of_a_url_are_used_but_never_shown(web: WebServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BREAD_KEY", "secret")
    host = web.address.removeprefix("http://")
    entry = f"http://user:${{BREAD_KEY}}@{host}/docs/a.md?signature=secret"
    (source,) = list_sources(settings(entry))
    assert source.name == f"http://{host}/docs/a.md"
    (found,) = read_documents(settings("x"), [source])
    assert found.source == source.name
    assert "GET /docs/a.md?signature=secret bytes=0-14" in web.asked
    with pytest.raises(InputError) as error:
        names(f"http://user:${{BREAD_KEY}}@{host}/nothing.md?signature=secret")
    assert "secret" not in str(error.value)
    assert public("s3://key:sec@ret@bucket/a b?c.txt") == "s3://bucket/a b?c.txt"


def test_a_password_may_stand_in_the_environment(web: WebServer, monkeypatch: pytest.MonkeyPatch):
    host = web.address.removeprefix("http://")
    monkeypatch.setenv("BREAD_KEY", "secret")
    assert names(f"http://user:${{BREAD_KEY}}@{host}/docs/a.md?key=${{BREAD_KEY}}") == [f"http://{host}/docs/a.md"]
    assert "HEAD /docs/a.md?key=secret" in web.asked
    with pytest.raises(InputError, match="no environment variable 'SALT_KEY'"):
        names(f"http://user:${{SALT_KEY}}@{host}/docs/a.md")


def test_two_urls_that_differ_in_what_is_not_shown_are_told_apart(web: WebServer):
    assert names(f"{web.address}/docs/a.md?page=1", f"{web.address}/docs/a.md?page=2") == [
        f"{web.address}/docs/a.md",
        f"{web.address}/docs/a.md~2",
    ]


def test_a_url_without_a_known_ending_needs_a_format(web: WebServer):
    with pytest.raises(InputError, match=r"cannot tell what .*/bread' is from its ending: set corpus\.format"):
        names(f"{web.address}/bread")
    assert names(f"{web.address}/bread", format="text") == [f"{web.address}/bread"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("nope://bucket/a.md", r"^cannot read 'nope://bucket/a\.md' \(Protocol not known: nope\)"),
        ("zip://a.md::http://user:secret@host/x.zip", r"^'zip://a\.md::http://host/x\.zip' is a chain of URLs"),
    ],
)
def test_urls_that_nothing_reads_are_named(entry: str, message: str):
    with pytest.raises(InputError, match=message):
        names(entry)


@pytest.mark.parametrize(
    ("missing", "entry", "extra"), [("aiohttp", "https://host/a.md", "http"), ("s3fs", "s3://bucket/a.md", "s3")]
)
def test_what_is_not_installed_is_said_with_the_extra_that_brings_it(missing: str, entry: str, extra: str):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from humpback.config import CorpusSettings\n"
        "from humpback.corpus.reading.sources import list_sources\n"
        f"list_sources(CorpusSettings(documents=({entry!r},)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert f"InputError: what reads {entry[: entry.index(':')]}:// is not installed" in done.stderr
    assert f"pip install 'humpback-align[{extra}]'" in done.stderr


def test_the_digest_of_a_url_is_what_the_server_tells_of_it(web: WebServer):
    def digest() -> str:
        (source,) = list_sources(settings(f"{web.address}/rows.jsonl"))
        return source.digest()

    first = digest()
    assert not any(asked.startswith("GET") for asked in web.asked)
    web.etag = '"two"'
    second = digest()
    assert second != first
    web.etag = ""
    third = digest()
    web.files["/rows.jsonl"] = LINES.replace(b"row 1 ", b"row I ")
    assert len({first, second, third, digest()}) == 4


def test_a_source_at_a_url_travels_to_other_processes(web: WebServer):
    (source,) = list_sources(settings(f"{web.address}/docs/a.md"))
    script = (
        "import pickle, sys\n"
        "from humpback.config import CorpusSettings\n"
        "from humpback.corpus.readers import read_documents\n"
        "source = pickle.load(sys.stdin.buffer)\n"
        "print([document.text for document in read_documents(CorpusSettings(), [source])])"
    )
    done = subprocess.run([sys.executable, "-c", script], input=pickle.dumps(source), capture_output=True, check=True)
    assert done.stdout.decode().strip() == repr(["# Bread\n\nFlour."])


@pytest.mark.parametrize("until", [0, 10, 2_000_000])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_stream_can_be_sought_in(web: WebServer, until: int, ranges: bool):
    web.ranges = ranges
    with open_url(f"{web.address}/rows.jsonl", until) as stream:
        assert stream.seek(-10, io.SEEK_END) == len(LINES) - 10
        assert stream.read() == LINES[-10:]
        assert stream.read(5) == b""
        stream.seek(1_500_000)
        assert stream.read(3_000_000) == LINES[1_500_000:4_500_000]
        stream.seek(7)
        assert stream.readline() == LINES[7 : LINES.index(b"\n") + 1]


def test_a_stretch_fetches_itself_and_what_the_columns_are_known_by(web: WebServer):
    (part, *_) = parts(list_sources(settings(f"{web.address}/rows.jsonl")), settings("x", part_mib=1))[1:]
    web.asked.clear()
    assert len(list(read_documents(settings("x"), part))) > 2000
    ranges = [asked.split("bytes=")[1].split("-") for asked in web.asked if "bytes=" in asked]
    assert sum(int(end) - int(begin) for begin, end in ranges) < 3 * (part[0].end - part[0].begin) + (1 << 20)


def test_the_stretches_of_a_file_at_a_url_name_their_rows_alike(web: WebServer):
    source = list_sources(settings(f"{web.address}/rows.jsonl"))[0]
    assert isinstance(source, SourceFile)
    whole = list(read_documents(settings("x"), [source]))
    assert read(f"{web.address}/rows.jsonl", part_mib=1) == whole
