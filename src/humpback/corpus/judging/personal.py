"""Personal data in a text: matched by its form, checked, and replaced by words.

Masked are e-mail addresses, phone numbers, public IP addresses, bank accounts (IBAN, by its check digits), payment
cards (by issuer and Luhn's check digit) and US social security numbers. Each is replaced by its kind in brackets,
so that sentences stay sentences: 'write to [email address]'.

What belongs to nobody stays: addresses under example.com and other domains made for examples, git@ and no-reply
addresses, fictional and toll-free phone numbers, test cards, the registry's sample accounts, IP addresses that are
private, reserved, public resolvers or part of code, and version numbers. Names are not searched.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from humpback.config import SegmentSettings
from humpback.corpus.cutting.piece import CODE_SPAN, Piece
from humpback.corpus.judging import identifiers


@dataclass(frozen=True, slots=True)
class PersonalData:
    """A span of a text that is personal data."""

    start: int
    end: int
    kind: str
    """Its kind in words: 'email address'."""


_MAIL_LINK = re.compile(r"\[(\[email address\]|[^\[\]\n]{1,200})\]\(\[email address\](?:\?[^()\s]{0,300})?\)")
"""A masked address that was the target of a link: only the words of the link stay."""
_EMAIL = re.compile(
    r"(?<![\w.+%/<@-])<?(?:mailto:)?(?P<local>[\w+%][\w.+%'-]{0,63})@(?P<domain>(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})"
    r"(?![\w-])>?",
    re.IGNORECASE,
)
_SPELT_EMAIL = re.compile(
    r"(?<![\w.+-])(?P<local>[\w.+-]{1,64}) ?[\[(]at[\])] ?"
    r"(?P<domain>[\w-]{1,63}(?:(?: ?[\[(]dot[\])] ?|\.)[\w-]{1,63}){1,4})",
    re.IGNORECASE,
)
_AT = ("(at)", "[at]", "(AT)", "[AT]")
_PHONE = re.compile(
    r"(?<![\w+./=#-])(?:"
    r"\+\d{1,3}[ .-]?(?:\(0\) ?)?(?:\(\d{1,4}\)[ .-]?)?\d{1,5}(?:[ .-]?\d{2,5}){2,5}"
    r"|(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[.-])[2-9]\d\d[.-]\d{4}"
    r")(?![\w-]|\.\d)"
)
_NAMED_PHONE = re.compile(
    r"\b(?:tel(?:ephone)?|phone|mobile|cell|fax|call|whatsapp|text)\b\.?"
    r"(?: ?(?:us|me|him|her|them|at|on|is|no\.|number|:)){0,3} ?"
    r"(?P<number>\(?\d{2,5}\)?(?:[ ./-]\d{2,5}){1,4}|\d{9,11})(?![\w-]|\.\d)",
    re.IGNORECASE,
)
_IBAN = re.compile(r"[A-Z][A-Z]\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_CARD = re.compile(
    r"(?<![\w.+/=#-])(?:\d{4}([ -]?)\d{4}\1\d{4}\1\d{4}|3[47]\d\d([ -]?)\d{6}\2\d{5}|3[068]\d\d([ -]?)\d{6}\3\d{4})"
    r"(?![\w-]|\.\d)"
)
_SSN = re.compile(r"(?<![\w./-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-]|\.\d)")
_IPV4 = re.compile(r"(?<![\w.:/@=~^<>-])(?:\d{1,3}\.){3}\d{1,3}(?![\w:/-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:./])[23][0-9a-f]{3}:(?:[0-9a-f]{0,4}:){1,6}[0-9a-f]{0,4}(?![\w:/])", re.IGNORECASE)
_FENCED = re.compile(r"^ {0,12}(?:> ?)*(`{3,}|~{3,}).*?(?:^ {0,12}(?:> ?)*\1[^\n]*$|\Z)", re.MULTILINE | re.DOTALL)
_COLONS = 6
_LONG_NUMBER = re.compile(r"\d[\d ()./-]{5,40}\d")
"""Every phone, card and social security number and IPv4 address contains this: one search instead of five."""


def mask(text: str) -> tuple[str, list[PersonalData]]:
    """The text with words instead of personal data, and the spans of the data in the original text."""
    matches = find(text)
    if not matches:
        return text, matches
    parts: list[str] = []
    copied = 0
    for item in matches:
        parts += [text[copied : item.start], f"[{item.kind}]"]
        copied = item.end
    return _MAIL_LINK.sub(r"\1", "".join([*parts, text[copied:]])), matches


def find(text: str) -> list[PersonalData]:
    """The personal data in a text, in order and without overlap."""
    matches = list(_emails(_EMAIL, text)) if "@" in text else []
    if any(sign in text for sign in _AT):
        matches += _emails(_SPELT_EMAIL, text)
    matches += _checked(_IBAN.finditer(text), identifiers.is_iban, "account number")
    if _LONG_NUMBER.search(text):
        matches += [*_numbers(text), *_phones(text), *_hosts(_IPV4, text)]
    if "::" in text or text.count(":") > _COLONS:
        matches += _hosts(_IPV6, text)
    apart: list[PersonalData] = []
    for item in sorted(matches, key=lambda item: (item.start, -item.end)):
        if not apart or item.start >= apart[-1].end:
            apart.append(item)
    return apart


def mask_piece(piece: Piece) -> tuple[Piece, list[str]]:
    """The piece with its text and titles masked, and the original values."""
    text, matches = mask(piece.text)
    values = [piece.text[item.start : item.end] for item in matches]
    for title in piece.title_path:
        values += [title[item.start : item.end] for item in find(title)]
    if not values:
        return piece, values
    path = tuple(mask(title)[0] for title in piece.title_path)
    return replace(piece, text=text, header=mask(piece.header)[0], title_path=path), values


def holds_personal_data(piece: Piece, settings: SegmentSettings) -> str | None:
    """It holds personal data, and the settings drop such pieces."""
    return in_words(find(piece.text)) or None if settings.personal_data == "drop" else None


def in_words(items: Sequence[PersonalData]) -> str:
    """The number of each kind: '2 email address, 1 phone number'."""
    return ", ".join(f"{count} {kind}" for kind, count in Counter(item.kind for item in items).items())


def _emails(pattern: re.Pattern[str], text: str) -> Iterator[PersonalData]:
    for match in pattern.finditer(text):
        if not identifiers.is_example_email(match["local"], match["domain"]):
            yield PersonalData(match.start(), match.end(), "email address")


def _phones(text: str) -> Iterator[PersonalData]:
    for pattern, group in ((_PHONE, 0), (_NAMED_PHONE, "number")):
        for match in pattern.finditer(text):
            if identifiers.is_phone(match[group]):
                yield PersonalData(match.start(group), match.end(group), "phone number")


def _numbers(text: str) -> Iterator[PersonalData]:
    yield from _checked(_CARD.finditer(text), identifiers.is_card, "card number")
    yield from _checked(_SSN.finditer(text), identifiers.is_social_security, "social security number")


def _hosts(pattern: re.Pattern[str], text: str) -> Iterator[PersonalData]:
    matches = pattern.finditer(text)
    public = [match for match in matches if identifiers.is_public_address(match.group(), text[: match.start()][-40:])]
    if not public:
        return
    code = [match.span() for inside in (_FENCED, CODE_SPAN) for match in inside.finditer(text)]
    for match in public:
        if not any(start <= match.start() < end for start, end in code):
            yield PersonalData(match.start(), match.end(), "IP address")


def _checked(matches: Iterable[re.Match[str]], check: identifiers.Check, kind: str) -> Iterator[PersonalData]:
    return (PersonalData(match.start(), match.end(), kind) for match in matches if check(match.group()))
