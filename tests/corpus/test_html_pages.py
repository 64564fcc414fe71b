"""Whole pages that are no articles, each built the way its kind is built on the web, with words of our own."""

from __future__ import annotations

import pytest

from humpback.corpus.parsing.html import parse_html
from humpback.corpus.parsing.sections import Header, Page

DOCUMENTATION = """<!doctype html><html lang="en"><head><title>Timers — Pendulum 2.1 documentation</title></head><body>
<div class="related" role="navigation"><ul><li><a href="genindex.html">GONE index</a></li></ul></div>
<div class="document"><div class="documentwrapper"><div class="bodywrapper"><div class="body" role="main">
<section id="timers"><h1>Timers<a class="headerlink" href="#timers" title="Link">¶</a></h1>
<p>A timer calls a function after a delay. It is cancelled by dropping it.</p>
<div class="contents topic"><p class="topic-title">GONE on this page</p><ul>
<li><a href="#start">Starting a timer</a></li><li><a href="#stop">Stopping a timer</a></li></ul></div>
<section id="start"><h2>Starting a timer<a class="headerlink" href="#start">#</a></h2>
<dl class="py function"><dt id="start_timer"><code>start_timer</code>(<em>delay</em>, <em>call</em>)
<a class="reference internal" href="_modules/timer.html">[source]</a><a class="headerlink" href="#x">¶</a></dt>
<dd><p>Calls <code>call</code> once <em>delay</em> seconds have gone by.</p>
<dl class="field-list"><dt>Parameters</dt><dd><ul><li><strong>delay</strong> – seconds, not below zero.</li>
<li><strong>call</strong> – what is called.</li></ul></dd></dl></dd></dl>
<div class="admonition note"><p class="admonition-title">Note</p><p>A delay of zero is the next turn.</p></div>
<aside class="note" aria-label="Tip"><p>Keep the handle that comes back.</p></aside>
<div class="highlight-python notranslate"><div class="highlight"><pre><span></span><span class="k">handle</span> = \
start_timer(<span class="mi">2</span>, print)
<span class="k">handle</span>.cancel()
</pre></div></div></section>
<section id="stop"><h2>Stopping a timer<a class="headerlink" href="#stop">#</a></h2>
<p>See <a href="loop.html">the loop</a>, and what is said on <a href="turns.html">turns</a>, for their order.</p>
<table class="docutils"><thead><tr><th>Call</th><th>Effect</th></tr></thead><tbody>
<tr><td><code>cancel()</code></td><td>never called</td></tr><tr><td><code>rush()</code></td><td>called now</td></tr>
</tbody></table></section></section></div></div></div>
<div class="sphinxsidebar" role="navigation"><h3>GONE contents</h3><ul><li><a href="a.html">GONE Clocks</a></li></ul>
</div></div><footer>GONE copyright 2024</footer></body></html>"""

RECIPE = """<html><head><title>Lentil soup - Spoon and Pot</title>
<meta property="og:title" content="Lentil soup - Spoon and Pot"></head>
<body class="post-template single"><div class="site-container"><header class="site-header"><p>GONE Spoon and Pot</p>
<nav><a href="/">GONE Home</a></nav></header><main class="content"><article class="post entry">
<header class="entry-header"><h1 class="entry-title">Lentil soup</h1>
<p class="entry-meta">GONE by Ada, 3 May</p></header>
<div class="entry-content"><p>This soup is thick, cheap and done within the hour, and it is better the next day.</p>
<p>Red lentils need no soaking and fall apart by themselves, so that nothing has to be blended.</p>
<div class="wprm-recipe-container"><div class="wprm-recipe"><h2 class="wprm-recipe-name">Lentil soup</h2>
<div class="wprm-recipe-rating">GONE 4.9 from 112 votes</div>
<div class="wprm-recipe-ingredients-container"><h3>Ingredients</h3><ul class="wprm-recipe-ingredients">
<li>200 g red lentils</li><li>1 onion</li><li>2 carrots</li><li>1 tsp cumin</li></ul></div>
<div class="wprm-recipe-instructions-container"><h3>Instructions</h3><ol>
<li>Fry the onion and the cumin in oil until they smell sweet.</li>
<li>Add lentils, carrots and a litre of water.</li><li>Simmer for 25 minutes and salt at the end.</li></ol></div></div>
</div><div class="sharedaddy share-buttons"><a href="https://example.org/share">GONE Share</a></div>
<h3>You may also like</h3><ul class="related-posts"><li><a href="/dal">GONE Dal with spinach</a></li></ul>
</div></article>
<section id="comments" class="comments-area"><h3>GONE 2 comments</h3><ol class="comment-list">
<li class="comment"><p>GONE I made it with coriander and it was lovely, thank you so much for this one!</p></li>
</ol></section></main><aside class="sidebar"><h4>GONE About Ada</h4><p>GONE Ada cooks.</p></aside>
<div class="cookie-notice"><p>GONE We use cookies to make this site work better for you and for us.</p></div>
</div></body></html>"""

POSTS = (
    "My bicycle chain slips under load, always in the two smallest gears. The chain is a month old. What wears first?",
    "Look at the teeth of the cassette: if they lean like waves, the new chain rides up on them. Then change both.",
    "It can be a stiff link as well. Turn the cranks backwards slowly and watch the derailleur jump.",
    "It was the cassette. The old chain had been 1.2 % longer than it should be, as a gauge showed. Thanks to both!",
)
FORUM = (
    "<html><head><title>Chain slips - Wheel talk</title></head><body><div id='wrap'>"
    "<div class='navbar'><ul><li><a href='/'>GONE Board index</a></li></ul></div>"
    "<h2 class='topic-title'><a href='/t/1'>Chain slips</a></h2>"
    + "".join(
        f"<div id='p{number}' class='post bg{number % 2}'><div class='inner'><div class='postbody'>"
        f"<p class='author'>GONE by rider{number}</p><div class='content'>{post}</div></div>"
        f"<dl class='postprofile'><dt><a href='/u/{number}'>GONE rider{number}</a></dt></dl></div></div>"
        for number, post in enumerate(POSTS)
    )
    + "<div class='pagination'><a href='/t/1/2'>GONE Next</a></div></div></body></html>"
)
DISCUSSION = (
    "<html><head><title>Chain slips</title></head><body><table id='top'><tr><td><a href='/new'>GONE new</a></td></tr>"
    "</table><table class='comment-tree'>"
    + "".join(
        f"<tr class='athing comtr'><td class='default'><div><span class='head'><a href='/u/{number}'>GONE u{number}</a>"
        f"</span></div><div class='comment'><div class='commtext'>{post}</div></div></td></tr>"
        for number, post in enumerate(POSTS)
    )
    + "</table></body></html>"
)
QUESTION = (
    "<html><head><title>chain - Why does it slip? - Wheel Exchange</title></head><body>"
    "<header><a href='/'>GONE Wheel Exchange</a></header><div class='container'><div id='left-sidebar'>"
    "<ul><li><a href='/q'>GONE Questions</a></li></ul></div><div id='content'>"
    "<div id='question-header'><h1><a href='/q/1' class='question-hyperlink'>Why does my chain slip?</a></h1></div>"
    "<div id='mainbar'><div class='question' id='question'><div class='post-layout'><div class='votecell'>"
    f"<button>GONE up</button></div><div class='postcell'><div class='s-prose js-post-body'><p>{POSTS[0]}</p></div>"
    "<div class='post-taglist'><ul class='tags'><li><a href='/t/chain'>GONE chain</a></li></ul></div></div>"
    "<div id='comments-1' class='comments'><ul class='comments-list'><li class='comment'>GONE Which gears?</li></ul>"
    "</div></div></div><div id='answers'><h2>2 Answers</h2>"
    + "".join(
        f"<div id='answer-{number}' class='answer'><div class='post-layout'><div class='answercell'>"
        f"<div class='s-prose js-post-body'><p>{post}</p><pre><code>wear = {number} / 100</code></pre></div>"
        "</div></div></div>"
        for number, post in enumerate(POSTS[1:])
    )
    + "</div></div><div id='sidebar'><h4>Related</h4><div><a href='/q/2'>GONE Why does it click?</a></div></div></div>"
    "</div><footer><p>GONE licensed</p></footer></body></html>"
)
HOW_TO = (
    "<html><head><title>How to mend a puncture: 4 steps</title></head><body><div class='page'>"
    "<div class='breadcrumbs'><a href='/'>GONE Home</a> » <a href='/bikes'>GONE Bikes</a></div>"
    "<h1>How to mend a puncture</h1><p>It takes a quarter of an hour, a patch and no strength at all.</p>"
    + "".join(
        f"<div class='step'><h3><button aria-expanded='true'>{title}</button></h3><div class='step-text'>{text}</div>"
        "<div class='step-image'><img src='x.jpg' alt='GONE'></div></div>"
        for title, text in (
            ("Take the wheel out", "Open the brake first, then the axle, and lift the wheel out of the frame."),
            ("Find the hole", "Pump the tube up and hold it to your lips: you feel the air that escapes."),
            ("Rub and glue", "Roughen the rubber, spread the glue thinly and wait until it is no longer wet."),
            ("Press the patch on", "Press hard for a minute. A tube that is mended well lasts as long as a new one."),
        )
    )
    + "<div class='related-articles'><h4><a href='/a'>GONE How to true a wheel</a></h4><p>GONE Spokes are easy.</p>"
    "<h4><a href='/b'>GONE How to oil a chain</a></h4><p>GONE Less is more.</p></div></div></body></html>"
)
CARDS = (
    "<html><head><title>Tides</title></head><body><div class='grid'><div class='left'><h1>Tides</h1>"
    + "".join(f"<p>{post} {post}</p>" for post in POSTS)
    + "</div><div class='more'>"
    + "".join(
        f"<div class='item'><a href='/n/{number}'><img src='{number}.jpg'></a>"
        f"<h4><a href='/n/{number}'>GONE News</a></h4>"
        f"<p>GONE {post}</p></div>"
        for number, post in enumerate(POSTS[:3])
    )
    + "</div></div></body></html>"
)
TWO_PARTS = (
    "<html><head><title>Threads</title></head><body><main><div class='section'><h2>First</h2>"
    + "".join(f"<p>{post} {post} {post}</p>" for post in POSTS)
    + "</div><div class='section'><h2>Second</h2><p>A short section at the end has a right to stay as well, "
    "although it holds a small part of the text only.</p></div></main></body></html>"
)
PAGES = {
    "documentation": DOCUMENTATION,
    "recipe": RECIPE,
    "forum": FORUM,
    "discussion": DISCUSSION,
    "question": QUESTION,
    "how-to": HOW_TO,
    "cards": CARDS,
    "two parts": TWO_PARTS,
}


def text_of(page: Page) -> str:
    return "\n\n".join(
        f"{'#' * block.level} {block.title}" if isinstance(block, Header) else block for block in page.blocks
    )


@pytest.mark.parametrize("kind", PAGES)
def test_what_belongs_to_the_page_is_gone(kind: str):
    assert "GONE" not in text_of(parse_html(PAGES[kind]))


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("documentation", ["# Timers", "## Starting a timer", "## Stopping a timer"]),
        ("documentation", ["A timer calls a function after a delay.", "A delay of zero is the next turn."]),
        ("documentation", ["Keep the handle that comes back.", "- **delay** – seconds, not below zero."]),
        ("documentation", ["```python\nhandle = start_timer(2, print)\nhandle.cancel()\n```"]),
        (
            "documentation",
            ["See the loop, and what is said on turns, for their order.", "| `cancel()` | never called |"],
        ),
        ("recipe", ["This soup is thick", "### Ingredients", "- 200 g red lentils\n- 1 onion"]),
        ("recipe", ["### Instructions", "1. Fry the onion", "3. Simmer for 25 minutes and salt at the end."]),
        ("forum", list(POSTS)),
        ("discussion", list(POSTS)),
        ("question", [*POSTS, "## 2 Answers", "```\nwear = 1 / 100\n```"]),
        ("how-to", ["It takes a quarter of an hour", "### Take the wheel out", "### Press the patch on", "Press hard"]),
        ("cards", ["# Tides", *POSTS]),
        ("two parts", ["## First", "## Second", "A short section at the end"]),
    ],
)
def test_what_the_page_is_about_stays_in_its_form(kind: str, kept: list[str]):
    found = text_of(parse_html(PAGES[kind]))
    assert [part for part in kept if part not in found] == []


@pytest.mark.parametrize(
    ("kind", "title"),
    [("documentation", "Timers"), ("recipe", "Lentil soup"), ("how-to", "How to mend a puncture: 4 steps")],
)
def test_the_title_is_without_the_name_of_the_site(kind: str, title: str):
    assert parse_html(PAGES[kind]).title == title
