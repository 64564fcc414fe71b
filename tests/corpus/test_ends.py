from __future__ import annotations

import pytest

from humpback.config import SegmentSettings
from humpback.corpus.cutting.ends import without_furniture
from humpback.corpus.cutting.segments import pieces
from humpback.corpus.parsing.extract import extract
from tests.corpus.samples import BREAD_TEXT, TIDES_TEXT, document


@pytest.mark.parametrize(
    "paragraph",
    [
        "*Originally published at https://example.org/bread*",
        "This post was first published on the bakers' blog. Ann Baker is a baker.",
        "By Ann Baker",
        "Last updated on 3 May 2024",
        "5 min read",
        "*Image credit: the bakers' guild*",
        "[Back to top](#top)",
        "{{ video | embed }}",
        "* * *",
    ],
)
def test_what_a_page_says_of_itself_is_taken_off_both_ends(paragraph: str):
    assert without_furniture(f"{paragraph}\n\n{BREAD_TEXT}\n\n{paragraph}") == BREAD_TEXT


@pytest.mark.parametrize(
    "paragraph",
    [
        "***Follow the bakers on Facebook, Twitter and Instagram.***",
        "Sign up for our newsletter!",
        "Read more here.",
        "If you enjoyed this loaf, please subscribe to our channel.",
        "Additional reporting by Ann Baker",
        "Thank you for reading!",
        "Source: the bakers' guild",
        "Ann Baker and Bob Miller contributed to this report.",
        "© 2024 The bakers' guild. All rights reserved.",
    ],
)
def test_some_of_it_stands_at_the_end_only(paragraph: str):
    assert without_furniture(f"{BREAD_TEXT}\n\n{paragraph}") == BREAD_TEXT
    assert without_furniture(f"{paragraph}\n\n{BREAD_TEXT}") == f"{paragraph}\n\n{BREAD_TEXT}"


def test_notes_at_the_end_are_taken_off():
    notes = "[3] Ann Baker told us.\n\n[4] As of May."
    assert without_furniture(f"{BREAD_TEXT}\n\n{notes}") == BREAD_TEXT
    assert without_furniture(f"{notes}\n\n{BREAD_TEXT}") == f"{notes}\n\n{BREAD_TEXT}"


@pytest.mark.parametrize(
    "paragraph",
    [
        "By the evening the dough has risen.",
        "Images of bread need no caption.",
        "Source control keeps recipes safe.",
        "Read more books about bread, and bake on Sundays.",
        "Printing was invented for bakers.",
    ],
)
def test_paragraphs_that_only_begin_like_it_stay(paragraph: str):
    text = f"{paragraph}\n\n{BREAD_TEXT}\n\n{paragraph}"
    assert without_furniture(text) == text


def test_nothing_is_taken_from_the_middle_and_something_always_stays():
    text = f"{BREAD_TEXT}\n\nBy Ann Baker\n\n{TIDES_TEXT}"
    assert without_furniture(text) == text
    assert without_furniture("By Ann Baker\n\nBy Bob Miller") == "By Bob Miller"


def test_pieces_come_without_it():
    found = pieces(extract(document(f"# Bread\n\nBy Ann Baker\n\n{BREAD_TEXT}")), "markdown", SegmentSettings())
    assert [piece.text for piece in found] == [BREAD_TEXT]
