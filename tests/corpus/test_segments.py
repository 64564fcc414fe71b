from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humpback.config import SegmentSettings
from humpback.corpus.cutting.navigation import is_navigation
from humpback.corpus.cutting.piece import Piece
from humpback.corpus.cutting.segments import pieces
from humpback.corpus.parsing.extract import extract
from humpback.corpus.reading.format_guess import guess_format
from humpback.records import Document
from tests.corpus.samples import BREAD, BREAD_TEXT, TIDES_TEXT, distinct, document

SETTINGS = SegmentSettings()


def cut(source: Document, settings: SegmentSettings = SETTINGS) -> list[Piece]:
    return list(pieces(extract(source), source.format, settings))


def test_the_largest_subtree_that_fits_is_one_piece_with_its_sub_headers():
    (piece,) = cut(document(f"# Bread\n\n{BREAD_TEXT}\n\n## Tides\n\n{TIDES_TEXT}\n"))
    assert piece.title_path == ("Bread",)
    assert piece.header == "Bread"
    assert piece.text == f"{BREAD_TEXT}\n\n## Tides\n\n{TIDES_TEXT}"


def test_a_subtree_that_does_not_fit_is_split_into_introduction_and_children():
    long = distinct(25)
    found = cut(
        document(
            f"# Guide\n\n{BREAD_TEXT}\n\n## Harbours\n\n{long}\n\n## Tides\n\n{TIDES_TEXT}\n\n### Spring\n\nHigh."
        ),
        SegmentSettings(max_chars=2700),
    )
    assert [(piece.title_path, piece.header, piece.text) for piece in found] == [
        (("Guide",), "Guide", BREAD_TEXT),
        (("Guide", "Harbours"), "Harbours", long),
        (("Guide", "Tides"), "Tides", f"{TIDES_TEXT}\n\n## Spring\n\nHigh."),
    ]


def test_the_title_is_the_header_of_a_document_without_a_first_level_header():
    found = cut(document(f"{BREAD_TEXT}\n\n## Tides\n\n{TIDES_TEXT}", title="Notes"))
    assert [(piece.title_path, piece.header) for piece in found] == [(("Notes",), "Notes")]


def test_a_title_above_a_first_level_header_only_leads_the_path():
    found = cut(document(f"Skip to content.\n\n# Bread\n\n{BREAD_TEXT}", title="Bread | My site"))
    assert [(piece.title_path, piece.header) for piece in found] == [
        (("Bread | My site",), ""),
        (("Bread | My site", "Bread"), "Bread"),
    ]


def test_a_header_that_repeats_the_title_is_not_said_twice():
    (piece,) = cut(document(f"## Bread\n\n{BREAD_TEXT}\n\n## Tides\n\n{TIDES_TEXT}", title="Bread"))
    assert piece.title_path == ("Bread",)
    assert piece.text.startswith(BREAD[0])


def test_a_navigation_section_stands_apart_from_the_section_that_holds_it():
    found = cut(document(f"# Bread\n\n{BREAD_TEXT}\n\n## Oven\n\nHot.\n\n### License\n\nMIT\n\n## Links\n\n- one\n"))
    assert [(piece.title_path, piece.header) for piece in found] == [
        (("Bread",), "Bread"),
        (("Bread", "Oven", "License"), "License"),
        (("Bread", "Links"), "Links"),
    ]
    assert found[0].text == f"{BREAD_TEXT}\n\n## Oven\n\nHot."


def test_the_notes_of_a_release_are_not_taken_apart():
    notes = "\n\n".join(f"### Fixes {number}\n\n{distinct(12)}" for number in range(4))
    found = cut(document(f"# History of bread\n\n{BREAD_TEXT}\n\n## v2.1.0 (2025-03-27)\n\n{notes}\n"))
    assert [piece.header for piece in found] == ["History of bread", "v2.1.0 (2025-03-27)"]


def test_plain_text_is_grouped_and_needs_no_header():
    found = cut(
        document(
            "\n\n".join(distinct(8, word) for word in ("bay", "port", "quay", "pier", "cove", "dock", "reef")),
            "text",
            "Ports",
        )
    )
    assert len(found) == 2
    assert all(not piece.headed and piece.title_path == ("Ports",) for piece in found)


def test_markdown_with_neither_header_nor_title_is_grouped_like_text():
    (piece,) = cut(document(BREAD_TEXT))
    assert not piece.headed
    assert piece.text == BREAD_TEXT


@pytest.mark.parametrize(
    ("header", "navigation"),
    [
        ("Advertisement", True),
        ("ADVERTISEMENTS", True),
        ("Related posts", True),
        ("3 Comments", True),
        ("Leave a Reply", True),
        ("MIT License", True),
        ("📝 License", True),
        ("Table of contents:", True),
        ("Version 2.4.1 - 3 May 2024", True),
        ("Comments in Python", False),
        ("React Navigation", False),
        ("Symbolic links", False),
        ("Contents of a tide table", False),
        ("1.2 Kneading the dough", False),
        ("Content", False),
        ("", False),
    ],
)
def test_navigation_headers(header: str, navigation: bool):
    assert bool(is_navigation(header, SETTINGS.header_blocklist)) is navigation


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("# Bread\n\nFlour.", "markdown"),
        ("Use **flour** and water.", "markdown"),
        ("A [book](https://example.org).", "markdown"),
        ("# Web\n\n```html\n<p>one</p>\n<p>two</p>\n```\n", "markdown"),
        ("<!DOCTYPE html><html><body><p>Flour", "html"),
        ("<p>Flour</p><p>Water</p>", "html"),
        ("Bread\n=====\n\nUse :func:`rise`.\n\n.. note:: Wait.", "rst"),
        (BREAD_TEXT, "text"),
        ("", "text"),
    ],
)
def test_the_format_is_told_from_the_look_of_the_text(text: str, form: str):
    assert guess_format(text) == form


HEADINGS = st.tuples(st.integers(1, 6), st.integers(1, 30))


@settings(deadline=None)
@given(st.lists(HEADINGS, max_size=25), st.integers(200, 2000), st.sampled_from(["", "Harbours"]))
def test_pieces_never_overlap_and_lose_no_text(shape: list[tuple[int, int]], longest: int, title: str):
    parts = ["mark0x. Before any header."]
    for number, (level, sentences) in enumerate(shape, 1):
        parts.append(f"{'#' * level} Header {'abcdefgh'[number % 8]}\n\nmark{number}x. {distinct(sentences)}")
    found = cut(
        document("\n\n".join(parts), title=title), SegmentSettings(min_chars=min(600, longest), max_chars=longest)
    )
    marks = [mark for piece in found for mark in re.findall(r"mark\d+x", piece.text)]
    assert marks == [f"mark{number}x" for number in range(len(shape) + 1)]


def test_capitals_are_the_house_style_where_most_headers_are_so():
    loud = "# A history\n\n" + "\n\n".join(
        f"## {name}\n\n{distinct(20, name.lower())}" for name in ("MILLS", "OLD INNS")
    )
    assert [piece.in_capitals for piece in cut(document(loud))] == [True, True]
    assert not any(piece.in_capitals for piece in cut(document(loud.replace("OLD INNS", "Old inns"))))


def test_a_section_about_terms_of_service_stays_in_the_section_that_holds_it():
    about = "People rarely read them, as a study of ten thousand visitors of shops has shown."
    own = "By using this site you agree to our terms."
    for text, count in ((about, 1), (own, 2)):
        assert len(cut(document(f"# Contracts\n\n{BREAD_TEXT}\n\n## Terms of service\n\n{text}"))) == count
