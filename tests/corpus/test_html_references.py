"""Manuals and references: pages where nearly every name is a link, in shapes that many generators share."""

from __future__ import annotations

import pytest

from humpback.corpus.parsing.html import parse_html
from humpback.corpus.parsing.sections import Header
from tests.corpus.samples import BREAD, TIDES

PROSE = f"<p>{BREAD[0]} {BREAD[1]} {BREAD[2]}</p>"


def text_of(body: str) -> str:
    blocks = parse_html(f"<html><head><title>Manual</title></head><body>{body}</body></html>").blocks
    return "\n\n".join(f"# {block.title}" if isinstance(block, Header) else block for block in blocks)


def test_a_table_keeps_the_cells_that_are_links():
    table = (
        "<table><tr><th>Class</th><th>Use</th></tr><tr><td><a href='a.html'>Buffer</a></td><td>keeps bytes</td></tr>"
        "<tr><td><p><a href='b.html'>Folder</a></p></td><td>lists what is in it</td></tr></table>"
    )
    found = text_of(PROSE + table)
    assert "| Buffer | keeps bytes |" in found
    assert "| Folder | lists what is in it |" in found


def test_a_list_keeps_the_items_that_are_links():
    items = f"<ul><li><a href='/butter'>butter</a></li><li>two eggs, {TIDES[0]}</li></ul>"
    assert text_of(PROSE + items).count("- butter") == 1


def test_a_list_of_links_alone_goes():
    items = "<ul><li><a href='/a'>GONE one</a></li><li><a href='/b'>GONE two</a></li></ul>"
    assert "GONE" not in text_of(PROSE + items)


def test_a_definition_keeps_the_term_that_is_a_link():
    terms = f"<dl><dt><a href='#v'><code>--verbose</code></a></dt><dd>{TIDES[0]}</dd></dl>"
    assert "**`--verbose`**" in text_of(PROSE + terms)


@pytest.mark.parametrize(
    "header",
    [
        "<h2><a name='oven'>The oven</a></h2>",
        "<h2 id='oven'><a class='header' href='#oven'>The oven</a></h2>",
        "<h2><a href='oven.html'>The oven</a></h2>",
    ],
)
def test_a_header_is_kept_whatever_the_link_in_it(header: str):
    assert "# The oven" in text_of(f"{PROSE}{header}<p>{BREAD[4]} {BREAD[5]}</p>")


def test_an_address_that_is_written_out_is_text():
    link = "<p><a href='https://example.org/bread'>https://example.org/bread</a></p>"
    assert "https://example.org/bread" in text_of(f"{PROSE}<p>It is from this page:</p>{link}")


def test_the_names_that_code_links_are_code():
    signature = "<div class='signature'><code><a href='a.html'>rise</a>(<a href='h.html'>Hours</a>)</code></div>"
    assert "`rise(Hours)`" in text_of(PROSE + signature)


SECTION_NAMES = ("Comments", "Cookies", "Related work", "2.3. Copyright considerations")


@pytest.mark.parametrize("title", SECTION_NAMES)
def test_a_section_may_be_about_what_furniture_is_called(title: str):
    name = "-".join(title.lower().split()[-2:])
    header = f"<h2>{title}<a class='headerlink' href='#{name}'>¶</a></h2>"
    for section in (f"<section id='{name}'>", f"<div class='section' id='{name}'>", f"<section id='s-{name}'>"):
        close = "</section>" if section.startswith("<s") else "</div>"
        found = text_of(f"<div>{PROSE}{section}{header}<p>{TIDES[0]}</p>{close}<p>{BREAD[4]}</p></div>")
        assert f"# {title}" in found
        assert TIDES[0] in found


def test_notes_at_the_foot_of_a_section_belong_to_it():
    note = f"<dl class='footnote brackets'><dt>1</dt><dd><p>{TIDES[0]}</p></dd></dl>"
    assert TIDES[0] in text_of(f"<div>{PROSE}{note}<p>{BREAD[4]}</p></div>")


def test_what_readers_say_is_no_section_although_its_title_is_its_name():
    said = f"<div id='comments'><h2>Comments</h2><p>GONE {TIDES[0]}</p></div>"
    assert "GONE" not in text_of(f"<div>{PROSE}{said}</div>")


def test_sections_of_one_kind_stay_together_however_long_one_of_them_is():
    long = f"<div class='sect1'><h2>Rising</h2>{PROSE * 9}</div>"
    short = f"<div class='sect1'><h2>Oven</h2><p>{BREAD[4]} {TIDES[0]}</p></div>"
    found = text_of(f"<div id='content'>{short}{long}{short}</div>")
    assert found.count("# Oven") == 2
    assert found.count(TIDES[0]) == 2
