from __future__ import annotations

import pytest

from humpback.corpus.parsing.markdown import parse_markdown
from humpback.corpus.parsing.sections import Header


def blocks(text: str) -> list[Header | str]:
    return list(parse_markdown(text).blocks)


def test_both_kinds_of_headers_are_found_and_code_is_not_searched():
    text = "Title\n=====\n\n## Part one ##\n\n```sh\n# no header\n```\n\n###Tight\n"
    assert blocks(text) == [Header(1, "Title"), Header(2, "Part one"), "```sh\n# no header\n```", Header(3, "Tight")]


def test_the_markup_of_a_header_is_taken_off():
    assert blocks("# The `rise()` of *good* [bread](https://example.org) {#bread}") == [
        Header(1, "The rise() of good bread")
    ]


def test_front_matter_gives_the_title_and_is_dropped():
    page = parse_markdown("---\ntitle: 'Slow bread'\nlayout: post\n---\n# Dough\n")
    assert page.title == "Slow bread"
    assert list(page.blocks) == [Header(1, "Dough")]


@pytest.mark.parametrize(
    "badge",
    [
        "![build](https://example.org/build.svg)",
        "[![PyPI](https://example.org/v.svg)](https://example.org/p) [![CI](https://example.org/ci.svg)][ci]",
        '<p align="center"><img src="logo.png" alt="logo"></p>',
        "<!-- start badges -->",
        "| | |\n| --- | --- |\n| Build | [![CI](https://example.org/ci.svg)](https://example.org) |",
        "- [Install](#install)\n- [Use](#use)",
        "[ci]: https://example.org/ci",
        "***",
    ],
)
def test_badges_images_contents_and_link_definitions_are_dropped(badge: str):
    assert blocks(f"# Bread\n\n{badge}\n\nFlour and water.\n") == [Header(1, "Bread"), "Flour and water."]


def test_links_stay_where_they_lead_somewhere():
    text = (
        "See [the book](https://example.org/book), [the next page](../next.md), [above](#top), [this][1] and [Rye].\n\n"
        "[1]: x\n[rye]: y\n"
    )
    assert blocks(text) == ["See [the book](https://example.org/book), the next page, above, this and Rye."]


def test_a_wrapped_paragraph_becomes_one_line_and_a_hard_break_stays():
    assert blocks("Mix the flour\nwith water.  \nThen wait.\n\n> A quoted\n> line.\n") == [
        "Mix the flour with water.\nThen wait.",
        "> A quoted line.",
    ]


def test_lists_and_their_code_keep_their_form():
    text = "1. Weigh the\n   flour.\n\n   ```sh\n   scale --zero\n   ```\n2. Add <b>water</b>.\n   * slowly\n"
    assert blocks(text) == ["1. Weigh the flour.\n\n   ```sh\n   scale --zero\n   ```\n2. Add water.\n   * slowly"]


def test_tags_go_but_code_spans_and_placeholders_stay():
    assert blocks('Press <kbd>Ctrl</kbd>, type `<br>` and <your name>.<a name="x"></a>') == [
        "Press Ctrl, type `<br>` and <your name>."
    ]


def test_raw_html_is_read_as_html():
    assert blocks("<h1 align='center'>Bread</h1>\n\n<ul>\n<li>flour</li>\n<li>water</li>\n</ul>\n") == [
        Header(1, "Bread"),
        "- flour\n- water",
    ]


def test_indented_code_becomes_a_fence():
    assert blocks("Run:\n\n    bake --hot\n") == ["Run:", "```\nbake --hot\n```"]
