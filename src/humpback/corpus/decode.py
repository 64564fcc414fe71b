"""Bytes to text: byte order mark, UTF-8, the page's own declaration, the detector, in that order."""

from __future__ import annotations

import codecs
import re

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(rb"<meta\s[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_DECLARED = 4096
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f]")
_MAX_CONTROLS = 0.01


class Undecodable(Exception):
    """Bytes that are no text, and what gave them away."""


def decode(data: bytes, *, html: bool = False, lenient: bool = False) -> str:
    """Text from bytes.

    Args:
        data: The whole content.
        html: Whether a `<meta charset>` counts.
        lenient: Replace what cannot be decoded, for excerpts; never raises.

    Raises:
        Undecodable: They hold NUL, more than a few control characters, or no charset fits.
    """
    if lenient:
        return data.decode("utf-8", "replace")
    for mark, charset in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], charset)
    if b"\x00" in data:
        raise Undecodable("holds NUL bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        first = f"not UTF-8 at byte {error.start}"
    found = _META.search(data[:_DECLARED]) if html else None
    declared = map_encoding_to_html5(found.group(1).decode("ascii")) if found else None
    charset = declared or detect_encoding(data) or ""
    if charset in ("", "utf-8"):
        raise Undecodable(first)
    text = _strict(data, charset)
    if len(_CONTROLS.findall(text)) > _MAX_CONTROLS * len(text):
        raise Undecodable(f"{first}, and full of control characters as {charset}")
    return text


def _strict(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise Undecodable(f"cannot be decoded as {charset}") from None
