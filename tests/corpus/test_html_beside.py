"""What stands beside a text on its page: leads belong to it; captions, buttons and lists of other pages do not."""

from __future__ import annotations

import pytest

from tests.corpus.samples import BREAD, TIDES
from tests.corpus.test_html_shapes import TEXTS, paragraphs, text_of

LEAD = "How the tides raise bread in the north, and what a moon has to do with a mill by the sea"
"""Of 80 to 160 characters, without the end of a sentence."""
LINK = "<a href='/other'>GONE by the mill</a>"
PICTURE = "<img src=loaf.png width=800>"


@pytest.mark.parametrize(
    "name", ["intro", "ts-intro", "article-lead", "teaser-text", "texto-bajada", "post-excerpt", "chapo", "vorspann"]
)
def test_an_introduction_in_front_of_the_content_is_told_by_its_name(name: str):
    head = "<div><h1>Loaves</h1><div class='{}'>" + LEAD + "</div></div>"
    page = f"<div>{head}<div id=body>{paragraphs(0, 8)}</div></div>"
    assert LEAD in text_of(page.format(name))
    assert LEAD not in text_of(page.format("subtitle"))
    assert LEAD not in text_of(page.format("author-box"))


def test_an_introduction_needs_no_title_in_front_of_it():
    found = text_of(f"<div><div><p class=intro>{LEAD}</p></div><div id=body>{paragraphs(0, 8)}</div></div>")
    assert found.startswith(LEAD)


@pytest.mark.parametrize("name", ["field-intro field-label-hidden", "field--intro field--label-hidden"])
def test_a_field_whose_label_is_hidden_is_not_hidden_itself(name: str):
    found = text_of(f"<article><h1>Loaves</h1><div class='{name}'><p>{TIDES[0]}</p></div>{paragraphs(0, 8)}</article>")
    assert TIDES[0] in found


@pytest.mark.parametrize(
    "beside",
    [
        f"<div class=box><h3>Read also</h3><p>GONE: the mill.</p><p>{LINK}</p></div>",
        f"<h3>Mehr zum Thema</h3><ul><li>{LINK}</li><li>{LINK}</li></ul>",
        f"<p><strong>Lees ook</strong></p><p>{LINK}</p><p>{LINK}</p>",
        f"<p>Leggi anche {LINK}</p>",
        f"<section><h2>Related stories</h2><div><h3>GONE one</h3><p>GONE: {TIDES[0]}</p></div>"
        f"<div><h3>GONE two</h3><p>GONE: {TIDES[1]}</p></div></section>",
        f"<div>{LINK}</div><a href='/more'>GONE</a>",
        f"<table><tr><td>[{LINK}]</td><td>[<a href='/up'>GONE</a>]</td><td>|</td></tr></table>",
        "<div class='cookie-modal'>" + "<p>GONE: we would like to bake biscuits, may we?</p>" * 40 + "</div>",
    ],
)
def test_what_leads_to_other_pages_goes_by_its_words_and_form(beside: str):
    found = text_of(f"<main><h1>Loaves</h1>{paragraphs(0, 5)}{beside}<h2>Crust</h2>{paragraphs(5, 8)}</main>")
    assert [text for text in TEXTS if text not in found] == []
    assert "GONE" not in found


@pytest.mark.parametrize(
    "part",
    [
        "<section><h2>Related work<a href='#related-work'>#</a></h2><p>{}</p></section>",
        "<h2>More about flour</h2><p>{}</p>",
        "<p>Read more slowly: {}</p>",
        "<div><h2>See also</h2><p>{} <a href='/salt'>Salt</a> says why.</p></div>",
    ],
)
def test_a_section_that_only_sounds_so_stays(part: str):
    found = text_of(f"<main><h1>Loaves</h1>{paragraphs(0, 8)}{part.format(TIDES[0])}</main>")
    assert TIDES[0] in found


@pytest.mark.parametrize(
    "figure",
    [
        f"<p>{PICTURE}</p><p><em>GONE on a rack in the north</em></p>",
        f"<div>{PICTURE}<br>GONE on a rack</div>",
        f"<div align=center><div>{PICTURE}</div><br><span>GONE on a rack</span></div>",
        f"<p><a href='/large'>{PICTURE}</a></p><p><small>GONE on a rack.</small></p>",
    ],
)
def test_what_is_written_below_a_picture_goes_by_its_place_and_form(figure: str):
    found = text_of(f"<main><h1>Loaves</h1>{paragraphs(0, 4)}{figure}{paragraphs(4, 8)}</main>")
    assert [text for text in TEXTS if text not in found] == []
    assert "GONE" not in found


@pytest.mark.parametrize(
    "figure",
    [
        f"<p>{PICTURE} fresh bread</p>",
        f"<p>{PICTURE}<br>{TIDES[0]}</p>",
        "<p><img src=note.png width=16 height=16><br>salted bread</p>",
        f"<p>{PICTURE}</p><p>salted bread</p>",
        f"<div>{PICTURE}<h3>salted bread</h3></div>",
    ],
)
def test_a_text_behind_a_picture_stays(figure: str):
    found = text_of(f"<main><h1>Loaves</h1>{paragraphs(0, 4)}{figure}{paragraphs(4, 8)}</main>")
    assert any(text in found for text in ("fresh bread", TIDES[0], "salted bread"))


def test_a_page_that_is_laid_out_by_tables_loses_its_columns_of_links():
    menu = "<td>" + "<a href='/x'>GONE</a><br>" * 12 + "<p>GONE: twelve are online.</p></td>"
    text = f"<td><div>{paragraphs(0, 8)}</div></td>"
    page = f"<table><tr><td><table><tr>{menu}{text}</tr></table></td></tr></table>"
    found = text_of(page)
    assert [text for text in TEXTS if text not in found] == []
    assert "GONE" not in found


def test_a_table_of_data_is_no_layout():
    rows = "".join(f"<tr><td>{number}</td><td>{sentence}</td></tr>" for number, sentence in enumerate(BREAD))
    found = text_of(f"<h1>Loaves</h1><table>{rows}</table>")
    assert all(sentence in found for sentence in BREAD)
    assert "| 3 |" in found


def test_parts_that_a_builder_numbers_belong_together():
    parts = "".join(
        f"<section class='elementor-section elementor-element-{number}a{number}'><p>{text}</p></section>"
        for number, text in enumerate(TEXTS)
    )
    found = text_of(f"<div><div class=e1><p>GONE: {TIDES[0]}</p></div><div class=wrap>{parts}</div></div>")
    assert [text for text in TEXTS if text not in found] == []


def test_a_text_beside_many_links_is_not_lost_with_them():
    links = "<ul>" + "<li><a href='/x'>GONE and gone again by the mill</a></li>" * 60 + "</ul>"
    found = text_of(f"<div class=page><h1>Loaves</h1><div><div class=x>{links}</div><p>{TIDES[0]}</p></div></div>")
    assert TIDES[0] in found
    assert "GONE" not in found
