from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.corpus.reading.decode import Undecodable, decode

CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy. " * 5
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
JAPANESE = "色は匂へど散りぬるを我が世誰ぞ常ならむ。" * 10
KOREAN = "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. " * 5
CHINESE = "视野无限广，窗外有蓝天。微风迎客，软语伴茶。" * 10
ENGLISH = "The quick brown fox jumps over the lazy dog near the bank of the river. " * 30


@pytest.mark.parametrize(
    ("text", "codec", "declared"),
    [
        (CZECH, "iso-8859-2", "ISO-8859-2"),
        (CZECH, "cp1250", " 'windows-1250' "),
        (RUSSIAN, "koi8-r", "koi8-r"),
        (JAPANESE, "shift_jis", "x-sjis"),
        (JAPANESE, "euc-jp", "EUC-JP"),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        (KOREAN, "cp949", "euc-kr"),
        (CHINESE, "gb18030", "gb2312"),
        (CHINESE + "\n", "utf-16-le", "utf-16"),
        ("smart “quotes”", "cp1252", "iso-8859-1"),
    ],
)
def test_a_charset_that_is_declared_outside_is_taken(text: str, codec: str, declared: str):
    assert decode(text.encode(codec), declared=declared) == text


def test_the_byte_order_mark_wins_over_what_is_declared():
    for codec in ("utf-8-sig", "utf-16", "utf-32"):
        assert decode(CHINESE.encode(codec), declared="iso-8859-1") == CHINESE


def test_what_is_valid_utf_8_is_utf_8_whatever_is_declared():
    page = f'<meta charset="windows-1252">{CZECH}'
    assert decode(page.encode(), html=True, declared="iso-8859-1") == page


def test_the_header_wins_over_the_page_and_the_page_over_the_detector():
    page = f'<meta charset="koi8-r">{RUSSIAN}'
    assert decode(page.encode("cp1251"), html=True, declared="windows-1251") == page
    assert decode(page.encode("koi8-r"), html=True) == page
    assert decode(page.encode("koi8-r"), html=True, declared="no-such-charset") == page


@pytest.mark.parametrize(
    "declaration",
    [
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-2">',
        "<META CHARSET='iso-8859-2'>",
        '<?xml version="1.0" encoding="iso-8859-2"?>',
    ],
)
def test_a_page_declares_its_charset_in_several_ways(declaration: str):
    page = declaration + "<p>ąęłżźś"
    assert decode(page.encode("iso-8859-2"), html=True) == page


def test_a_charset_that_does_not_fit_gives_way_to_the_next():
    page = f'<meta charset="euc-jp">{JAPANESE}'
    assert decode(page.encode("euc-jp"), html=True, declared="utf-8") == page
    assert decode(page.encode("euc-jp"), html=True, declared="utf-16") == page
    assert decode(RUSSIAN.encode("cp1251"), declared="utf-8") == RUSSIAN


def test_a_page_that_says_utf_16_in_ascii_is_not():
    page = '<meta charset="utf-16"><p>café, ' + ENGLISH
    assert decode(page.encode("cp1252"), html=True) == page


@pytest.mark.parametrize("declared", ["", "utf-8", "iso-8859-1"])
def test_a_few_damaged_bytes_of_utf_8_are_replaced(declared: str):
    text = CZECH * 20
    data = text.encode()
    assert decode(data[:2000] + b"\xff" + data[2000:], declared=declared).count("\ufffd") == 1
    cut = data[: data.rindex("ó".encode()) + 1]
    assert decode(cut, declared=declared) == cut[:-1].decode() + "\ufffd"


def test_a_few_damaged_bytes_of_another_charset_are_replaced():
    text = JAPANESE * 10
    assert decode(text.encode("euc-jp") + b"\xff", declared="euc-jp") == text + "\ufffd"


def test_a_latin_text_with_few_accents_is_not_taken_for_damaged_utf_8():
    text = ENGLISH + "café and naïve"
    assert decode(text.encode("cp1252"), declared="iso-8859-1") == text


def test_a_few_nul_bytes_are_replaced_and_many_are_a_reason():
    assert decode(ENGLISH.encode() + b"\x00") == ENGLISH + "\ufffd"
    for data in (b"\x00 few words", ENGLISH.encode() + b"\x00" * 10, b"\x89PNG\x00\x00\xff" * 100):
        with pytest.raises(Undecodable, match="holds NUL bytes"):
            decode(data)


def test_many_damaged_bytes_are_a_reason():
    data = (b"\xff\xfe\x81" + b"\x01\x02 text ") * 100
    with pytest.raises(Undecodable):
        decode(b" " + data, declared="utf-8")
    with pytest.raises(Undecodable, match="cannot be decoded as utf-32-le"):
        decode(b"\xff\xfe\x00\x00" + b"\xff" * 400)


def test_colours_of_a_terminal_are_no_other_charset():
    text = "\x1b[31mred\x1b[0m"
    assert decode(text.encode()) == text


@given(
    st.binary(max_size=200), st.sampled_from(["", "utf-8", "gbk", "utf-16", "iso-2022-jp", "\x00\xff"]), st.booleans()
)
def test_any_bytes_are_text_that_can_be_stored_or_undecodable(data: bytes, declared: str, html: bool):
    with contextlib.suppress(Undecodable):
        text = decode(data, html=html, declared=declared)
        assert "\x00" not in text
        text.encode("utf-8")
