from __future__ import annotations

import collections
import gzip
import itertools
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from humpback.config import CorpusSettings
from humpback.corpus.readers import list_sources, read_documents
from humpback.records import Document, Dropped, content_id
from tests.corpus.warc_samples import record, sent, words, zstd

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
PAGE = b"<html><body><p>Bread rises because yeast gives off gas.</body></html>"
HTML = "application/http; msgtype=response"


def read(path: Path, begin: int = 0, end: int = 0, **settings: object) -> list[Document | Dropped]:
    given = CorpusSettings.model_validate({"documents": (str(path),), **settings})
    (source,) = list_sources(given)
    return list(read_documents(given, [replace(source, begin=begin, end=end)]))


def archive(folder: Path, *records: bytes, name: str = "crawl.warc.gz") -> Path:
    path = folder / name
    path.write_bytes(b"".join(gzip.compress(one) for one in records))
    return path


def only(folder: Path, one: bytes, **settings: object) -> Document | Dropped:
    (found,) = read(archive(folder, one), **settings)
    return found


def told(found: Document | Dropped) -> tuple[str, str]:
    """What became of a record: its format and text, or reason and detail."""
    return (found.format, found.text) if isinstance(found, Document) else (found.reason, found.detail)


def test_a_page_is_a_document_named_by_its_address(tmp_path: Path):
    found = only(tmp_path, record(sent(PAGE), uri="https://example.org/bread?a=1"))
    text = PAGE.decode()
    source = "https://example.org/bread?a=1"
    assert found == Document(content_id(source, text), source, "html", "", text)


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("<http://example.org/a>", "http://example.org/a"),
        ("  http://example.org/a b\tc ", "http://example.org/a%20b%20c"),
        ("http://example.org/" + "a" * 5000, "http://example.org/" + "a" * 1981),
        ("", "crawl.warc.gz@0"),
    ],
)
def test_an_address_is_cleaned(tmp_path: Path, written: str, source: str):
    assert only(tmp_path, record(sent(PAGE), uri=written)).source == source


def test_what_the_crawler_notes_for_itself_is_passed_over(tmp_path: Path):
    notes = [
        record(b"software: x", kind="warcinfo", form="application/warc-fields"),
        record(b"GET / HTTP/1.1\r\n\r\n", kind="request", form="application/http; msgtype=request"),
        record(b"fetchTimeMs: 5", kind="metadata", form="application/warc-fields"),
        record(sent(b""), kind="revisit"),
        record(b"the rest of a page", kind="continuation"),
        record(b"something new", kind="invention"),
        record(b"20080430204825\nexample.org. A 1.2.3.4", uri="dns:example.org", form="text/dns"),
        record(b"log", kind="resource", uri="metadata://gnu.org/wget.log", form="text/plain"),
        record(b"text of the page", kind="resource", uri="urn:text:http://example.org/", form="text/plain"),
    ]
    assert read(archive(tmp_path, *notes)) == []


@pytest.mark.parametrize("status", [204, 301, 404, 500])
def test_a_response_that_is_no_success_is_dropped_with_its_code(tmp_path: Path, status: int):
    assert told(only(tmp_path, record(sent(PAGE, status=status)))) == ("http status", str(status))


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("text/html", "html"),
        ("TEXT/HTML; charset=utf-8", "html"),
        ("text/html,text/html", "html"),
        ("application/xhtml+xml", "html"),
        ("text/plain", "text"),
        ("text/markdown; charset=UTF-8", "markdown"),
        ("", "html"),
        ("application/octet-stream", "html"),
        ("application/xml", "html"),
        ("nonsense", "html"),
    ],
)
def test_types_that_hold_text_are_read(tmp_path: Path, kind: str, form: str):
    assert told(only(tmp_path, record(sent(PAGE, kind=kind)))) == (form, PAGE.decode())


@pytest.mark.parametrize("kind", ["image/jpeg", "application/pdf", "text/css", "application/json"])
def test_types_that_hold_no_text_are_dropped_with_their_type(tmp_path: Path, kind: str):
    assert told(only(tmp_path, record(sent(PAGE, kind=kind)))) == ("not text", kind)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"Just a few words of text.", ("text", "Just a few words of text.")),
        ("Voilà du café.".encode(), ("text", "Voilà du café.")),
        (b"%PDF-1.7\n%\xe2\xe3", ("not text", "application/pdf")),
        (b"\x89PNG\r\n\x1a\n\x00\x00", ("not text", "image/png")),
        (bytes(range(256)), ("not text", "application/octet-stream")),
    ],
)
def test_what_has_no_type_is_looked_at(tmp_path: Path, body: bytes, outcome: tuple[str, str]):
    assert told(only(tmp_path, record(sent(body, kind="application/octet-stream")))) == outcome


def test_a_feed_is_no_page(tmp_path: Path):
    feed = b'<?xml version="1.0"?><rss><channel><title>News</title></channel></rss>'
    assert told(only(tmp_path, record(sent(feed, kind="text/xml")))) == ("not text", "text/xml")


@pytest.mark.parametrize(
    ("stated", "found", "outcome"),
    [
        ("text/html", "application/pdf", "not text"),
        ("application/octet-stream", "application/xhtml+xml", "html"),
        ("text/plain", "text/html", "html"),
        ("text/markdown", "text/plain", "markdown"),
        ("text/html", "text/x-php", "html"),
        ("text/html", "application/octet-stream", "html"),
        ("", "text/plain", "text"),
        ("text/html", "rubbish", "html"),
    ],
)
def test_the_type_that_was_found_out_counts_where_it_says_more(tmp_path: Path, stated: str, found: str, outcome: str):
    one = record(sent(PAGE, kind=stated), WARC_Identified_Payload_Type=found)
    assert told(only(tmp_path, one))[0] == outcome


def test_plain_text_is_read_as_its_address_says(tmp_path: Path):
    for uri, form in (("http://e.org/a/README.md?raw=1", "markdown"), ("http://e.org/x.md/a", "text")):
        assert told(only(tmp_path, record(sent(b"# Bread", kind="text/plain"), uri=uri))) == (form, "# Bread")


def test_resources_are_read_as_they_were_stored(tmp_path: Path):
    one = record(PAGE, kind="resource", uri="ftp://example.org/a.html", form="text/html")
    assert told(only(tmp_path, one)) == ("html", PAGE.decode())
    one = record(b"\xff\xd8\xff\xe0JFIF", kind="resource", form="image/jpeg")
    assert told(only(tmp_path, one)) == ("not text", "image/jpeg")


@pytest.mark.parametrize("name", ["crawl.wet.gz", "crawl.warc.wet.gz", "crawl.warc.gz"])
def test_extracted_text_is_read(tmp_path: Path, name: str):
    one = record("Brød hæver.".encode(), kind="conversion", uri="http://example.org/b", form="text/plain")
    (found,) = read(archive(tmp_path, one, name=name))
    assert (found.source, *told(found)) == ("http://example.org/b", "text", "Brød hæver.")


def test_the_format_of_the_settings_counts(tmp_path: Path):
    assert told(only(tmp_path, record(sent(b"# Bread", kind="text/plain")), format="markdown"))[0] == "markdown"


def test_bodies_are_unpacked_and_decoded(tmp_path: Path):
    text = "Příliš žluťoučký kůň úpěl ďábelské ódy."
    page = gzip.compress(text.encode("cp1250"))
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(page), page)
    headers = ("Content-Encoding: gzip", "Transfer-Encoding: chunked")
    one = record(sent(body, *headers, kind="text/html; charset=windows-1250"))
    assert told(only(tmp_path, one)) == ("html", text)


def test_pages_without_use_have_reasons(tmp_path: Path):
    bomb = record(sent(gzip.compress(bytes(10**7)), "Content-Encoding: gzip"))
    body = bytearray(gzip.compress(words(random.Random(1), 3000)))
    body[500:600] = bytes(100)
    broken = record(sent(bytes(body), "Content-Encoding: gzip"))
    long, huge = record(sent(b"a" * 1500)), record(sent(b"a" * 100_000))
    records = [bomb, broken, long, huge, record(sent(b" \n")), record(sent(b"\x00\x01" * 50)), record(b"no response")]
    found = read(archive(tmp_path, *records), max_document_chars=1000)
    assert told(found.pop(1))[0] == "damaged body"
    assert [told(item) for item in found] == [
        ("document too long", "more than 4000 bytes"),
        ("document too long", "1500 characters"),
        ("document too long", f"{len(sent(b'a' * 100_000))} bytes"),
        ("empty document", "2 characters"),
        ("not text", "holds NUL bytes"),
        ("not text", HTML),
    ]


def test_a_long_picture_is_a_picture(tmp_path: Path):
    one = record(sent(b"\xff\xd8" * 100_000, kind="image/jpeg"))
    assert told(only(tmp_path, one, max_document_chars=1000)) == ("not text", "image/jpeg")


def test_a_damaged_place_is_named_by_its_stored_byte_and_counted_once(tmp_path: Path):
    first, second = gzip.compress(record(sent(PAGE))), bytearray(gzip.compress(record(sent(PAGE * 30))))
    second[len(second) // 2] ^= 0x55
    path = tmp_path / "crawl.warc.gz"
    path.write_bytes(first + bytes(second) + first)
    found = read(path)
    assert [told(item)[0] for item in found] == ["html", "damaged record", "html"]
    assert found[1].source == f"crawl.warc.gz@{len(first)}"
    assert len({item.id for item in found}) == 2


def test_archives_in_every_packing_are_found_in_a_folder_and_read(tmp_path: Path):
    one = record(sent(PAGE))
    for name, data in {
        "a.warc": one + one,
        "b.warc.gz": gzip.compress(one) * 2,
        "c.warc.zst": zstd(one) * 2,
        "d.warc.gz": gzip.compress(one + one),
        "e.warc.zst": zstd(one + one),
        "f.warc.gz": one + one,
        "g.warc.wat.gz": gzip.compress(one),
    }.items():
        (tmp_path / name).write_bytes(data)
    given = CorpusSettings(documents=(str(tmp_path),))
    found = list(read_documents(given, list_sources(given)))
    assert [told(item) for item in found] == [("html", PAGE.decode())] * 12


def test_an_archive_packed_in_another_way_is_said_not_to_be_read(tmp_path: Path):
    path = tmp_path / "crawl.warc.xz"
    path.write_bytes(b"\xfd7zXZ\x00")
    assert told(read(path)[0]) == ("not read", "a web archive packed as .xz: only plain, .gz and .zst are read")


def part_of_the_data(folder: Path) -> None:
    """What an archive is made of, less of it: reading all of it takes longer than the test."""
    for name, every in (("docs/simonw_til", 3), ("html/scrapinghub_article_181", 4)):
        with gzip.open(DATA / f"{name}.jsonl.gz", "rb") as rows:
            data = gzip.compress(b"".join(itertools.islice(rows, 0, None, every)), 1)
        (folder / name).parent.mkdir(parents=True)
        (folder / f"{name}.jsonl.gz").write_bytes(data)


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="no data beside the checkout")
@pytest.mark.slow
def test_of_a_crawl_with_planted_damage_every_page_is_read_that_can_be(tmp_path: Path):
    path = tmp_path / "crawl.warc.gz"
    part_of_the_data(tmp_path / "data")
    command = [sys.executable, "benchmarks/make_warc.py", "--pages", "60", "--damage", "11", "--out", str(path)]
    subprocess.run([*command, "--data", str(tmp_path / "data")], cwd=ROOT, check=True, capture_output=True)
    truth = [json.loads(line) for line in Path(f"{path}.truth.jsonl").read_text(encoding="utf-8").splitlines()]
    harm = {row["url"]: row for row in truth if row["type"] == "damage"}
    whole = read(path)
    pages = {item.source for item in whole if isinstance(item, Document) or item.reason == "http status"}
    missing = {row["url"] for row in truth if row["type"] == "page"} - pages
    assert missing <= {url for url, row in harm.items() if row["unreadable_at_most"]}
    places = [item.source for item in whole if isinstance(item, Dropped) and item.reason == "damaged record"]
    at = {f"{path.name}@{row['offset']}" for row in harm.values()}
    assert len(places) == len(set(places)) <= len(harm)
    assert set(places) <= at
    bounds = [0, *(path.stat().st_size * part // 7 for part in range(1, 7)), 0]
    parts = [read(path, begin, end) for begin, end in itertools.pairwise(bounds)]
    assert list(itertools.chain(*parts)) == whole


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="no data beside the checkout")
def test_archives_of_real_crawlers_are_read():
    given = CorpusSettings(documents=(str(DATA / "html" / "warc"),))
    found = list(read_documents(given, list_sources(given)))
    counts = collections.Counter(item.reason for item in found if isinstance(item, Dropped))
    assert counts == {"http status": 9, "not text": 8}
    documents = {(item.source, item.format): item.text for item in found if isinstance(item, Document)}
    assert {source.split("/")[2] for source, _ in documents} == {
        "www.archive.org",
        "archive.org",
        "an.wikipedia.org",
    }
    page = documents["https://an.wikipedia.org/wiki/Escopete", "html"]
    assert "<title>Escopete - Biquipedia, a enciclopedia libre</title>" in page
    text = documents["https://an.wikipedia.org/wiki/Escopete", "text"]
    assert "provincia de Guadalachara" in text
    assert "provincia de Guadalachara" in page
    assert "Welcome to the Archive!" in documents["http://www.archive.org/robots.txt", "text"]
    assert "\ufffd" not in "".join(documents.values())
