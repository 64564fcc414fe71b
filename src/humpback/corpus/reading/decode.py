"""Bytes to text: byte order mark, UTF-8, what was declared outside and inside, the detector, in that order.

Bytes that are valid UTF-8 are UTF-8 whatever was declared: text in another charset hardly ever is by chance, and wrong
declarations are common. A charset that does not fit gives way to the next one. A few bytes that fit none of the text
around them are replaced by U+FFFD, as browsers do; many are a reason to drop the text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import chain

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(
    rb"<meta\s[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})"
    rb"|\A\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_:.-]{2,40})",
    re.IGNORECASE,
)
_DECLARED = 4096
_CONTROLS = bytes({*range(1, 9), *range(14, 27), *range(28, 32)})
_MAX_CONTROLS = 0.01
_MAX_REPLACED = 0.001
"""Part of the characters that may be replaced."""
_MULTIBYTE = re.compile(r"[^\x00-\x7f\ufffd]")
_MIN_MULTIBYTE = 4
"""Valid characters of several bytes for each invalid byte, in UTF-8 that was damaged."""
_WIDER = {"gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs", "iso8859-11": "cp874"}
"""What is meant where these are named, as browsers have it."""
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_ESCAPED = ("iso2022_jp", *_WIDE)
"""Charsets whose bytes can be valid UTF-8 and still be another text."""


class Undecodable(Exception):
    """Bytes that are no text, and what gave them away."""


def decode(data: bytes, *, html: bool = False, lenient: bool = False, declared: str = "") -> str:
    """Text from bytes.

    Args:
        data: The whole content.
        html: Whether a `<meta charset>` or an XML declaration counts.
        lenient: Replace what cannot be decoded, for excerpts; never raises.
        declared: A charset that was named outside, as in an HTTP header; nonsense is passed over.

    Raises:
        Undecodable: They hold many NUL or other control characters, or no charset fits.
    """
    if lenient:
        return data.decode("utf-8", "replace")
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return _first(data[len(mark) :], iter([charset]), f"cannot be decoded as {charset}")
    outside = _codec_of(declared)
    if outside in _WIDE and b"\x00" not in data:
        outside = ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _first(data, _candidates(data, html, outside), f"not UTF-8 at byte {error.start}")
    if b"\x00" not in data and b"\x1b" not in data:
        return text
    escaped = (charset for charset in (outside, _inside(data) if html else "") if charset in _ESCAPED)
    return _first(data, chain(escaped, ["utf-8"]), "full of control characters")


def _candidates(data: bytes, html: bool, outside: str) -> Iterator[str]:
    """Charsets to try on bytes that are not valid UTF-8, the likeliest first."""
    if _is_damaged_utf8(data):
        yield "utf-8"
    yield outside
    yield _inside(data) if html else ""
    yield _codec_of(detect_encoding(data) or "")


def _first(data: bytes, charsets: Iterator[str], otherwise: str) -> str:
    """The text in the first of these charsets that fits."""
    for charset in filter(None, charsets):
        text = _fitting(data, charset)
        if text is not None:
            return text
    raise Undecodable("holds NUL bytes" if b"\x00" in data else otherwise)


def _fitting(data: bytes, charset: str) -> str | None:
    controls = 0 if charset in _WIDE else len(data) - len(data.translate(None, _CONTROLS))
    if controls > _MAX_CONTROLS * len(data):
        return None
    text = data.decode(charset, "replace").replace("\x00", "\ufffd")
    return text if text.count("\ufffd") <= _MAX_REPLACED * len(text) else None


def _is_damaged_utf8(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    invalid = text.count("\ufffd")
    return invalid <= _MAX_REPLACED * len(text) and len(_MULTIBYTE.findall(text)) >= _MIN_MULTIBYTE * invalid


def _inside(data: bytes) -> str:
    """The charset that a page declares itself; not UTF-16, in which this declaration could not have been found."""
    match = _META.search(data[:_DECLARED])
    charset = _codec_of((match.group(1) or match.group(2)).decode("ascii")) if match else ""
    return "" if charset in _WIDE else charset


def _codec_of(name: str) -> str:
    """The codec that a charset's name means, or nothing."""
    charset = map_encoding_to_html5(name.strip(" '\""), fallback_utf8=False) if name else None
    return _WIDER.get(charset, charset) if charset else ""
