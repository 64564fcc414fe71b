"""Shapes of whole pages: where a page puts its content, and what it hides."""

from __future__ import annotations

import json
import re

import pytest

from humpback.corpus.parsing.html import parse_html
from humpback.corpus.parsing.sections import Header
from tests.corpus.samples import BREAD, TIDES

TEXTS = [f"{' '.join(BREAD[:3])} Loaf {number}." for number in range(8)]


def paragraphs(begin: int, end: int) -> str:
    return "".join(f"<p>{text}</p>" for text in TEXTS[begin:end])


def text_of(body: str) -> str:
    blocks = parse_html(f"<!doctype html><html><head><title>Loaves</title></head><body>{body}</body></html>").blocks
    return "\n\n".join(block.title if isinstance(block, Header) else block for block in blocks)


def cards(count: int, tag: str = "div") -> str:
    unit = (
        "<{0} class=unit><h3><a href='/{1}'>GONE {1}</a></h3><p>GONE: a few words that say what it is about.</p></{0}>"
    )
    return "".join(unit.format(tag, number) for number in range(count))


OTHERS = "<p>GONE: another story of ours.</p>" * 60
MAIN = f"<h1>Loaves</h1>{paragraphs(0, 8)}"
LINKS = "<ul><li><a href='/'>GONE</a></li></ul>"
JSON = json.dumps({"@graph": [{"@type": "NewsArticle", "articleBody": "\n\n".join(TEXTS)}]})
ANSWERS = "".join(
    f"<div><h3>Why {number}?</h3><div class=answer style='display: none'>{paragraphs(number, number + 1)}</div></div>"
    for number in range(8)
)
TABS = "".join(
    f"<div class='tab{state}'>{paragraphs(number, number + 1)}</div>"
    for number, state in enumerate([" active", *[" hidden"] * 7])
)
SLIDES = "".join(
    f"<section class=slide aria-hidden={'true' if number else 'false'}>{paragraphs(number, number + 1)}</section>"
    for number in range(8)
)


@pytest.mark.parametrize(
    "body",
    [
        f"<header><nav>{LINKS}<div>Menu</header><main><article>{MAIN}</article></main>",
        f"<nav>{LINKS}<div id=x>{MAIN}</div><footer><p>GONE: all rights are ours.</p></footer>",
        f"<footer><article>{MAIN}</article></footer>",
        f"<aside>{LINKS}<div>{MAIN}</div>",
        f"<div class=body><script type='text/x-template'>{MAIN}</script></div>",
        f"<div class=body><template>{MAIN}</template></div>",
        f"<div class=body><noscript>{MAIN}</noscript></div>",
        f"<iframe srcdoc='{MAIN.replace('<', '&lt;')}'></iframe>",
        f"<p>This page needs scripts.</p><script type='application/ld+json'>{JSON}</script>",
        f"<main>{TABS}</main>",
        f"<main>{SLIDES}</main>",
        f"<main><h1>Questions</h1>{ANSWERS}</main>",
        f"<main><div class='hidden-xs'>{paragraphs(0, 1)}</div><div class='sm:hidden'>{paragraphs(1, 2)}</div>"
        f"<div class='hidden md:block'>{paragraphs(2, 3)}</div><div class='hide-on-small'>{paragraphs(3, 4)}</div>"
        f"<div class='d-none d-md-block'>{paragraphs(4, 5)}</div><div class='is-hidden-mobile'>{paragraphs(5, 6)}</div>"
        f"{paragraphs(6, 8)}<div class=hidden>GONE: {TIDES[0]}</div></main>",
        f"<div id=a><div class=q><div class=post-body>{paragraphs(0, 1)}</div></div><div id=b><div class=post-body>"
        f"{paragraphs(1, 5)}</div><div class=post-body>{paragraphs(5, 8)}</div></div></div>",
        f"<div class=page><div class=content><div class=x><h2>Intro</h2>{paragraphs(0, 1)}</div><div class=y>"
        f"<div><h2>One</h2>{paragraphs(1, 2)}</div><div class=z>{paragraphs(2, 8)}</div></div></div></div>",
        f"<header><article>{paragraphs(0, 3)}</article></header><header><article>{paragraphs(3, 6)}</article></header>"
        f"<header><article>{paragraphs(6, 8)}</article></header>",
        f"<div id=a><h1>Loaves</h1><div class=teaser-text><p>{TEXTS[0]}</p></div>"
        f"<div class=text-wrap>{paragraphs(1, 8)}</div></div>",
        f"<article><h1>Loaves</h1><h2>{TEXTS[0]}</h2><div>{paragraphs(1, 8)}</div><p class=date>GONE</p></article>",
        f"<div id=story>{paragraphs(0, 8)}</div><div class=related-posts>{OTHERS}</div>",
        f"<div id=story>{paragraphs(0, 8)}</div><div id=next-posts>{OTHERS}</div>",
        f"<main><h1>Loaves</h1><time>GONE</time>{paragraphs(0, 4)}<p>GONE: <a href='/a'>why the oven is cold</a></p>"
        f"<h3>GONE: <a href='/b'>why the oven is hot</a></h3>{paragraphs(4, 8)}</main>",
        f"<main><h1>Loaves</h1>{paragraphs(0, 4)}<h2>GONE</h2><ul><li><a href='/a'>GONE</a></li></ul><h2>More</h2>"
        f"{paragraphs(4, 8)}<p><b>GONE:</b></p><nav>{LINKS}</nav></main>",
        f"<main>{paragraphs(0, 4)}<div class=image-box><img src=a.png><p>GONE: a loaf.</p></div>{paragraphs(4, 6)}"
        f"<p class=photo-description>GONE</p><div class=teaser><a href='/c'>GONE</a> GONE</div>"
        f"{paragraphs(6, 8)}</main>",
        f"<div class='elementor-widget-wrap'><div class='elementor-widget elementor-widget-text-editor'>{MAIN}</div>"
        f"</div><div class='comments'>{OTHERS}</div>",
        f"<article>{MAIN}{cards(3)}</article>",
        f"<article>{MAIN}<ul>{cards(3, 'li')}</ul></article>",
    ],
)
def test_all_of_the_content_is_found(body: str):
    found = text_of(body)
    assert [text for text in TEXTS if text not in found] == []
    assert "GONE" not in found


@pytest.mark.parametrize(
    "aside",
    ["<p class=teaser>{}</p>", "<p>Needs: <a href='/a'>flour</a> and water</p>", "<h2>Dough</h2><h3>Rise</h3>"],
)
def test_what_only_looks_like_furniture_stays(aside: str):
    aside = aside.format(TIDES[0])
    found = text_of(f"<main><h1>Loaves</h1>{aside}{paragraphs(0, 8)}</main>")
    assert all(text in found for text in re.findall(r">([^<>]+)<", aside))


def test_a_short_text_beside_many_cards_is_the_content():
    found = text_of(f"<div id=text><h1>Loaves</h1><p>{TIDES[0]} {TIDES[1]}</p></div><div id=more>{cards(12)}</div>")
    assert f"{TIDES[0]} {TIDES[1]}" in found
    assert "GONE" not in found


@pytest.mark.parametrize(
    ("header", "lead"),
    [
        (
            f"<header><h1>Loaves</h1><p>{TIDES[0]}</p><p>GONE by Ada, in the north, on the 3rd of May</p></header>",
            TIDES[0],
        ),
        (f"<header><h1>Loaves</h1><div><p class=dek>{TIDES[0].rstrip('.')}</p></div></header>", TIDES[0].rstrip(".")),
        (f"<header><p>GONE: {TIDES[1]}</p><h1>Loaves</h1></header>", ""),
    ],
)
def test_the_lead_in_a_header_stays_behind_its_title(header: str, lead: str):
    found = text_of(f"<article>{header}{paragraphs(0, 8)}</article>")
    assert lead in found
    assert "GONE" not in found


def test_a_page_that_shows_its_text_is_not_searched_for_more():
    hidden = f"<noscript><p>GONE: {TIDES[0]}</p></noscript><script type='application/ld+json'>{JSON}</script>"
    found = text_of(f"<main>{MAIN}</main>{hidden}")
    assert found.count(TEXTS[0]) == 1
    assert "GONE" not in found


@pytest.mark.parametrize("data", ["{", "[" * 100_000, '{"articleBody": 3}', "null"])
def test_data_that_is_no_article_does_no_harm(data: str):
    assert text_of(f"<p>{TIDES[0]}</p><script type='application/ld+json'>{data}articleBody</script>") == TIDES[0]


def test_text_behind_a_menu_counts_as_that_of_the_element_around_both():
    text = " ".join(BREAD)
    assert text in text_of(f"<div><nav><a href='/'>GONE</a></nav>{text}</div><div><p>{TIDES[0]}</p></div>")


@pytest.mark.parametrize("tag", ["removed", "REMOVED"])
def test_no_element_of_a_page_passes_for_one_that_was_removed(tag: str):
    kept = text_of(f"<{tag} class=x><div>{MAIN}<{tag}>more</{tag}></div></{tag}><footer>GONE</footer>")
    assert all(text in kept for text in [*TEXTS, "more"])
    assert "GONE" not in kept
