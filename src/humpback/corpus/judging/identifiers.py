"""Is a string that looks like an address, an account or a number really somebody's? Check digits and known examples."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address

from humpback.corpus.parsing.sections import words

Check = Callable[[str], bool]

_NOT_ALNUM = re.compile(r"[^A-Za-z0-9]")
_EXAMPLE_DOMAINS = words(
    "example domain yourdomain your-domain mydomain somedomain test tests foo bar baz acme company yourcompany "
    "mycompany site yoursite mysite website yourwebsite server yourserver host hostname email youremail"
)
_EXAMPLE_ENDINGS = words("example test invalid localhost local internal lan localdomain")
_FILE_ENDINGS = words(
    "png jpg jpeg gif svg webp ico pdf py js mjs cjs ts jsx tsx css scss html htm json xml yaml yml md txt min map zip "
    "service socket timer"
)
_EXAMPLE_LOCALS = words(
    "git hg svn user username user1 user2 you your your.name yourname your-name your_name yourusername your-email "
    "your_email youremail name firstname.lastname first.last someone somebody foo bar noreply no-reply donotreply "
    "do-not-reply password pass secret token john.doe jane.doe johndoe janedoe jdoe"
)
_TOLL_FREE = words("800 833 844 855 866 877 888")
_TEST_CARDS = words(
    "4111111111111111 4242424242424242 4012888888881881 4000056655665556 5555555555554444 5105105105105100 "
    "5200828282828210 2223003122003222 378282246310005 371449635398431 378734493671000 6011111111111117 "
    "6011000990139424 3530111333300000 3566002020360505 30569309025904 38520000023237 4000000000000002"
)
_SAMPLE_ACCOUNTS = words(
    "DE89370400440532013000 GB82WEST12345698765432 GB29NWBK60161331926819 FR1420041010050500013M02606 "
    "NL91ABNA0417164300 BE68539007547034 CH9300762011623852957 ES9121000418450200051332 AT611904300234573201 "
    "IT60X0542811101000000123456 IE29AIBK93115212345678 PL61109010140000071219812874 SE4550000000058398257466"
)
_ACCOUNT_LENGTHS = {
    entry[:2]: int(entry[2:])
    for entry in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
        "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
        "LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 "
        "SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}
_KNOWN_SSN = words("078-05-1120 219-09-9999 123-45-6789 111-11-1111 123-12-1234")
_RESOLVERS = words(
    "1.1.1.1 1.0.0.1 8.8.8.8 8.8.4.4 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 1.2.3.4 5.6.7.8 "
    "2001:4860:4860::8888 2001:4860:4860::8844 2606:4700:4700::1111 2606:4700:4700::1001"
)
_DATE = re.compile(r"(?:19|20)\d\d[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.](?:19|20)\d\d")
_VERSION = re.compile(
    r"(?:\b(?:v|ver|versions?|releases?|builds?|updates?|firmware|patch|section|chapter|clause|paragraph|to|and)\.?"
    r"|[A-Z][\w+#.]*) ?$"
)
_ABOUT_HOSTS = re.compile(r"\b(?:ip|address|addresses|host|server|from|visitor|client)\b", re.IGNORECASE)
_LOW = 25
"""A first number below this begins a version number as often as an address."""


def is_example_email(local: str, domain: str) -> bool:
    """Whether an address belongs to nobody: made for examples, of a machine, or the name of a file."""
    labels = domain.lower().split(".")
    return (
        labels[-1] in _EXAMPLE_ENDINGS | _FILE_ENDINGS
        or any(label in _EXAMPLE_DOMAINS or label == "noreply" for label in labels[:-1])
        or local.lower().strip("'") in _EXAMPLE_LOCALS
    )


def is_phone(number: str) -> bool:
    """Whether a number that looks like one is a phone number, neither fictional nor toll-free nor a date."""
    digits = "".join(filter(str.isdigit, number))
    if not 7 <= len(digits) <= 15 or _DATE.fullmatch(number.strip()) or len(set(digits)) < 3:
        return False
    national = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
    if len(national) == 10 and (not number.startswith("+") or digits != national):
        return "555" not in (national[:3], national[3:6]) and national[:3] not in _TOLL_FREE
    return digits not in ("1234567", "12345678", "123456789", "1234567890")


def is_iban(text: str) -> bool:
    """Whether the country, the length and the check digits of an account number are right (ISO 13616)."""
    code = text.replace(" ", "")
    if _ACCOUNT_LENGTHS.get(code[:2]) != len(code) or code in _SAMPLE_ACCOUNTS:
        return False
    return int("".join(str(int(character, 36)) for character in code[4:] + code[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Whether issuer, length and check digit of a card number are right (ISO/IEC 7812)."""
    digits = _NOT_ALNUM.sub("", text)
    first, two, four = digits[0], int(digits[:2]), int(digits[:4])
    issued = {
        14: two in (30, 36, 38),
        15: two in (34, 37),
        16: first == "4" or 51 <= two <= 55 or 2221 <= four <= 2720 or four == 6011 or two in (35, 65),
    }.get(len(digits), False)
    if not issued or digits in _TEST_CARDS:
        return False
    doubled = "".join(str(int(digit) * 2) if position % 2 else digit for position, digit in enumerate(reversed(digits)))
    return sum(map(int, doubled)) % 10 == 0


def is_social_security(text: str) -> bool:
    """Whether a number of the form of a US social security number is none that is known from examples."""
    return text not in _KNOWN_SSN


def is_public_address(text: str, before: str) -> bool:
    """Whether it is the address of a machine on the internet, and no version number by what stands before it."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if not address.is_global or text in _RESOLVERS:
        return False
    if address.version == 6 or _ABOUT_HOSTS.search(before):
        return True
    return not _VERSION.search(before) and int(text.partition(".")[0]) >= _LOW
