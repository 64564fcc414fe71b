"""Markup that carries meaning: the text says what somebody who sees the page reads."""

from __future__ import annotations

import pytest

from humpback.corpus.parsing.html import parse_html
from humpback.corpus.parsing.markdown import parse_markdown
from humpback.corpus.parsing.rst import parse_rst
from humpback.corpus.parsing.sections import Header, clean
from tests.corpus.samples import BREAD, TIDES


def last_block(markup: str) -> str:
    """What becomes of markup that stands behind a paragraph."""
    blocks = parse_html(f"<html><body><article><p>{TIDES[0]} {TIDES[1]}</p>{markup}</article></body></html>").blocks
    return blocks[-1].title if isinstance(blocks[-1], Header) else blocks[-1]


@pytest.mark.parametrize(
    ("markup", "read"),
    [
        ("a mole is 6 &times; 10<sup>23</sup> grains", "a mole is 6 × 10²³ grains"),
        ("10<sup>-9</sup> m, 40 m<sup>2</sup>", "10⁻⁹ m, 40 m²"),
        ("CO<sub>2</sub>, SO<sub>4</sub><sup>2-</sup>", "CO₂, SO₄²⁻"),
        ("2<sup>k</sup>, e<sup>x+y</sup>, a<sub>ij</sub>", "2^k, e^(x+y), a_ij"),
        ("the 1<sup>st</sup> loaf, Crumb<sup>TM</sup>", "the 1st loaf, CrumbTM"),
        ("it rises<sup><a href='#n1'>3</a></sup> twice", "it rises twice"),
        ("it rises.<sup>3</sup> Then it falls.<a href='#n4'>[4]</a>", "it rises. Then it falls."),
        ("it rises<a href='#n'>[4]</a><sup>[citation needed]</sup>, as in <a href='#n'>[2]</a>", "it rises, as in [2]"),
        ("it falls. [who?] It rises.[12]", "it falls. It rises."),
        ("the item a[1] of a list", "the item a[1] of a list"),
        ("salt costs <del>9</del> <ins>7</ins> crowns, <s>no</s><strike>t</strike> more", "salt costs 7 crowns, more"),
        ("bake <span style='text-decoration: line-through'>cold</span> hot", "bake hot"),
        ("the river <ruby>潮<rp>(</rp><rt>しお</rt><rp>)</rp></ruby> rises", "the river 潮 rises"),
        ("he said <q>wait</q> twice", 'he said "wait" twice'),
        ("press <button>Bake</button> and wait", "press Bake and wait"),
        ("press the <img src=b.png alt='flame'> key", "press the flame key"),
        ("<img src=b.png alt='A loaf'> fresh bread", "fresh bread"),
        ("the dough &shy;ri&shy;ses&#8203; slow&#8288;ly", "the dough rises slowly"),
        ("there<a href='#x'></a> ( ) it is", "there it is"),
    ],
)
def test_a_sentence_reads_as_on_the_page(markup: str, read: str):
    assert last_block(f"<p>{markup}</p>") == read


@pytest.mark.parametrize(
    ("markup", "tex"),
    [
        ("<script type='math/tex'>a+b</script>", "$a+b$"),
        ("<script type='math/tex; mode=display'>a+b</script>", "$a+b$"),
        ("<span class=MathJax>ab<math><mi>x</mi></math></span><script type='math/tex'>a+b</script>", "$a+b$"),
        (
            "<math><msup><mi>c</mi><mn>2</mn></msup><mo>=</mo><mfrac><mi>E</mi><mi>m</mi></mfrac></math>",
            "$c^2=\\frac{E}{m}$",
        ),
        ("<math><msqrt><msubsup><mi>x</mi><mi>ij</mi><mn>2</mn></msubsup></msqrt></math>", "$\\sqrt{x_{ij}^2}$"),
        ("<m:math><m:mfrac><m:mi>a</m:mi><m:mi>b</m:mi></m:mfrac></m:math>", "$\\frac{a}{b}$"),
        ("<math><mfenced><mi>a</mi><mi>b</mi></mfenced></math>", "$(a, b)$"),
        ("<img class=tex src=f.png alt='E = mc^2'>", "$E = mc^2$"),
        ("<img src='/latex.php?x' alt='a+b'>", "$a+b$"),
        ("<img src=f.png alt='{\\displaystyle \\alpha _{1}}'>", "$\\alpha _{1}$"),
        (
            "<span class=katex><span class=katex-mathml><math><semantics><mi>E</mi>"
            "<annotation encoding='application/x-tex'>E=mc^2</annotation></semantics></math></span>"
            "<span class=katex-html aria-hidden=true>E=mc2</span></span>",
            "$E=mc^2$",
        ),
        (
            "<mjx-container><svg></svg><mjx-assistive-mml><math><mi>E</mi></math></mjx-assistive-mml></mjx-container>",
            "$E$",
        ),
        ("<mjx-container><mjx-math data-latex='a_i'><mjx-c class=mjx-c61></mjx-c></mjx-math></mjx-container>", "$a_i$"),
        ("<mjx-container><mjx-msqrt><mjx-sqrt>x</mjx-sqrt></mjx-msqrt></mjx-container>", "[formula]"),
        ("<mjx-container><svg><path d='M0 0' /></svg></mjx-container>", "[formula]"),
        ("<img src='/latex.php?x'>", "[formula]"),
    ],
)
def test_a_formula_is_tex_whatever_it_was(markup: str, tex: str):
    assert last_block(f"<p>The law {markup} holds.</p>") == f"The law {tex} holds."


@pytest.mark.parametrize(
    ("markup", "marks"),
    [
        ("<ol start=7><li>mix<li>wait<li value=12>bake</ol>", "7. mix\n8. wait\n12. bake"),
        ("<ol reversed><li>mix<li>wait</ol>", "2. mix\n1. wait"),
        ("<ol start=0><li>mix<ul><li value=4>salt</ul><li>bake</ol>", "0. mix\n   - salt\n1. bake"),
        ("<ol type=a><li>mix<li>wait<li value=40>bake</ol>", "a. mix\nb. wait\n40. bake"),
        ("<ol type=A><li>mix<ol><li>wait</ol></ol>", "A. mix\n   1. wait"),
        ("<ol start=x><li value=''>mix</ol>", "1. mix"),
    ],
)
def test_a_list_counts_as_its_page_does(markup: str, marks: str):
    assert last_block(markup) == marks


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ("<tr><th>a<th>b<tr><td><code>-j</code> <i>N</i><td>to 2<sup>8</sup>, <b>x</b>.", ["`-j` *N* | to 2⁸, **x**."]),
        ("<tr><td rowspan=2>Rye<td>1<tr><td>2<tr><td>Oat<td>3", ["Rye | 1", "Rye | 2", "Oat | 3"]),
        ("<tr><td>a<td rowspan=0>b<td>c<tr><td>d<td>e<td>f", ["a | b | c", "d | e | f"]),
        ("<tr><th colspan=2>Flour<th>Salt<tr><td>a<td>b<td>c", ["Flour |  | Salt", "a | b | c"]),
        ("<tr><td>a<td><ul><li>b<li>c</ul><tr><td>d<td>e", ["a | b; c", "d | e"]),
    ],
)  # fmt: skip
def test_a_cell_is_whole_and_in_its_column(rows: str, lines: list[str]):
    found = last_block(f"<table>{rows}</table>").split("\n")
    assert all(f"| {line} |" in found for line in lines)


def test_a_caption_stays_above_its_table():
    table = "<table><caption>Flours and <b>salt</b></caption><tr><td>a<td>b<tr><td>c<td>d</table>"
    blocks = parse_html(f"<article><p>{TIDES[0]} {TIDES[1]}</p>{table}</article>").blocks
    assert blocks[1:] == ("Flours and salt", "| a | b |\n| --- | --- |\n| c | d |")


@pytest.mark.parametrize(
    "table",
    [
        "<table><tr><td rowspan=2><img src=n.png></td><th>Note</th></tr><tr><td><p>Keep it dry.</p></td></tr></table>",
        "<table><tr><td colspan=2>Note</td></tr><tr><td></td><td>Keep it dry.</td></tr></table>",
        "<table><tr><td class=icon>Note</td><td>Keep it dry.</td></tr></table>",
    ],
)
def test_a_note_laid_out_as_a_table_is_no_table(table: str):
    blocks = parse_html(f"<article><p>{TIDES[0]} {TIDES[1]}</p>{table}</article>").blocks
    assert blocks[1:] == ("Note", "Keep it dry.")


@pytest.mark.parametrize(
    "markup",
    [
        "<pre><div>if rye:</div><div>    bake()</div></pre>",
        "<pre>\n<div class=line>if rye:</div>\n<div class=line>    bake()</div>\n</pre>",
        "<pre><ol class=linenums><li>if rye:</li><li>    bake()</li></ol></pre>",
        "<pre><span class=lineno>1 </span>if rye:\n<span class=lineno>2 </span>    bake()</pre>",
        "<pre><code><table><tr><td class=hljs-ln-numbers>1<td>if rye:"
        "<tr><td class=hljs-ln-numbers>2<td>    bake()</table></code></pre>",
        "<table><tr><td><pre>1\n2</pre><td><pre>if rye:\n    bake()</pre></table>",
        "<pre><span class=code-line>if rye:</span><span class=code-line>    bake()</span></pre>",
        "<pre><code>if rye:</code><code>    bake()</code></pre>",
        "<code>if rye:<br>&nbsp;&nbsp;&nbsp; bake()</code>",
        "<div class=syntaxhighlighter><table><tr><td class=gutter><div>1</div><div>2</div><td>"
        "<div>if rye:</div><div>&nbsp;&nbsp;&nbsp; bake()</div></table></div>",
        "<div class=fragment><div class=line><span class=lineno>1</span>if rye:</div>"
        "<div class=line>    bake()</div></div>",
        "<div class=code-toolbar><pre>if rye:\n    bake()</pre><div class=toolbar><button>Copy</button></div></div>",
        "<div class=box><div>Copy code</div><pre>if rye:\n    bake()</pre><span>Copy</span></div>",
    ],
)  # fmt: skip
def test_the_lines_of_code_stay_lines_without_numbers_and_buttons(markup: str):
    blocks = parse_html(f"<article><p>{TIDES[0]} {TIDES[1]}</p>{markup}</article>").blocks
    assert blocks[1:] == ("```\nif rye:\n    bake()\n```",)


def test_what_only_looks_like_code_a_table_or_a_header_is_text():
    assert last_block("<div class=fragment><p>mix</p></div>") == "mix"
    assert last_block("<table><tr><td>“<td>mix it<tr><td>“<td>bake it</table>") == "bake it"
    blocks = parse_html(f"<article><h1>Loaves</h1><p>{TIDES[0]}</p><h3>Tip</h3><p>{TIDES[1]}</p></article>").blocks
    assert blocks == (Header(1, "Loaves"), TIDES[0], "**Tip**", TIDES[1])


def test_an_empty_line_of_code_stays():
    assert last_block("<pre><div>mix()</div><div></div><div>bake()</div></pre>") == "```\nmix()\n\nbake()\n```"


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("It isnâ€™t done â€“ yet", "It isn’t done – yet"),
        ("pâtÃ© brÃ»lÃ©", "pâté brûlé"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"),
        ("Â£5, Â£6", "£5, £6"),
        ("ðŸ˜€", "😀"),
        ("AU CAFÉ» à côté, déjà", "AU CAFÉ» à côté, déjà"),
        ("SÃO PAULO, can’t", "SÃO PAULO, can’t"),
        ("می\u200cشود", "می\u200cشود"),
        ("a\u200cb", "ab"),
    ],
)
def test_text_that_was_read_in_the_wrong_charset_is_read_again(broken: str, text: str):
    assert clean(broken) == text


def test_markdown_and_rst_read_raised_and_struck_out_text_as_pages_do():
    markdown = f"{BREAD[0]} At 10<sup>3</sup> Pa ~~no~~ <del>little</del> CO<sub>2</sub> stays.\n"
    assert parse_markdown(markdown).blocks[0].endswith("At 10³ Pa CO₂ stays.")  # type: ignore[union-attr]
    assert parse_rst(f"{BREAD[0]} At 10\\ :sup:`3` Pa.\n").blocks[0].endswith("At 10³ Pa.")  # type: ignore[union-attr]
