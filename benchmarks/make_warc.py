"""Makes a web archive of real-looking pages with known near-duplicates and known damage, and a side file that tells.

The pages are the furniture of 181 real pages (less those that cannot be cut cleanly) around texts put together from
3,478 public documents; `planted/text.py` says what makes two of them alike or not. Around each page stand the records a
crawl has: request, response, metadata; some responses are pictures, JSON or PDF. Same arguments, same bytes.

    python benchmarks/make_warc.py --pages 20000 --out crawl.warc.gz

The side file `crawl.warc.gz.truth.jsonl` has one row for each page (its sections with family, marker and similarity),
one for each damage, and a summary at its end.
"""

from __future__ import annotations

import argparse
import base64
import functools
import gzip
import hashlib
import json
import random
import uuid
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import brotli
import pyarrow as pa
from planted.furniture import read_templates
from planted.pages import Crawl, Page
from planted.text import english_pool, foreign_pools

DATA = Path(__file__).parents[2] / "shared" / "data"
DAMAGES = ("truncated member", "garbage between members", "flipped byte", "length too short", "length too long")
LAST_DAMAGE = "truncated end"
UNREADABLE = {"truncated member": 1, "flipped byte": 1, "length too short": 1, "length too long": 2, LAST_DAMAGE: 1}
"""How many records a reader that finds the next good one may lose. In an archive that is not compressed a record that
is cut short takes up to two of those behind it along, and a flipped byte none."""
OFF_BY = 700
"""Bytes by which a wrong length is wrong."""
_DATE = "2026-03-01T12:00:00Z"
_ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": functools.partial(gzip.compress, compresslevel=6, mtime=0),
    "br": functools.partial(brotli.compress, quality=4),
    "deflate": zlib.compress,
    "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
}
_ENCODING_WEIGHTS = (855, 100, 30, 10, 5)
_CHUNKED, _IDENTIFIED, _OTHER, _METADATA = 0.08, 0.85, 0.06, 0.5


@dataclass(frozen=True, slots=True)
class Response:
    """A page as a server sent it."""

    block: bytes
    """HTTP header and body."""
    status: int
    encoding: str
    chunked: bool


def main() -> None:
    """Writes the archive and its side file."""
    arguments = _arguments()
    crawl = open_crawl(arguments.seed, arguments.pages, arguments.duplicates, arguments.data)
    truth = Path(f"{arguments.out}.truth.jsonl")
    with arguments.out.open("wb") as out, truth.open("w", encoding="utf-8") as side:
        summary = write_crawl(crawl, Archive(out, _packer(arguments.out)), arguments.damage, side)
    print(json.dumps(summary))


def open_crawl(seed: int, pages: int, duplicates: float, data: Path = DATA) -> Crawl:
    """Reads the public sets that pages are made of."""
    templates, foreign = read_templates(data / "html" / "scrapinghub_article_181.jsonl.gz")
    return Crawl(seed, pages, duplicates, english_pool(data / "docs"), foreign_pools(foreign), templates)


def write_crawl(crawl: Crawl, archive: Archive, damages: int, side: BinaryIO) -> dict[str, object]:
    """Writes all pages, one at a time; returns the summary."""
    planned = _planned_damage(crawl.count, damages)
    counts: Counter[str] = Counter()
    archive.write("warcinfo", "", b"software: make_warc\r\nformat: WARC File Format 1.1\r\n", random.Random(crawl.seed))
    for number in range(crawl.count):
        page = crawl.page(number)
        rng = random.Random(f"{crawl.seed} records {number}")
        response = _response(page, rng)
        damage = planned.get(number, "")
        row = _page_row(page, response, damage not in ("", "garbage between members"))
        at = _write_page(archive, page, response, rng, damage)
        if damage:
            lost = UNREADABLE.get(damage, 0)
            side.write(_line(type="damage", kind=damage, offset=at, url=page.url, unreadable_at_most=lost))
        side.write(_line(**row))
        counts.update([page.kind, "records with damage"] if damage else [page.kind])
        counts.update(f"sections: {one.variant}" for one in page.planted)
        counts["html bytes"] += len(page.html)
    summary = {"type": "summary", "seed": crawl.seed, "pages": crawl.count, "bytes": archive.out.tell(), **counts}
    side.write(_line(**summary))
    return summary


class Archive:
    """Records, each packed by itself."""

    def __init__(self, out: BinaryIO, pack: Callable[[bytes], bytes]) -> None:
        self.out = out
        self._pack = pack

    def write(self, kind: str, url: str, block: bytes, rng: random.Random, *, form: str = "application/warc-fields",
              payload: str = "", damage: str = "") -> int:  # fmt: skip
        """Writes a record, damaged where asked; returns where it begins."""
        length = len(block) + {"length too short": -OFF_BY, "length too long": OFF_BY}.get(damage, 0)
        lines = [
            "WARC/1.1",
            f"WARC-Type: {kind}",
            f"WARC-Record-ID: <urn:uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}>",
            f"WARC-Date: {_DATE}",
            *([f"WARC-Target-URI: {url}"] if url else []),
            f"WARC-Block-Digest: sha1:{base64.b32encode(hashlib.sha1(block).digest()).decode()}",
            *([f"WARC-Identified-Payload-Type: {payload}"] if payload else []),
            f"Content-Type: {form}",
            f"Content-Length: {length}",
        ]
        member = self._pack("\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n")
        at = self.out.tell()
        self.out.write(_harmed(member, damage, rng))
        return at


def _harmed(member: bytes, damage: str, rng: random.Random) -> bytes:
    """The bytes of a record with a damage that is done to bytes."""
    if damage in ("truncated member", LAST_DAMAGE):
        return member[: len(member) * 2 // 3]
    if damage == "garbage between members":
        return rng.randbytes(rng.randint(500, 5000)) + member
    if damage == "flipped byte":
        middle = len(member) // 2
        return member[:middle] + bytes([member[middle] ^ 0x55]) + member[middle + 1 :]
    return member


def _write_page(archive: Archive, page: Page, response: Response, rng: random.Random, damage: str) -> int:
    """The records of a page; returns where its response begins."""
    host = page.site.host
    request = f"GET {page.url.split(host)[1]} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip, br\r\n\r\n".encode()
    archive.write("request", page.url, request, rng, form="application/http; msgtype=request")
    kind = "text/html" if rng.random() < _IDENTIFIED else ""
    at = archive.write("response", page.url, response.block, rng, form="application/http; msgtype=response",
                       payload=kind, damage=damage)  # fmt: skip
    if damage == LAST_DAMAGE:
        return at
    if damage or rng.random() < _METADATA:
        archive.write("metadata", page.url, b"fetchTimeMs: 212\r\ncharset-detected: UTF-8\r\n", rng)
    if rng.random() < _OTHER:
        url, kind, body = _other(page, rng)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        archive.write("response", url, head + body, rng, form="application/http; msgtype=response", payload=kind)
    return at


def _response(page: Page, rng: random.Random) -> Response:
    """HTTP header and body as sent."""
    status = 404 if page.kind == "thin" and rng.random() < 0.15 else 200
    body = page.html.encode(page.site.charset, "xmlcharrefreplace")
    encoding = rng.choices(tuple(_ENCODINGS), _ENCODING_WEIGHTS)[0]
    body = _ENCODINGS[encoding](body)
    chunked = rng.random() < _CHUNKED
    charset = f"; charset={page.site.charset}" if "header" in page.site.declared else ""
    lines = [f"HTTP/1.1 {status} {'OK' if status == 200 else 'Not Found'}", "Server: nginx"]
    lines += [f"Content-Type: text/html{charset}", *([f"Content-Encoding: {encoding}"] if encoding else [])]
    lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}")
    body = b"".join(_chunks(body, rng)) if chunked else body
    return Response("\r\n".join(lines).encode() + b"\r\n\r\n" + body, status, encoding, chunked)


def _chunks(body: bytes, rng: random.Random) -> Iterator[bytes]:
    while body:
        size = rng.randint(1000, 16_000)
        part, body = body[:size], body[size:]
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


def _other(page: Page, rng: random.Random) -> tuple[str, str, bytes]:
    """A response that is no page: its address, type and body."""
    kind, ending, start = rng.choice(
        (("image/jpeg", "jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"), ("application/pdf", "pdf", b"%PDF-1.7\n"),
         ("application/json", "json", b""), ("text/css", "css", b"body { margin: 0 }\n"))
    )  # fmt: skip
    size = rng.randint(500, 40_000)
    filling = {"json": b'{"a": [' + b"1, " * (size // 3) + b"1]}", "css": b".a { color: red }\n" * (size // 18)}
    return f"{page.url}.{ending}", kind, start + filling.get(ending, b"") or start + rng.randbytes(size)


def _planned_damage(pages: int, count: int) -> dict[int, str]:
    """Which pages' responses are damaged, and how: spread evenly, the last one at the end of the file."""
    planned = {pages * (at + 1) // (count + 1): DAMAGES[at % len(DAMAGES)] for at in range(count - 1)}
    return planned | ({pages - 1: LAST_DAMAGE} if count else {})


def _page_row(page: Page, response: Response, damaged: bool) -> dict[str, object]:
    return {
        "type": "page",
        "page": page.number,
        "url": page.url,
        "kind": page.kind,
        "damaged": damaged,
        "status": response.status,
        "template": page.site.template.name,
        "charset": page.site.charset,
        "declared": page.site.declared,
        "encoding": response.encoding,
        "chunked": response.chunked,
        "copy_of": page.copy_of,
        "level": page.level,
        "sections": [asdict(one) for one in page.planted],
    }


def _line(**row: object) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _packer(path: Path) -> Callable[[bytes], bytes]:
    """How one record is packed, by the archive's ending: a gzip member, a Zstandard frame, or not at all."""
    return _ENCODINGS[{".gz": "gzip", ".zst": "zstd"}.get(path.suffix, "")]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="ends in .warc.gz, .warc.zst or .warc")
    parser.add_argument("--duplicates", type=float, default=0.2, help="share of pages with a planted near-duplicate")
    parser.add_argument("--damage", type=int, default=12, help="damaged places")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with docs/ and html/")
    return parser.parse_args()


if __name__ == "__main__":
    main()
