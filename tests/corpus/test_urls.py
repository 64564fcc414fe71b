from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from humpback.config import CorpusSettings, UrlSettings
from humpback.corpus.cut import cut
from humpback.corpus.judging.urls import addresses
from humpback.errors import InputError
from tests.corpus.samples import BREAD_TEXT, document


def refused(source: str, *lists: Path, adult: bool = True) -> str:
    refusal = addresses(UrlSettings(blocklists=tuple(map(str, lists)), adult=adult)).refuse(source)
    return f"{refusal.reason}: {refusal.detail}" if refusal else ""


@pytest.fixture
def blocklist(tmp_path: Path) -> Path:
    path = tmp_path / "blocked.txt"
    path.write_text(
        "# sites of spammers\nspam.example\nhttps://WWW.mixed.example/forum/  \n0.0.0.0 ads.example\n"
        "||track.example^\nexact.host.example # a host\n\n",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("https://spam.example/", "spam.example"),
        ("http://www.spam.example:8080/a?b", "spam.example"),
        ("https://deep.under.SPAM.example/page", "spam.example"),
        ("https://ann:secret@spam.example/page", "spam.example"),
        ("https://mixed.example/forum/thread/7", "mixed.example/forum"),
        ("https://mixed.example/forum?page=2", "mixed.example/forum"),
        ("https://mixed.example/forum", "mixed.example/forum"),
        ("https://ads.example/x", "ads.example"),
        ("https://a.track.example/x", "track.example"),
        ("https://exact.host.example/", "exact.host.example"),
    ],
)
def test_hosts_domains_and_beginnings_of_addresses_are_blocked(source: str, entry: str, blocklist: Path):
    assert refused(source, blocklist) == f"blocked address: the block list has {entry}"


@pytest.mark.parametrize(
    "source",
    [
        "https://notspam.example/",
        "https://spam.example.org/",
        "https://mixed.example/forums",
        "https://mixed.example/blog?next=/forum",
        "https://host.example/",
        "notes.jsonl#spam.example",
        "/home/spam.example/notes.md",
        "https://",
    ],
)
def test_other_addresses_are_read(source: str, blocklist: Path):
    assert refused(source, blocklist) == ""


def test_block_lists_may_be_packed_and_are_read_again_when_they_change(tmp_path: Path):
    path = tmp_path / "domains.gz"
    path.write_bytes(gzip.compress(b"spam.example\n"))
    assert refused("https://spam.example/", path)
    path.write_bytes(gzip.compress(b"other.example\nmore.example\n"))
    assert refused("https://spam.example/", path) == ""
    assert refused("https://other.example/", path)


def test_a_block_list_that_cannot_be_read_is_one_clear_line(tmp_path: Path):
    with pytest.raises(InputError, match=r"block list .*nowhere.*No such file"):
        refused("https://a.example/", tmp_path / "nowhere.txt")
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(gzip.compress(b"spam.example\n" * 1000)[:30])
    with pytest.raises(InputError, match=r"block list .*damaged\.gz"):
        refused("https://a.example/", damaged)
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\x00\x01\x02\n")
    with pytest.raises(InputError, match="line 1 is not text"):
        refused("https://a.example/", binary)


def test_a_long_list_takes_8_bytes_an_entry(tmp_path: Path):
    path = tmp_path / "long.txt"
    path.write_text("\n".join(f"host-{number}.example" for number in range(100_000)), encoding="utf-8")
    rules = addresses(UrlSettings(blocklists=(str(path),)))
    assert rules.blocked.nbytes == 800_000
    tracemalloc.start()
    assert rules.refuse("https://host-77777.example/") is not None
    assert rules.refuse("https://host-100000.example/") is None
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "source",
    [
        "https://free-porn.example/",
        "https://example.org/videos/hot-milf-7.html",
        "https://freesexvideos.example/",
        "https://livenudegirls.example/",
        "https://example.org/sexy/amateur/7",
        "https://xxx.example/",
    ],
)
def test_pages_for_adults_are_known_by_words_of_their_address(source: str):
    assert refused(source).startswith("adult address: ")
    assert refused(source, adult=False) == ""


@pytest.mark.parametrize(
    "source",
    [
        "https://www.essex.ac.uk/",
        "https://sussexexpress.example/news",
        "https://example.org/data-analysis/assessment",
        "https://example.org/sex-education/teens",
        "https://adult-education.example/courses",
        "https://expertsexchange.example/",
        "https://therapist.example/cumbria/scunthorpe/cockburn",
        "https://example.org/health/anal-fissure",
        "https://example.org/lesbian-and-gay-history",
        "https://middlesex.example/free-video-tube",
    ],
)
def test_places_science_and_health_are_not(source: str):
    assert refused(source) == ""


def test_a_document_from_a_refused_address_is_one_dropped_record(blocklist: Path):
    told = CorpusSettings(urls=UrlSettings(blocklists=(str(blocklist),)))
    pages = [
        document(f"# Bread\n\n{BREAD_TEXT}", source=source)
        for source in ("https://spam.example/bread", "https://xxx.example/bread", "https://bread.example/")
    ]
    outcome = cut(pages, told)
    assert [(item.source, item.reason) for item in outcome.dropped] == [
        ("https://spam.example/bread", "blocked address"),
        ("https://xxx.example/bread", "adult address"),
    ]
    assert [segment.source for segment in outcome.kept] == ["https://bread.example/"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://www.bread.example/robots.txt", "address for machines: the address is /robots.txt"),
        ("http://bread.example:8080/Robots.txt?lang=en", "address for machines: the address is /robots.txt"),
        ("https://bread.example/.well-known/security.txt", "address for machines: the address is /.well-known/"),
        ("https://bread.example/guide/robots.txt", ""),
        ("https://bread.example/robots.txt/about", ""),
        ("https://bread.example/well-known/bread", ""),
        ("folder/robots.txt", ""),
    ],
)
def test_what_hosts_say_to_programs_is_not_read(source: str, expected: str):
    assert refused(source) == expected
