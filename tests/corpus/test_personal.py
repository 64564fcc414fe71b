from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.config import CorpusSettings, SegmentSettings
from humpback.corpus.cut import cut
from humpback.corpus.judging.personal import find, mask
from tests.corpus.samples import BREAD_TEXT, document


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to ann.baker@bakery.co.uk.", "Write to [email address]."),
        ("Ann Baker <ann@bakery.org> bakes.", "Ann Baker [email address] bakes."),
        ("[Ann](mailto:ann@bakery.org?subject=Rye) bakes.", "Ann bakes."),
        ("[ann@bakery.org](mailto:ann@bakery.org)", "[email address]"),
        ("{'owner': 'ann@bakery.org'}", "{'owner': '[email address]'}"),
        ("ann [at] bakery [dot] org", "[email address]"),
        ("Call +49 30 1234567 or (212) 664-7890.", "Call [phone number] or [phone number]."),
        ("Her number is 415-626-2671, ask for Ann.", "Her number is [phone number], ask for Ann."),
        ("Tel. 030 / 901820", "Tel. 030 / 901820"),
        ("Tel: 030 9018 2011, closed on Sundays", "Tel: [phone number], closed on Sundays"),
        ("+442079460958", "[phone number]"),
        ("Pay to DE44 5001 0517 5407 3249 31 today.", "Pay to [account number] today."),
        ("Her card is 4539 1488 0343 6467.", "Her card is [card number]."),
        ("SSN 536-22-8712", "SSN [social security number]"),
        ("The visitor came from 84.23.17.201 at noon.", "The visitor came from [IP address] at noon."),
        ("Host 2a02:8108:8400:1::17 answered.", "Host [IP address] answered."),
    ],
)
def test_what_is_somebodys_is_masked_with_words(text: str, masked: str):
    assert mask(text)[0] == masked


@pytest.mark.parametrize(
    "text",
    [
        "Write to ann@example.com or you@yourdomain.com.",
        "git clone git@github.com:bakers/bread.git",
        "Mails come from noreply@bakery.org and from bot@users.noreply.github.com.",
        "Connect to mongodb://username:password@ds7.bakery.org:1316/bread.",
        "Follow @ann@bakery.social, or name a redacted ...@bakery.org.",
        "The picture is loaf@2x.png, the packages are bread@1.2.3 and @bakers/rye@latest.",
        "Call (555) 123-4567, 212-555-0143 or 1-800-273-8255.",
        "On 2019-11-19 we baked 1234567 loaves, 123-456-7890 in all.",
        "The range is 10.5.2020-12.5.2020.",
        "IBAN: DE89 3704 0044 0532 0130 00 is the sample of the registry.",
        "IBAN: DE44 5001 0517 5407 3249 32 has a wrong check digit.",
        "Test with 4242 4242 4242 4242.",
        "The number 4539 1488 0343 6468 is no card.",
        "See https://social.example/status/4539148803436467 and ISBN 978-1-59327-599-0.",
        "Listen on 127.0.0.1, 0.0.0.0 or 192.168.1.20; ask 8.8.8.8.",
        "Version 84.23.17.201 is out, and Chrome 91.0.44.72 too.",
        "Run `ping 84.23.17.201`.",
        "Allow 84.23.17.0/24.",
        "```\nserver 84.23.17.201;\n```",
        "Set std::vector, a::b, 12:30:45 and 2001:db8::1.",
        "078-05-1120 was printed on cards.",
        "phone book of 1998, call 911",
    ],
)
def test_what_is_nobodys_stays(text: str):
    assert mask(text) == (text, [])


def segment(choice: str) -> tuple[list[str], list[tuple[str, str, str]]]:
    told = CorpusSettings(segment=SegmentSettings.model_validate({"personal_data": choice}))
    text = f"# Bread of ann@bakery.org\n\nWrite to ann@bakery.org. {BREAD_TEXT}"
    outcome = cut([document(text)], told)
    return (
        [f"{' > '.join(item.title_path)}: {item.text[:25]}" for item in outcome.kept],
        [(item.reason, item.detail, item.excerpt[:26]) for item in outcome.dropped],
    )


def test_segments_are_masked_dropped_or_kept_as_set():
    assert segment("mask") == (["Bread of [email address]: Write to [email address]."], [])
    assert segment("keep") == (["Bread of ann@bakery.org: Write to ann@bakery.org. "], [])
    assert segment("drop") == ([], [("holds personal data", "1 email address", "Write to [email address]. ")])


def test_the_drop_ledger_holds_no_personal_data_either():
    (dropped,) = cut([document("# Bread\n\nWrite to ann@bakery.org.")], CorpusSettings()).dropped
    assert (dropped.reason, dropped.excerpt) == ("too short", "Write to [email address].")


PARTS = st.sampled_from(
    ["ann@bakery.org", "+49 30 1234567", "4539 1488 0343 6467", "84.23.17.201", "(", ")", "[", "]", "<", ">", " ", "`"]
)


@settings(deadline=None)
@given(st.lists(PARTS, max_size=12).map(" ".join))
def test_what_is_found_lies_in_order_and_masking_leaves_nothing_to_mask(text: str):
    found = find(text)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all(0 <= item.start < item.end <= len(text) for item in found)
    masked, _ = mask(text)
    assert "ann@bakery.org" not in masked
