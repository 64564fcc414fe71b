from __future__ import annotations

import contextlib
import functools
import gzip
import random
import time
import tracemalloc
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.corpus.archives.bodies import decode_body, parse_response
from humpback.corpus.parsing.sections import Unusable
from tests.corpus.warc_samples import sent, words, zstd

PAGE = b"<html><body>" + b"".join(b"<p>Paragraph %d of a page.</p>" % number for number in range(400)) + b"</html>"
MOST = 1_000_000


def deflate_bare(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


CODINGS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "br": functools.partial(brotli.compress, quality=5),
    "zstd": zstd,
    "deflate": zlib.compress,
}
each_coding = pytest.mark.parametrize("coding", list(CODINGS))


def chunked(data: bytes, size: int, extension: bytes = b"", line_end: bytes = b"\r\n") -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%b%b%b%b" % (len(part), extension, line_end, part, line_end) for part in [*parts, b""])


def body(data: bytes, *headers: str, most: int = MOST) -> bytes:
    response = parse_response(sent(data, *headers))
    assert response
    return decode_body(response, most)


@each_coding
@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_coding_is_undone(coding: str, in_chunks: bool):
    data = CODINGS[coding](PAGE)
    headers = [f"Content-Encoding: {coding}", *(["Transfer-Encoding: chunked"] if in_chunks else [])]
    assert body(chunked(data, 1000) if in_chunks else data, *headers) == PAGE


def test_deflate_without_the_header_of_zlib_is_undone():
    assert body(deflate_bare(PAGE), "Content-Encoding: deflate") == PAGE


def test_several_codings_are_undone_in_turn_in_whichever_header_they_stand():
    assert body(gzip.compress(brotli.compress(PAGE)), "Content-Encoding: br, gzip") == PAGE
    assert body(gzip.compress(brotli.compress(PAGE)), "Content-Encoding: br", "Content-Encoding: GZIP") == PAGE
    assert body(chunked(gzip.compress(PAGE), 99), "Transfer-Encoding: gzip, chunked") == PAGE


@each_coding
def test_a_page_that_is_said_to_be_packed_and_is_not_stays_as_it_is(coding: str):
    assert body(PAGE, f"Content-Encoding: {coding}") == PAGE
    assert body(b"", f"Content-Encoding: {coding}") == b""


def test_a_page_that_is_packed_and_not_said_to_be_is_unpacked():
    assert body(gzip.compress(PAGE)) == PAGE
    assert body(gzip.compress(PAGE), "Content-Encoding: none") == PAGE


def test_a_page_that_was_packed_twice_is_unpacked_twice():
    assert body(gzip.compress(gzip.compress(PAGE)), "Content-Encoding: gzip") == PAGE


def test_several_members_are_one_page():
    for pack, coding in ((gzip.compress, "gzip"), (zstd, "zstd")):
        assert body(pack(PAGE[:500]) + pack(PAGE[500:]) + b"rest", f"Content-Encoding: {coding}") == PAGE


@pytest.mark.parametrize("form", [(b"", b"\r\n"), (b";name=value", b"\r\n"), (b"", b"\n"), (b"  ", b"\r\n")])
def test_chunks_of_every_form_are_joined(form: tuple[bytes, bytes]):
    assert body(chunked(PAGE, 777, *form), "Transfer-Encoding: chunked") == PAGE


@pytest.mark.parametrize("page", [PAGE, b"12\r\nmonths make a year, and a day", b"cafes\r\n", b"0ne"])
def test_a_page_that_is_said_to_be_in_chunks_and_is_not_stays_as_it_is(page: bytes):
    assert body(page, "Transfer-Encoding: chunked") == page


def test_no_chunk_but_the_last_is_an_empty_page():
    assert body(b"0\r\n\r\n", "Transfer-Encoding: chunked") == b""


@each_coding
def test_a_page_that_is_cut_off_is_read_up_to_there(coding: str):
    long = words(random.Random(1), 600_000)
    data = CODINGS[coding](long)
    found = body(data[: len(data) // 2], f"Content-Encoding: {coding}", most=10**7)
    assert long.startswith(found)
    assert len(found) >= len(long) // 10


def test_a_page_that_cannot_be_unpacked_at_all_is_said_to_be_damaged():
    with pytest.raises(Unusable, match="damaged body: "):
        body(random.Random(1).randbytes(200), "Content-Encoding: br")


def test_chunks_that_are_cut_off_are_read_up_to_there():
    assert body(chunked(PAGE, 1000)[:3000], "Transfer-Encoding: chunked") == PAGE[: 3000 - 2 * 7 - 5]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_damaged_page_is_said_to_be_damaged(coding: str):
    data = bytearray(CODINGS[coding](PAGE * 10))
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    with pytest.raises(Unusable, match="damaged body: "):
        body(bytes(data), f"Content-Encoding: {coding}")


@each_coding
def test_a_bomb_is_not_unpacked_further_than_the_longest_page(coding: str):
    bomb = CODINGS[coding](bytes(50_000_000))
    began = time.process_time()
    tracemalloc.start()
    with pytest.raises(Unusable, match="document too long: more than 1000000 bytes"):
        body(bomb, f"Content-Encoding: {coding}")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * MOST
    assert time.process_time() - began < 5


def test_a_page_in_many_wrappings_is_not_unwrapped_for_ever():
    with pytest.raises(Unusable, match="damaged body: encoded 900 times"):
        body(PAGE, f"Content-Encoding: {'gzip, ' * 900}")
    empty = gzip.compress(b"") * 50_000
    began = time.process_time()
    assert body(empty + gzip.compress(PAGE), "Content-Encoding: gzip", most=10**7) == b""
    assert time.process_time() - began < 5


def test_a_long_page_without_any_coding_is_refused_too():
    with pytest.raises(Unusable, match="document too long"):
        body(PAGE, most=1000)


def test_what_is_no_response_is_none():
    assert parse_response(b"20080430204825\nwww.archive.org.\t589\tIN\tA\t207.241.229.39\n") is None
    assert parse_response(b"") is None


def test_a_response_of_which_the_header_does_not_end_has_no_body():
    response = parse_response(b"HTTP/1.1 200 OK\r\nContent-Type: text/html")
    assert response
    assert (response.status, response.fields, response.body) == (200, {"content-type": "text/html"}, b"")


@given(
    st.binary(max_size=300),
    st.lists(st.sampled_from([*CODINGS, "chunked", "nonsense"]), max_size=5),
    st.sampled_from([b"", b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"5\r\nhello\r\n", b"\x1b"]),
)
def test_no_bytes_make_decoding_fail_in_another_way(data: bytes, codings: list[str], head: bytes):
    with contextlib.suppress(Unusable):
        assert len(body(head + data, f"Content-Encoding: {','.join(codings)}", "Transfer-Encoding: chunked")) <= MOST
