from __future__ import annotations

import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humpback.corpus.parsing.html import parse_fragment, parse_html
from humpback.corpus.parsing.sections import Header, Page, Unusable
from tests.corpus.samples import BREAD, TIDES


def page(body: str, head: str = "<title>Bread</title>") -> Page:
    return parse_html(f"<!doctype html><html><head>{head}</head><body>{body}</body></html>")


def text_of(parsed: Page) -> str:
    return "\n\n".join(block.title if isinstance(block, Header) else block for block in parsed.blocks)


ARTICLE = f"<h1>How to <b>bake</b> bread</h1><p>{BREAD[0]} {BREAD[1]}</p><h2>Oven</h2><p>{BREAD[4]}</p>"


def test_headers_make_the_skeleton_of_the_page():
    parsed = page(f"<main>{ARTICLE}</main>")
    assert parsed.title == "Bread"
    assert [block for block in parsed.blocks if isinstance(block, Header)] == [
        Header(1, "How to bake bread"),
        Header(2, "Oven"),
    ]


@pytest.mark.parametrize(
    "furniture",
    [
        "<nav><a href='/'>Home</a> <a href='/shop'>FURNITURE</a></nav>",
        "<footer>FURNITURE 2024, all rights reserved</footer>",
        "<aside><p>FURNITURE for you</p></aside>",
        "<script>var FURNITURE = 1;</script>",
        "<style>.FURNITURE { color: red }</style>",
        "<form action='/s'>FURNITURE <input name='q'><button>Go</button></form>",
        "<div class='cookie-banner'>We use cookies. FURNITURE</div>",
        "<div id='comments'><p>FURNITURE says: first!</p></div>",
        "<ul class='share-bar'><li>FURNITURE</li></ul>",
        "<div class='related-posts'><h3>FURNITURE</h3></div>",
        "<div style='display:none'>FURNITURE</div>",
        "<p hidden>FURNITURE</p>",
        "<div role='navigation'>FURNITURE</div>",
        "<ul><li><a href='/1'>FURNITURE one</a></li><li><a href='/2'>Another story</a></li></ul>",
        "<!-- FURNITURE -->",
    ],
)
def test_what_belongs_to_the_page_and_not_to_the_text_is_gone(furniture: str):
    found = text_of(page(f"<article>{ARTICLE}{furniture}</article>{furniture}"))
    assert "FURNITURE" not in found
    assert BREAD[0] in found
    assert BREAD[4] in found


def test_a_class_that_holds_most_of_the_page_is_not_furniture():
    assert BREAD[0] in text_of(page(f"<div class='page has-sidebar widget'>{ARTICLE}</div>"))


def test_lists_tables_and_code_keep_their_form():
    parsed = page(
        "<main><p>Three things matter in a dough, and each is easily measured at home with a scale.</p>"
        "<ol><li>flour<ul><li>wheat</li><li>rye</li></ul></li><li>water</li></ol>"
        "<table><tr><th>Flour</th><th>Water</th></tr><tr><td>500 g</td><td>350 | 360 g</td></tr></table>"
        '<pre><code class="language-python">def rise(hours):\n    return hours * 2\n</code></pre>'
        "<p>Call <code>rise(3)</code> and <strong>wait</strong>.<br>Then bake.</p></main>"
    )
    assert list(parsed.blocks[1:]) == [
        "1. flour\n   - wheat\n   - rye\n2. water",
        "| Flour | Water |\n| --- | --- |\n| 500 g | 350 \\| 360 g |",
        "```python\ndef rise(hours):\n    return hours * 2\n```",
        "Call `rise(3)` and **wait**.\nThen bake.",
    ]


def test_two_line_breaks_part_paragraphs():
    parsed = page(f"<div>{BREAD[0]}<br><br>{BREAD[1]}</div>")
    assert list(parsed.blocks) == [BREAD[0], BREAD[1]]


def test_a_fragment_inside_another_format_keeps_its_headers():
    assert parse_fragment('<h1 align="center">Yeast</h1><p align="center"><img src="logo.png"></p>') == [
        Header(1, "Yeast")
    ]


@pytest.mark.parametrize("markup", ["<div>", "<b>", "<p><b><i>", "<ul><li>", "<table><tr><td>", "<blockquote>"])
def test_a_page_that_leaves_ten_thousand_elements_open_keeps_its_text(markup: str):
    parsed = page(f"<h1>Bread</h1>{markup * 10_000}{BREAD[0]}<nav>GONE</nav><h2>Oven</h2><p>{BREAD[4]}</p>")
    assert parsed.blocks == (Header(1, "Bread"), BREAD[0], Header(2, "Oven"), BREAD[4])


def test_a_page_nested_ten_thousand_deep_in_what_is_never_left_open_is_refused():
    with pytest.raises(Unusable, match="nested too deep"):
        parse_html("<html><body>" + "<article>" * 10_000 + "text")


@pytest.mark.parametrize(
    "text", ["", "   ", "<", "<!--", "<!doctype html>", "&#xD800;", "</div></p>", "<?xml version='1'?>"]
)
def test_scraps_of_markup_do_no_harm(text: str):
    assert isinstance(parse_html(text), Page)


def test_a_header_is_without_the_link_to_it_and_keeps_its_own_sign():
    parsed = page(f"<main><h2>Learning C#<a href='#c'>#</a></h2><p>{BREAD[0]}</p><h2>F#</h2><p>{BREAD[1]}</p></main>")
    assert [block.title for block in parsed.blocks if isinstance(block, Header)] == ["Learning C#", "F#"]


def test_of_a_header_of_the_page_only_its_headers_stay():
    body = (
        f"<header><h1>Bread</h1><p>GONE by Ada, 3 May</p></header><section><header><h2>Oven</h2></header><p>{BREAD[4]}"
    )
    found = text_of(page(f"<article>{body}</p></section><p>{BREAD[0]}</p></article>"))
    assert "Oven" in found
    assert "GONE" not in found


def test_headers_at_the_end_whose_text_is_gone_go_too():
    parsed = page(f"<article>{ARTICLE}<h3>More from us</h3><ul><li><a href='/x'>Another story</a></li></ul></article>")
    assert parsed.blocks[-1] == BREAD[4]


def test_a_post_that_is_quoted_from_elsewhere_stays():
    quoted = f"<div class='social-embed'><blockquote><p>{BREAD[6]}</p>Ada, <a href='/1'>3 May</a></blockquote></div>"
    assert f"> {BREAD[6]}" in text_of(page(f"<article>{ARTICLE}{quoted}<p>{BREAD[5]}</p></article>"))


def test_what_readers_say_goes_although_it_is_longer():
    said = "".join(f"<li><p>FURNITURE {sentence}</p></li>" for sentence in (*TIDES, *TIDES, *TIDES))
    found = text_of(page(f"<div>{ARTICLE}<p>{BREAD[2]}</p></div><div id='comments'><ol>{said}</ol></div>"))
    assert "FURNITURE" not in found
    assert BREAD[2] in found


def test_emphasis_that_touches_is_one():
    parsed = page(f"<p><em>Bake</em><em>, then</em> <b>cool</b><b>.</b> {BREAD[0]}</p>")
    assert parsed.blocks == (f"*Bake, then* **cool.** {BREAD[0]}",)


def test_a_formula_is_its_tex():
    formula = (
        "<math><semantics><mi>E</mi><annotation encoding='application/x-tex'>E = mc^2</annotation></semantics></math>"
    )
    hidden = f"<span class='x'><span style='display: none'>{formula}</span><img src='e.png'></span>"
    assert page(f"<p>{TIDES[0]} Here {hidden} holds.</p>").blocks == (f"{TIDES[0]} Here $E = mc^2$ holds.",)


def test_the_language_of_code_may_stand_around_it():
    code = "<div class='highlight-python notranslate'><div class='highlight'><pre>rise(3)</pre></div></div>"
    assert page(f"<p>{BREAD[0]}</p>{code}").blocks[-1] == "```python\nrise(3)\n```"


@pytest.mark.parametrize(
    ("head", "title"),
    [
        ("<title>Rye bread | The Crumb</title>", "Rye bread"),
        ("<title>The Crumb - Rye bread</title><meta property='og:site_name' content='The Crumb'>", "Rye bread"),
        ("<title>Rye bread: the first loaf</title>", "Rye bread: the first loaf"),
        ("<title>x</title><meta property='og:title' content='Rye bread'>", "Rye bread"),
        ("<title> Loaves </title><meta property='og:title' content=' '>", "Loaves"),
        ("", ""),
    ],
)
def test_the_title_is_what_the_page_calls_itself(head: str, title: str):
    assert page(f"<div>The Crumb</div><h1>Rye bread</h1><p>{BREAD[0]}</p>", head).title == title


SHAPES = {
    "paragraphs": ("", "<p>one two three</p>"),
    "asides": ("<p>text</p>", "<aside>x</aside>y "),
    "navigation": ("<p>text</p>", "<nav>x</nav>y "),
    "cards": ("", "<h2><a href='/x'>one</a></h2><p>two</p>"),
    "emphasis": ("<p>", "<b>a</b><i>b</i>c"),
    "deep emphasis": ("<b><i>" * 500, "word "),
    "deep lists": ("<ul><li>" * 500, "<p>x</p>"),
    "deep quotations": ("<blockquote>" * 500, "<p>x</p>"),
    "deep tables": ("<table><tr><td>" * 300, "<p>x</p>"),
    "deep headers": ("<h2>" * 500, "<b>x</b>"),
    "cells": ("<table>", "<tr><td>a<td>b"),
    "line breaks": ("<p>", "x<br>"),
    "code": ("<pre>", "<span>a</span>\n"),
    "names": ("", "<p class='ad nav post-body'>x</p>"),
    "declarations": ("", "<!x><!-- y -->"),
    "raised text": ("<p>", "x<sup>2</sup>"),
    "pictures": ("<p>", "x <img alt='a key'> "),
    "notes": ("<p>", "x<a href='#n'>[1]</a> "),
    "lines of code": ("<pre>", "<div>x</div>"),
    "panels": ("", f"<div class='tab hidden'><p>{BREAD[0]}</p></div>"),
    "spans of cells": ("<table>", "<tr><td rowspan=9>a<td colspan=2>b"),
    "formulas": ("<p>", "<math><msup><mi>a</mi><mn>2</mn></msup></math> "),
    "companions": ("<div class=post-body>" * 300, f"<p>{BREAD[0]}</p><div><h2>x</h2><p>{BREAD[0]}</p></div>"),
    "open elements": ("<div>" * 3_000, "<div><b>x"),
    "titles of lists": (f"<p>{BREAD[0]}</p>", "<p>Read more</p><p><a href='/x'>y</a></p>"),
    "titles without lists": (f"<p>{BREAD[0]}</p>", "<div></div><p>Read more</p>x"),
    "deep titles": ("<div>" * 500 + f"<p>{BREAD[0]}</p>", "<div><p>Read more</p></div>"),
    "captions": (f"<p>{BREAD[0]}</p>", "<p><img src=a.png></p><p><em>b</em></p>"),
    "deep captions": ("<div>" * 500 + f"<p>{BREAD[0]}</p>", "<div><div><img src=a.png></div></div>"),
    "requests": (f"<p>{BREAD[0]}</p>", "<p>Subscribe to our newsletter.</p>"),
    "bars": (f"<p>{BREAD[0]}</p>", "<table><tr><td>[<a href='/x'>y</a>]</td></tr></table>"),
    "tags without an end": ("<div>" * 3_000, "<b "),
}


def operations(text: str) -> int:
    """How many calls it takes to parse a page, those into C among them."""
    count = 0

    def called(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal count
        count += 1

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        parse_html(text)
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_a_page_twice_as_large_is_twice_the_work(shape: str):
    begin, part = SHAPES[shape]
    base, once, twice = (operations(begin + part * times) for times in (1, 1_000, 2_000))
    assert twice - once <= 1.2 * max(0, once - base) + 100


@pytest.mark.parametrize("separator", [" ", "='1' ", '="a b" '])
def test_attributes_by_the_thousand_cost_a_tag_its_attributes_only(separator: str):
    soup = separator.join(f"a{number}" for number in range(200_000))
    assert text_of(parse_html(f"<body><p {soup}>{BREAD[0]}</p><p>{BREAD[1]}</p>")) == f"{BREAD[0]}\n\n{BREAD[1]}"


def test_one_long_attribute_and_long_code_are_left_alone():
    data = "x" * 20_000
    body = f"<script>var a = '{data}' < 1;</script><article data-x='{data}' class='nav'>{ARTICLE}</article>"
    assert BREAD[0] in text_of(page(body))


@pytest.mark.parametrize(
    "text", ["a\x00b", "\udcff\ud800 word", "<p>a\x00</p>\x0b\x1b", "&#0;&#x110000;", "\ufeff<p>x"]
)
def test_bytes_that_are_no_text_do_no_harm(text: str):
    assert all(block for block in parse_html(f"{text}<p>{BREAD[0]}</p>{text}").blocks)


TAGS = (
    "<p> </p> <div> </div> <div|class='nav'> <aside> <header> <h2> </h2> <ul> <li> </ul> <table> <tr> <td> </table> "
    "<pre> </pre> <b> </b> <code> </code> <br> <a|href='/x'> <a|href='#x'> </a> <math> <svg> <title> <body> <main> "
    "<form> <hr> "
    "</body> <blockquote> <dl> <dt> <dd> <button> <script> </script> <!-- --> <![CDATA[ ]]> &amp; &#0; < > word. #"
)
PIECES = st.sampled_from([*TAGS.replace("|", "\xa0").split(" "), "|", "\x00", "\ud800"])


@given(st.lists(PIECES | st.text(max_size=8), max_size=60))
def test_no_markup_makes_it_crash(pieces: list[str]):
    text = "".join(pieces).replace("\xa0", " ")
    assert parse_html(text) == parse_html(text)
    assert isinstance(parse_fragment(text), list)


def test_an_encoding_declared_in_a_decoded_page_does_no_harm():
    parsed = parse_html(f'<?xml version="1.0" encoding="utf-16"?><html><body><p>{TIDES[0]} café</p></body></html>')
    assert "café" in text_of(parsed)
