from __future__ import annotations

import pytest

from humpback.corpus.html import parse_fragment, parse_html
from humpback.corpus.sections import Header, Page, Unusable
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


@pytest.mark.parametrize("markup", ["<div>", "<b>", "<ul><li>", "<table><tr><td>", "<blockquote>"])
def test_a_page_nested_ten_thousand_deep_is_refused(markup: str):
    with pytest.raises(Unusable, match="nested too deep"):
        parse_html("<html><body>" + markup * 10_000 + "text")


@pytest.mark.parametrize(
    "text", ["", "   ", "<", "<!--", "<!doctype html>", "&#xD800;", "</div></p>", "<?xml version='1'?>"]
)
def test_scraps_of_markup_do_no_harm(text: str):
    assert isinstance(parse_html(text), Page)


def test_an_encoding_declared_in_a_decoded_page_does_no_harm():
    parsed = parse_html(f'<?xml version="1.0" encoding="utf-16"?><html><body><p>{TIDES[0]} café</p></body></html>')
    assert "café" in text_of(parsed)
