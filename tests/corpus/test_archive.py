from __future__ import annotations

import gzip
import io
import random
import struct
import sys
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from humpback.corpus.archives.archive import Damage, Record, Span, parse_fields, read_records
from humpback.corpus.archives.zstd import ZstdDict
from tests.corpus.warc_samples import PACKINGS, blocks, damages, harmed, read, record, words, zstd

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor, finalize_dict
else:
    from backports.zstd import ZstdCompressor, finalize_dict

TEXTS = [words(random.Random(number), size) for number, size in enumerate((300, 20, 5000, 0, 40_000, 1000))]
RECORDS = [record(text, uri=f"http://example.org/{number}") for number, text in enumerate(TEXTS)]
each_packing = pytest.mark.parametrize("packing", list(PACKINGS))


def packed(packing: str, *records: bytes) -> bytes:
    return b"".join(PACKINGS[packing](one) for one in records)


@each_packing
def test_each_record_is_read_with_its_fields_and_the_byte_it_begins_at(packing: str):
    data = packed(packing, *RECORDS)
    found = read(data)
    assert blocks(found) == TEXTS
    assert damages(found) == []
    for number, item in enumerate(found):
        assert isinstance(item, Record)
        assert item.fields["warc-target-uri"] == f"http://example.org/{number}"
        assert item.length == len(TEXTS[number])
        assert data[int(item.offset) :].startswith(PACKINGS[packing](RECORDS[number]))


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_an_archive_packed_as_a_whole_is_read(packing: str):
    found = read(PACKINGS[packing](b"".join(RECORDS)))
    assert blocks(found) == TEXTS
    assert [item.offset for item in found][:2] == ["0", f"0+{len(RECORDS[0])}"]


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_an_archive_packed_in_blocks_that_begin_anywhere_is_read(packing: str):
    whole = b"".join(RECORDS)
    for size in (997, 1000, 4096, 7):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)][: 600 if size == 7 else None]
        data = packed(packing, *pieces, b"")
        assert blocks(read(data)) == (TEXTS[:2] if size == 7 else TEXTS)


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_empty_members_are_passed_over(packing: str):
    data = packed(packing, b"", RECORDS[0], b"", b"", RECORDS[1], b"")
    assert blocks(read(data)) == TEXTS[:2]
    assert damages(read(data)) == []


@each_packing
def test_line_ends_of_another_kind_or_number_do_no_harm(packing: str):
    bare = [one.replace(b"\r\n", b"\n") for one in RECORDS]
    tight = [RECORDS[0][:-4], RECORDS[1] + b"\r\n\r\n", RECORDS[2][:-2], RECORDS[3]]
    assert blocks(read(packed(packing, *bare))) == TEXTS
    assert blocks(read(packed(packing, *tight))) == TEXTS[:4]
    assert damages(read(packed(packing, *tight))) == []


def test_a_file_whose_name_says_that_it_is_packed_may_be_plain():
    assert blocks(read(b"".join(RECORDS), compression=".gz")) == TEXTS


def test_frames_that_need_the_dictionary_at_the_beginning_of_the_file_are_read():
    samples = [record(words(random.Random(number), 700)) for number in range(50)]
    dictionary = finalize_dict(ZstdDict(b"".join(samples)[:4000], is_raw=True), samples, 5000, 3)
    for content in (dictionary.dict_content, zstd(dictionary.dict_content)):
        head = struct.pack("<II", 0x184D2A5D, len(content)) + content
        frames = [ZstdCompressor(zstd_dict=dictionary).compress(one, ZstdCompressor.FLUSH_FRAME) for one in samples]
        data = head + b"".join(frames)
        assert len(blocks(read(data))) == 50
        assert blocks(read(data, len(head) + sum(map(len, frames[:20])))) == blocks(read(data))[20:]
        assert blocks(read(frames[0])) == []


# Damage


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_member_that_is_cut_off_costs_only_itself(packing: str):
    members = [PACKINGS[packing](one) for one in RECORDS]
    for lost in range(len(members)):
        cut = [member[: len(member) * 2 // 3] if at == lost else member for at, member in enumerate(members)]
        found = read(b"".join(cut), compression=packing)
        assert blocks(found) == TEXTS[:lost] + TEXTS[lost + 1 :]
        assert damages(found) == [str(sum(map(len, members[:lost])))]


def test_a_plain_record_that_is_cut_off_costs_only_itself():
    for lost in range(len(RECORDS)):
        cut = [one[: len(one) * 2 // 3] if at == lost else one for at, one in enumerate(RECORDS)]
        found = read(b"".join(cut))
        assert blocks(found) == TEXTS[:lost] + TEXTS[lost + 1 :]
        assert damages(found) == [str(sum(map(len, RECORDS[:lost])))]


@each_packing
def test_bytes_between_records_cost_none_and_are_counted_once(packing: str):
    noise = random.Random(1).randbytes(2000)
    one, two, three = (PACKINGS[packing](text) for text in RECORDS[:3])
    found = read(one + noise + two + noise + three + noise, compression=packing)
    assert blocks(found) == TEXTS[:3]
    assert damages(found) == [
        str(len(one)),
        str(len(one) + 2000 + len(two)),
        str(len(one) + len(two) + 4000 + len(three)),
    ]


@each_packing
def test_bytes_before_the_first_record_are_counted(packing: str):
    found = read(b"noise" * 100 + packed(packing, *RECORDS), compression=packing)
    assert blocks(found) == TEXTS
    assert damages(found) == ["0"]


def test_members_between_records_that_hold_something_else_cost_none():
    found = read(gzip.compress(RECORDS[0]) + gzip.compress(b"a note" * 50) + gzip.compress(RECORDS[1]))
    assert blocks(found) == TEXTS[:2]
    assert damages(found) == [str(len(gzip.compress(RECORDS[0])))]


@each_packing
@pytest.mark.parametrize("wrong", [-700, -1, 5, 700, 10**6, 10**15])
def test_a_wrong_length_costs_only_its_record(packing: str, wrong: int):
    bad = record(TEXTS[2], uri="http://example.org/wrong", length=len(TEXTS[2]) + wrong)
    found = read(packed(packing, *RECORDS[:2], bad, *RECORDS[3:]))
    assert blocks(found) == TEXTS[:2] + TEXTS[3:]
    (damage,) = (item for item in found if isinstance(item, Damage))
    assert damage.offset == str(len(packed(packing, *RECORDS[:2])))
    assert damage.detail.endswith("bytes it says it has: http://example.org/wrong")


@pytest.mark.parametrize("wrong", [-700, 700, 3 * 10**6, 10**15])
def test_a_wrong_length_in_an_archive_packed_as_a_whole_costs_only_its_record(wrong: int):
    bad = record(TEXTS[2], length=len(TEXTS[2]) + wrong)
    more = [record(words(random.Random(at % 7), 40_000)) for at in range(100)]
    found = read(gzip.compress(b"".join([*RECORDS[:2], bad, *RECORDS[3:], *more]), 1))
    assert blocks(found)[:5] == TEXTS[:2] + TEXTS[3:]
    assert len(blocks(found)) == 105
    assert len(damages(found)) == 1


def test_what_was_packed_as_a_whole_is_read_up_to_its_damage():
    data = bytearray(gzip.compress(b"".join(RECORDS)))
    data[-200:] = bytes(200)
    found = read(bytes(data))
    assert blocks(found) == TEXTS[: len(found) - 1]
    assert len(found) > 3
    assert isinstance(found[-1], Damage)


def test_a_record_that_does_not_pass_the_check_sum_of_its_member_is_dropped():
    member = bytearray(gzip.compress(RECORDS[0], compresslevel=0))
    member[len(member) // 2] ^= 1
    found = read(bytes(member) + gzip.compress(RECORDS[1]))
    assert blocks(found) == TEXTS[1:2]
    assert [item.detail for item in found if isinstance(item, Damage)] == ["cannot be unpacked: incorrect data check"]


@pytest.mark.parametrize(
    ("head", "detail"),
    [
        (b"WARC/1.0\r\nContent-Length: 5\r\n\r\nabcde\r\n\r\n", "a header without type or length"),
        (b"WARC/1.0\r\nWARC-Type: response\r\n\r\nabcde\r\n\r\n", "a header without type or length"),
        (b"WARC/1.0\r\nWARC-Type: x\r\nContent-Length: -5\r\n\r\nabcde\r\n\r\n", "a header without type or length"),
        (b"WARC/1.0\r\nWARC-Type: response\r\n" + b"X: y\r\n" * 20_000, "a header without an end"),
    ],
)
def test_a_header_that_says_too_little_costs_only_its_record(head: bytes, detail: str):
    found = read(gzip.compress(RECORDS[0]) + gzip.compress(head) + gzip.compress(RECORDS[1]))
    assert blocks(found) == TEXTS[:2]
    assert [item.detail for item in found if isinstance(item, Damage)] == [detail]


@each_packing
def test_a_file_without_a_record_is_one_damaged_place(packing: str):
    assert damages(read(b"<html>no archive at all</html>" * 1000, compression=packing)) == ["0"]
    assert read(b"", compression=packing) == []


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.sampled_from(list(PACKINGS)), st.integers(0, 5))
def test_damage_anywhere_costs_no_record_but_those_it_touched(draw: random.Random, packing: str, hits: int):
    archive = harmed(draw, packing, hits)
    found = iter(blocks(read(archive.data, compression=packing)))
    assert all(any(block == other for other in found) for block in archive.whole)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400), st.sampled_from(list(PACKINGS)), st.booleans())
def test_no_bytes_make_the_reader_fail(noise: bytes, packing: str, inside: bool):
    middle = PACKINGS[packing](b"WARC/1.0\r\n" + noise) if inside else noise
    found = read(packed(packing, RECORDS[0]) + middle + packed(packing, RECORDS[1]))
    assert blocks(found)[0] == TEXTS[0]
    assert blocks(found)[-1] == TEXTS[1]


# Bounds


class Counted(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_a_block_that_is_too_long_is_passed_over_in_bounded_memory():
    long = b"many words " * 6_000_000
    data = gzip.compress(record(long), 1) + gzip.compress(RECORDS[0])
    tracemalloc.start()
    found = read(data, most=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(found[0], Record)
    assert (found[0].length, found[0].block) == (len(long), long[: 64 << 10])
    assert blocks(found)[1:] == TEXTS[:1]
    assert peak < 40_000_000


def test_a_block_that_is_too_long_is_not_even_read_where_it_is_plain():
    file = Counted(record(bytes(50_000_000)) + RECORDS[0])
    found = list(read_records(file, 1_000_000, Span()))
    assert [len(block) for block in blocks(found)] == [64 << 10, len(TEXTS[0])]
    assert file.count < 6_000_000


def test_a_bomb_is_left_and_the_next_record_read():
    compressor = ZstdCompressor()
    zeros = bytes(1 << 26)
    bomb = compressor.compress(record(b"", length=10**12)[:-4])
    bomb += b"".join(compressor.compress(zeros) for _ in range(18)) + compressor.flush()
    found = read(zstd(RECORDS[0]) + bomb + zstd(RECORDS[1]))
    assert blocks(found) == TEXTS[:2]
    assert [item.detail[:17] for item in found if isinstance(item, Damage)] == ["1024 MiB and more"]


def test_many_small_records_that_unpack_in_one_piece_are_read():
    few, many = (gzip.compress(record(b"") * count) for count in (1000, 20_000))
    assert len(blocks(read(few))) == 1000
    assert len(blocks(read(many))) == 20_000


def test_fields_are_read_in_any_case_with_continued_lines_and_repeated_names():
    head = (
        b"HTTP/1.1 200 OK\r\nContent-TYPE:text/html;\r\n\tcharset=utf-8\r\nVia: a\r\nVIA: b\r\nno colon\r\nX: caf\xe9"
    )
    assert parse_fields(head) == {
        "content-type": "text/html; charset=utf-8",
        "via": "a, b",
        "no colon": "",
        "x": "caf�",
    }
